"""Differentiate a large weight matrix once for the whole batch, each shard some of its columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bpnet.fast import sizes
from bpnet.fast.linear import BlockedCache, BlockedLinear
from bpnet.nn.layer import Array
from bpnet.nn.memory import aligned_zeros, shared_zeros
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import Caches, Sequential
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.batch import split_evenly
from bpnet.training.step.update import Update


class LargeWeight:
    """Gather what the gradient of one linear layer's weights is made of, from all shards.

    Instead of one gradient per shard, written, read again and added, there is none: from the inputs
    x and output gradients δ of the whole batch, shard p computes some columns c after the other,

        `dW[:, c] = δ x_cᵀ`,

    and uses each before the next, in memory that its core's own cache holds.

    Args:
        stage: number of the layer's stage in the network, from 0.
        name: of the weights among all parameters.
        layer: whose weights they are.
        most: samples of the largest batch.
    """

    def __init__(self, stage: int, name: str, layer: BlockedLinear, most: int) -> None:
        self.name = name
        self._stage = stage
        out_features, in_features = self._shape = layer.weight.shape
        dtype = layer.weight.dtype
        self._inputs = shared_zeros(in_features * most, dtype).reshape(in_features, most)
        self._grad_output = shared_zeros(out_features * most, dtype).reshape(out_features, most)

    @property
    def gathered(self) -> tuple[Array, Array]:
        """Return x (in_features, most) and δ (out_features, most) of the batch's samples."""
        return self._inputs, self._grad_output

    def columns(self, arrays: FlatArrays, shards: int, number: int) -> Array:
        """Return the columns that one shard moves, of the weights or of what follows them."""
        view = arrays.views[self.name]
        return view[:, split_evenly(view.shape[1], shards, number)]

    def gather(self, caches: Caches, samples: slice) -> None:
        """Take over what a pass of these samples of the batch has left behind."""
        cache: BlockedCache = caches.stages[self._stage]
        assert cache.x is not None
        assert cache.grad_output is not None
        np.copyto(self._inputs[:, samples], cache.x)
        np.copyto(self._grad_output[:, samples], cache.grad_output)

    def slices(
        self, update: Update, shards: int, number: int
    ) -> list[tuple[slice, ParameterSlice]]:
        """Return one shard's columns, some at a time, and what their update needs.

        The gradients of all of them take turns in the same memory.
        """
        rows, columns = self._shape
        own = split_evenly(columns, shards, number)
        width = max(1, sizes.chosen().gradient_block // rows)
        grad_weight = aligned_zeros(rows * width, self._inputs.dtype)
        slices = []
        for start in range(own.start, own.stop, width):
            block = slice(start, min(start + width, own.stop))
            gradient = grad_weight[: rows * (block.stop - start)].reshape(rows, -1)
            slices.append((block, self._slice(update, block, gradient)))
        return slices

    def _slice(self, update: Update, columns: slice, grad_weight: Array) -> ParameterSlice:
        def select(arrays: FlatArrays) -> Array:
            return arrays.views[self.name][:, columns]

        return update.take(select, [grad_weight], decays=True)

    def differentiate(
        self, slices: list[tuple[slice, ParameterSlice]], batch: int
    ) -> Iterator[ParameterSlice]:
        """Write the gradient of some columns after the other; return each when it is written."""
        grad_output = self._grad_output[:, :batch]
        for columns, params in slices:
            inputs = self._inputs[columns, :batch]
            np.matmul(grad_output, inputs.T, out=params.gradient)
            yield params


def large_weights(network: Sequential, most: int) -> list[LargeWeight]:
    """Return the weights that are at least half as large as what is to be gathered for them."""
    found = []
    for number, stage in enumerate(network.stages):
        layer = stage.layer
        if isinstance(layer, BlockedLinear) and layer.weight.size >= sizes.chosen().large_weight:
            gathered = most * sum(layer.weight.shape)
            if gathered <= 2 * layer.weight.size:
                found.append(LargeWeight(number, f"{stage.position + 1}.weight", layer, most))
    return found
