"""Define what every layer is: sizes, parameters, a forward and a backward method, its facts.

Activations lie batch last: (features, batch) or (channels, height, width, batch), contiguous.
Columns are samples, as in the textbooks, so `z = W a + b` is written as it is read.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.facts import Formulas, Mistake, Option, Scope
from bpnet.nn.memory import Room

Array = NDArray[np.floating]
Shape = tuple[int, ...]
Cache = TypeVar("Cache")


class ShapeError(ValueError):
    """Report that a layer cannot take the shape it is given; the config's reader adds the line."""


class Layer(Generic[Cache]):
    """Map activations forward and gradients backward.

    `forward` and `backward` never assign to the layer: everything a call leaves behind lives in
    the cache, one per layer and shard, so several workers can run the same layer at once. Neither
    method writes to its argument unless the layer says that it works in place, and `backward`
    leaves the output of `forward` as it is; only a stage that says so (`stage.py`) writes the
    gradient of its input over its input.

    A worker may take its shard of a batch some samples at a time, in micro-batches. Where one ends
    changes no more than the last bits of a sum: what a layer draws depends on a sample's place in
    the batch (`draws.py`), and a layer of scope "batch" is given its shard whole.

    Args:
        input_shape: shape of one sample, without the batch.
        output_shape: likewise.
    """

    kind: ClassVar[str]
    options: ClassVar[tuple[Option, ...]] = ()  # what its line in a config may say
    scope: ClassVar[Scope] = "sample"
    draws: ClassVar[bool] = False  # takes random numbers in training: its cache has `draws`
    mistake: ClassVar[Mistake]  # that can be planted in its backward
    other_mistakes: ClassVar[tuple[Mistake, ...]] = ()  # further ones, numbered from 2

    def __init__(self, input_shape: Shape, output_shape: Shape) -> None:
        self.input_shape = input_shape
        self.output_shape = output_shape
        self.position = 0  # in its network, from 1
        self.name = self.kind
        self.parameter_shapes: dict[str, Shape] = {}
        self.state_shapes: dict[str, Shape] = {}

    def bind(self, parameters: Mapping[str, Array], state: Mapping[str, Array]) -> None:
        """Take the views of this layer's parameters and running statistics as attributes."""
        for role, view in (*parameters.items(), *state.items()):
            setattr(self, role, view)

    def initial_state(self) -> dict[str, float]:
        """Return the value at which each running statistic starts."""
        return {}

    def allocate(self, room: Room) -> Cache:
        """Prepare everything that calls with `room.batch` samples write to."""
        raise NotImplementedError

    def forward(self, x: Array, cache: Cache) -> Array:
        """Return the output for `x`, valid until the next call with this cache."""
        raise NotImplementedError

    def backward(self, grad_output: Array, cache: Cache) -> Array:
        """Overwrite the parameters' gradients and return the gradient of the input.

        A layer with parameters may skip the latter and return `grad_output` where the cache was
        made without an input gradient; layers before the first such layer are not called at all.
        """
        raise NotImplementedError

    def update_running(self, cache: Cache) -> None:
        """Mix the statistics of one call into the running ones, if the layer keeps any."""

    def activations(self) -> int:
        """Return how many numbers one sample's forward pass writes."""
        return int(np.prod(self.output_shape, dtype=np.int64))

    def multiply_adds(self) -> int:
        """Return the multiply-adds of one sample's forward pass."""
        return 0

    def formulas(self) -> Formulas:
        """Return what this layer computes, in the letters of its docstring."""
        raise NotImplementedError

    def kinks(self, cache: Cache) -> Sequence[NDArray[np.bool_]]:
        """Return on which side of every kink the last call was, where the slope jumps at some."""
        return ()

    def derivative_size(self, output: Array) -> Array | None:
        """Return |∂y/∂x| as it would be if nothing cancelled, where something does.

        Args:
            output: of this layer (samples, *output_shape).

        Returns:
            (samples, outputs, inputs), or None where the derivative's own size will do.
        """
        return None
