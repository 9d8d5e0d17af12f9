"""Make pictures smaller: keep the maximum or the mean of every K×K block."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array, Cache, Layer, Memory, Shape, ShapeError


class Pool(Layer[Cache], Generic[Cache]):
    """Divide each channel into K×K blocks; rows and columns that fill no block are left out.

    Args:
        input_shape: (channels, height, width).
        kernel_size: side of a block in pixels.
    """

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

    def _grad_input(self, batch: int, memory: Memory) -> Array:
        """Reserve the input's gradient, zero where no block reaches."""
        _, height, width = self.input_shape
        left_over = height % self.kernel_size or width % self.kernel_size
        if left_over and memory.training:
            return memory.zeros(*self.input_shape, batch)
        return memory.for_backward(*self.input_shape, batch)


@dataclass(slots=True)
class MaxPoolCache:
    """Keep which place of each block held its maximum."""

    output: Array
    is_maximum: list[NDArray[np.bool_]]
    found: NDArray[np.bool_]
    grad_input: Array


class MaxPool(Pool[MaxPoolCache]):
    """Keep the largest value of every block: `y = max x`, and the gradient goes where it was.

    Among equal values the first in reading order gets the gradient.
    """

    kind = "maxpool"

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> MaxPoolCache:
        """Reserve the output and, for training, one mask per place of a block."""
        shape = (*self.output_shape, batch)
        masks = self.kernel_size**2 if memory.training else 0
        return MaxPoolCache(
            output=memory.array(*shape),
            is_maximum=[memory.array(*shape, dtype=np.bool_) for _ in range(masks)],
            found=memory.for_backward(*shape, dtype=np.bool_),
            grad_input=self._grad_input(batch, memory),
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


@dataclass(slots=True)
class AvgPoolCache:
    """Keep the arrays that a call writes."""

    output: Array
    share: Array
    grad_input: Array


class AvgPool(Pool[AvgPoolCache]):
    """Keep the mean of every block: `y = Σ x / K²`, and every place gets `δ / K²` back."""

    kind = "avgpool"

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> AvgPoolCache:
        """Reserve the output, one place's share of a gradient, and the input's gradient."""
        shape = (*self.output_shape, batch)
        share = memory.for_backward(*shape)
        return AvgPoolCache(memory.array(*shape), share, self._grad_input(batch, memory))

    def forward(self, x: Array, cache: AvgPoolCache) -> Array:
        """Return the means, shape (channels, rows, columns, batch)."""
        places = self._places(x)
        y = cache.output
        np.copyto(y, places[0])
        for place in places[1:]:
            y += place
        y /= len(places)
        return y

    def backward(self, grad_output: Array, cache: AvgPoolCache) -> Array:
        """Return `∂x = δ / K²` at every place of a block."""
        np.divide(grad_output, self.kernel_size**2, out=cache.share)
        for place in self._places(cache.grad_input):
            np.copyto(place, cache.share)
        return cache.grad_input
