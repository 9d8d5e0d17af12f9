"""Make pictures smaller: keep the maximum of every K×K block."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.facts import MOST_PIXELS, Formulas, Mistake, Option
from bpnet.nn.layer import Array, Cache, Layer, Shape, ShapeError
from bpnet.nn.memory import Room


class Pool(Layer[Cache]):
    """Divide each channel into K×K blocks; rows and columns that fill no block are left out.

    Args:
        input_shape: (channels, height, width).
        kernel_size: side of a block in pixels.
    """

    options = (Option("size", "kernel_size", int, 1, MOST_PIXELS, positional=True),)

    def __init__(self, input_shape: Shape, kernel_size: int) -> None:
        if len(input_shape) != 3:
            raise ShapeError(f"{self.kind} takes a picture (channels, height, width)")
        channels, height, width = input_shape
        if kernel_size > min(height, width):
            raise ShapeError(f"a block of {kernel_size} is larger than the picture")
        super().__init__(input_shape, (channels, height // kernel_size, width // kernel_size))
        self.kernel_size = kernel_size

    def _places(self, picture: Array) -> list[NDArray[Any]]:
        """View the K² places of all blocks, row by row: each (channels, rows, columns, batch)."""
        _, rows, columns = self.output_shape
        k = self.kernel_size
        whole = picture[:, : rows * k, : columns * k]
        return [whole[:, row::k, column::k] for row in range(k) for column in range(k)]

    def _grad_input(self, room: Room) -> Array:
        """Reserve the input's gradient, zero where no block reaches."""
        _, height, width = self.input_shape
        left_over = height % self.kernel_size or width % self.kernel_size
        if left_over and room.training:
            return room.zeros(*self.input_shape)
        return room.for_backward(*self.input_shape)


@dataclass(slots=True, eq=False)
class MaxPoolCache:
    """Keep which place of each block held its maximum."""

    output: Array
    is_maximum: list[NDArray[np.bool_]]
    found: NDArray[np.bool_]
    grad_input: Array


def _every_place(layer: Any, grad_output: Array, cache: Any) -> Array:
    for mask in cache.is_maximum:
        mask.fill(True)
    grad_input: Array = layer.backward(grad_output, cache)
    return grad_input


class MaxPool(Pool[MaxPoolCache]):
    """Keep the largest value of every block: `y = max x`, and the gradient goes where it was.

    Among equal values the first in reading order gets the gradient.
    """

    kind = "maxpool"
    mistake: ClassVar[Mistake] = Mistake(
        "every place of a block gets the gradient, not the maximum alone", _every_place
    )

    def allocate(self, room: Room) -> MaxPoolCache:
        """Reserve the output and, for training, one mask per place of a block."""
        shape = self.output_shape
        masks = self.kernel_size**2 if room.training else 0
        return MaxPoolCache(
            output=room.array(*shape),
            is_maximum=[room.array(*shape, dtype=np.bool_) for _ in range(masks)],
            found=room.for_backward(*shape, dtype=np.bool_),
            grad_input=self._grad_input(room),
        )

    def forward(self, x: Array, cache: MaxPoolCache) -> Array:
        """Return the maxima, shape (channels, rows, columns, batch)."""
        places = self._places(x)
        y = cache.output
        np.copyto(y, places[0])
        for place in places[1:]:
            np.maximum(y, place, out=y)
        if cache.is_maximum:
            cache.found.fill(False)
            for place, mask in zip(places, cache.is_maximum, strict=True):
                np.equal(place, y, out=mask)
                np.greater(mask, cache.found, out=mask)  # only where no earlier place was as large
                np.logical_or(cache.found, mask, out=cache.found)
        return y

    def backward(self, grad_output: Array, cache: MaxPoolCache) -> Array:
        """Return `∂x = δ` at the maximum of each block and 0 elsewhere."""
        for place, mask in zip(self._places(cache.grad_input), cache.is_maximum, strict=True):
            np.multiply(grad_output, mask, out=place)
        return cache.grad_input

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            f"y = max x, K = {self.kernel_size}",
            "∂y/∂x = 1 at the maximum of each block, 0 elsewhere",
            "∂x = δ at the maximum of each block",
        )

    def kinks(self, cache: MaxPoolCache) -> Sequence[NDArray[np.bool_]]:
        """Return where each maximum was: the slope jumps where another place takes over."""
        return cache.is_maximum
