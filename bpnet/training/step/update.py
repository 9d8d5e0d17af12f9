"""Turn gradients into new weights, slice by slice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from bpnet.fast import sizes
from bpnet.nn.layer import Array
from bpnet.nn.memory import shared_zeros
from bpnet.nn.parameters import FlatArrays
from bpnet.training.averaging import AveragedWeights
from bpnet.training.layerwise import Layerwise
from bpnet.training.optimizer import Optimizer, square_sum
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.batch import Batch


class Update:
    """Add up gradients, clip them, move the weights and their average.

    Args:
        optimizer: how weights move, and how gradients are clipped.
        averaged: what follows them.
        shards: that measure the weights together, where the rule looks at each array as a whole.
    """

    def __init__(self, optimizer: Optimizer, averaged: AveragedWeights, shards: int = 1) -> None:
        self.optimizer = optimizer
        self.averaged = averaged
        arrays = len(optimizer.parameters.shapes)
        self.sums = shared_zeros(shards * arrays * 2, np.float64).reshape(shards, arrays, 2)

    @property
    def clips(self) -> bool:
        """Return whether gradients are clipped, and so measured before they are used."""
        return self.optimizer.grad_clip > 0

    @property
    def looks_first(self) -> bool:
        """Return whether whole gradients are needed before any weight is moved."""
        return self.clips or self.measures_layers

    @property
    def measures_layers(self) -> bool:
        """Return whether the rule looks at each array as a whole before it moves."""
        return isinstance(self.optimizer, Layerwise)

    def take(
        self,
        select: Callable[[FlatArrays], Array],
        gradients: Sequence[Array],
        *,
        decays: bool,
        array: int = 0,
    ) -> ParameterSlice:
        """Return what `select` takes from all the flat arrays, with its gradients of all shards."""
        average = self.averaged.parameters
        first, *others = gradients
        return dataclasses.replace(
            self.optimizer.take(select, first, decays=decays),
            array=array,
            others=others,
            average=None if average is None else select(average),
        )

    def slices(self, span: slice, gradients: Sequence[FlatArrays]) -> list[ParameterSlice]:
        """Return a span of the flat arrays, cut into slices that a core's own cache holds."""
        parameters = self.optimizer.parameters
        parts = [slice(0, parameters.weights), slice(parameters.weights, parameters.flat.size)]
        if self.measures_layers:
            parts = list(parameters.spans.values())
        within = [slice(max(span.start, p.start), min(span.stop, p.stop)) for p in parts]
        return [
            self.take(
                lambda arrays, block=block: arrays.flat[block],  # type: ignore[misc]
                [gradient.flat[block] for gradient in gradients],
                decays=part.stop <= parameters.weights,
                array=array,
            )
            for array, (part, whole) in enumerate(zip(parts, within, strict=True))
            for block in blocks(whole)
        ]

    def add_up(self, slices: Sequence[ParameterSlice], shards: int) -> float:
        """Add the gradients of the first `shards` shards; return their square sum when clipping."""
        total = 0.0
        for params in slices:
            for other in params.others[: shards - 1]:
                np.add(params.gradient, other, out=params.gradient)
            if self.clips:
                total += square_sum(params.gradient)
        return total

    def aim(
        self, number: int, slices: Sequence[ParameterSlice], batch: Batch, clipping: float
    ) -> None:
        """Measure the slices of one shard for a rule that looks at each array as a whole."""
        optimizer, sums = self.optimizer, self.sums[number]
        assert isinstance(optimizer, Layerwise)
        sums[...] = 0.0
        for params in slices:
            if clipping < 1:
                np.multiply(params.gradient, clipping, out=params.gradient)
            sums[params.array] += optimizer.aim(params, batch.step + 1)

    def apply(self, slices: Sequence[ParameterSlice], batch: Batch, clipping: float = 1.0) -> None:
        """Move weights along their gradient, and the average after them.

        Args:
            slices: with their gradients.
            batch: of this step.
            clipping: the clipping factor.
        """
        if isinstance(self.optimizer, Layerwise):
            self.optimizer.set_ratios(np.add.reduce(self.sums, axis=0))
        update, learning_rate, count = self.optimizer.update, batch.learning_rate, batch.step + 1
        for params in slices:
            if clipping < 1:
                np.multiply(params.gradient, clipping, out=params.gradient)
            update(params, learning_rate, count)
            if params.average is not None:
                self.averaged.follow(params.average, params.w, params.scratch, count)


def blocks(span: slice) -> list[slice]:
    """Cut a span into blocks."""
    size = sizes.chosen().parameter_block
    starts = range(span.start, span.stop, size)
    return [slice(start, min(start + size, span.stop)) for start in starts]
