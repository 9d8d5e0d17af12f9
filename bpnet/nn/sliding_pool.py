"""Make pictures smaller by windows that may overlap, lie apart or reach beyond the border."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.facts import MOST_PIXELS, Formulas, Mistake, Option
from bpnet.nn.layer import Array, Cache, Layer, Shape, ShapeError
from bpnet.nn.memory import Room
from bpnet.nn.pool import MaxPool


class SlidingPool(Layer[Cache]):
    """Slide a K×K window over each channel; rows and columns that fill none are left out.

    Args:
        input_shape: (channels, height, width).
        kernel_size: side of a window in pixels, K.
        stride: pixels from one window to the next; by default they lie side by side.
        padding: rows and columns added on every side, at most half of K.
    """

    options = (
        Option("size", "kernel_size", int, 1, MOST_PIXELS, positional=True),
        Option("stride", "stride", int, 1, MOST_PIXELS),
        Option("padding", "padding", int, 0, MOST_PIXELS),
    )
    border: ClassVar[float]  # what padding consists of

    def __init__(
        self, input_shape: Shape, kernel_size: int, stride: int | None = None, padding: int = 0
    ) -> None:
        if len(input_shape) != 3:
            raise ShapeError(f"{self.kind} takes a picture (channels, height, width)")
        channels, *sides = input_shape
        if kernel_size > min(sides) + 2 * padding:
            raise ShapeError(f"a block of {kernel_size} is larger than the picture")
        if 2 * padding > kernel_size:
            raise ShapeError(f"padding is at most half of the block, {kernel_size // 2} pixels")
        self.kernel_size = kernel_size
        self.stride = stride or kernel_size
        self.padding = padding
        self.padded_shape = (channels, *(side + 2 * padding for side in sides))
        height, width = ((side - kernel_size) // self.stride + 1 for side in self.padded_shape[1:])
        super().__init__(input_shape, (channels, height, width))

    @property
    def tiles(self) -> bool:
        """Return whether windows lie side by side, with no border around them."""
        return self.stride == self.kernel_size and not self.padding

    @property
    def overlaps(self) -> bool:
        """Return whether windows share pixels, whose gradients add up."""
        return self.stride < self.kernel_size

    def _places(self, picture: Array) -> list[NDArray[Any]]:
        """View the K² places of all windows, row by row: each (channels, rows, columns, batch)."""
        _, rows, columns = self.output_shape
        k, step = self.kernel_size, self.stride
        down, across = step * (rows - 1) + 1, step * (columns - 1) + 1
        return [
            picture[:, row : row + down : step, column : column + across : step]
            for row in range(k)
            for column in range(k)
        ]

    def _inside(self, padded: Array) -> Array:
        """View a padded picture without its border."""
        _, height, width = self.input_shape
        return padded[:, self.padding :, self.padding :][:, :height, :width]

    def _pad(self, x: Array, padded: Array | None) -> Array:
        """Return the picture with its border, if it has one."""
        if padded is None:
            return x
        self._inside(padded)[...] = x  # the border stays as it is
        return padded

    def _padded(self, room: Room) -> Array | None:
        """Reserve the padded picture, with its border; None where there is no padding."""
        if not self.padding:
            return None
        padded = room.zeros(*self.padded_shape)
        padded.fill(self.border)
        return padded

    def _grad_padded(self, room: Room) -> Array:
        """Reserve the padded picture's gradient, which is 0 where no window reaches."""
        covered = tuple(self.stride * places for places in self.output_shape[1:])
        is_covered = self.tiles and covered == self.padded_shape[1:]
        if room.training and not is_covered and not self.overlaps:
            return room.zeros(*self.padded_shape)
        return room.for_backward(*self.padded_shape)

    def _sizes(self) -> str:
        """Return size, stride and padding for formulas."""
        sizes = f"K = {self.kernel_size}"
        sizes += f", stride {self.stride}" if self.stride != self.kernel_size else ""
        return sizes + (f", padding {self.padding}" if self.padding else "")

    def activations(self) -> int:
        """Return the numbers of the output and of the picture with its border, if it has one."""
        return super().activations() + (math.prod(self.padded_shape) if self.padding else 0)


@dataclass(slots=True)
class SlidingMaxPoolCache:
    """Keep which place of each window held its maximum.

    Args:
        padded: input with its border, or None where there is none.
        output: (channels, rows, columns, batch).
        is_maximum: one mask per place.
        found: where an earlier place was as large.
        scratch: one place's part of the gradient.
        grad_padded: gradient of the padded input.
    """

    padded: Array | None
    output: Array
    is_maximum: list[NDArray[np.bool_]]
    found: NDArray[np.bool_]
    scratch: Array
    grad_padded: Array


class SlidingMaxPool(SlidingPool[SlidingMaxPoolCache]):
    """Keep the largest value of every window: `y = max x`; `∂x = Σ δ` over where x was largest.

    Among equal values the first in reading order gets the gradient. Padding is never the largest.
    """

    kind = "maxpool"
    mistake: ClassVar[Mistake] = MaxPool.mistake
    border = -math.inf

    def allocate(self, room: Room) -> SlidingMaxPoolCache:
        """Reserve the output and, for training, one mask per place of a window."""
        shape = self.output_shape
        masks = self.kernel_size**2 if room.training else 0
        return SlidingMaxPoolCache(
            padded=self._padded(room),
            output=room.array(*shape),
            is_maximum=[room.array(*shape, dtype=np.bool_) for _ in range(masks)],
            found=room.for_backward(*shape, dtype=np.bool_),
            scratch=room.for_backward(*shape),
            grad_padded=room.for_backward(*self.padded_shape),
        )

    def forward(self, x: Array, cache: SlidingMaxPoolCache) -> Array:
        """Return the maxima, shape (channels, rows, columns, batch)."""
        places = self._places(self._pad(x, cache.padded))
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

    def backward(self, grad_output: Array, cache: SlidingMaxPoolCache) -> Array:
        """Return `∂x = Σ δ` over the windows whose maximum x is."""
        cache.grad_padded.fill(0)
        for place, mask in zip(self._places(cache.grad_padded), cache.is_maximum, strict=True):
            place += np.multiply(grad_output, mask, out=cache.scratch)
        return self._inside(cache.grad_padded)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            f"y = max x, {self._sizes()}",
            "∂y/∂x = 1 at the maximum of each window, 0 elsewhere",
            "∂x = Σ δ over the windows whose maximum x is",
        )

    def kinks(self, cache: SlidingMaxPoolCache) -> Sequence[NDArray[np.bool_]]:
        """Return where each maximum was: the slope jumps where another place takes over."""
        return cache.is_maximum
