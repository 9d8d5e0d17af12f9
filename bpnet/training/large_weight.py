"""Differentiate a large weight matrix once for the whole batch, each part some of its columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bpnet.nn.layer import Array
from bpnet.nn.linear import Linear, LinearCache
from bpnet.nn.parameters import FlatArrays, shared_zeros
from bpnet.nn.sequential import Caches, Sequential
from bpnet.training.part import share
from bpnet.training.update import Share, Update

LARGE = 2**18  # weights that are more than a core's own cache should be filled with
TOGETHER = 2**18  # of them at a time


class LargeWeight:
    """Gather what the gradient of one linear layer's weights is made of, from all parts.

    Instead of one gradient per part, written, read again and added, there is none: from the inputs
    x and output gradients δ of the whole batch, part p computes some columns c after the other,

        `dW[:, c] = δ x_cᵀ`,

    and uses each before the next, in memory that its core's own cache holds.

    Args:
        stage: number of the layer's stage in the network, from 0.
        name: of the weights among all parameters.
        layer: whose weights they are.
        most: samples of the largest batch.
    """

    def __init__(self, stage: int, name: str, layer: Linear, most: int) -> None:
        self.name = name
        self._stage = stage
        out_features, in_features = self._shape = layer.weight.shape
        dtype = layer.weight.dtype
        self._inputs = shared_zeros(in_features * most, dtype).reshape(in_features, most)
        self._grad_output = shared_zeros(out_features * most, dtype).reshape(out_features, most)

    def gather(self, caches: Caches, samples: slice) -> None:
        """Take over what a pass of these samples of the batch has left behind."""
        cache: LinearCache = caches.stages[self._stage]
        assert cache.x is not None
        assert cache.grad_output is not None
        np.copyto(self._inputs[:, samples], cache.x)
        np.copyto(self._grad_output[:, samples], cache.grad_output)

    def shares(self, update: Update, parts: int, number: int) -> list[tuple[slice, Share]]:
        """Return one part's columns, some at a time, and what their update needs.

        The gradients of all of them take turns in the same memory.
        """
        rows, columns = self._shape
        own = share(columns, parts, number)
        width = max(1, TOGETHER // rows)
        grad_weight = np.empty(rows * width, self._inputs.dtype)
        shares = []
        for start in range(own.start, own.stop, width):
            block = slice(start, min(start + width, own.stop))
            g = grad_weight[: rows * (block.stop - start)].reshape(rows, -1)
            shares.append((block, self._share(update, block, g)))
        return shares

    def _share(self, update: Update, columns: slice, grad_weight: Array) -> Share:
        def select(arrays: FlatArrays) -> Array:
            return arrays.views[self.name][:, columns]

        return update.share(select, [grad_weight], decays=True)

    def differentiate(self, shares: list[tuple[slice, Share]], batch: int) -> Iterator[Share]:
        """Write the gradient of some columns after the other; return each when it is written."""
        grad_output = self._grad_output[:, :batch]
        for columns, share_of_columns in shares:
            inputs = self._inputs[columns, :batch]
            np.matmul(grad_output, inputs.T, out=share_of_columns.piece.g)
            yield share_of_columns


def large_weights(network: Sequential, most: int) -> list[LargeWeight]:
    """Return the weights that are at least half as large as what is to be gathered for them."""
    found = []
    for number, stage in enumerate(network.stages):
        layer = stage.layer
        if isinstance(layer, Linear) and layer.weight.size >= LARGE:
            gathered = most * sum(layer.weight.shape)
            if gathered <= 2 * layer.weight.size:
                found.append(LargeWeight(number, f"{stage.position + 1}.weight", layer, most))
    return found
