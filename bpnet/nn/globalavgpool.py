"""Turn a picture into one number per channel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array, Layer, Shape, ShapeError
from bpnet.nn.memory import Room


@dataclass(slots=True)
class GlobalAvgPoolCache:
    """Keep the arrays that a call writes."""

    output: Array
    scratch: Array
    grad_input: Array


class GlobalAvgPool(Layer[GlobalAvgPoolCache]):
    """Keep the mean of every channel: `y_c = Σ x_c / N`, and each of its N places gets `δ_c / N`.

    The output is a vector, so `linear` may follow; it takes pictures of any size.

    Args:
        input_shape: (channels, height, width), N = height · width.

    Source: Lin, Chen and Yan, 2014, section 3.2.
    """

    kind = "globalavgpool"
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets to divide by the number of places",
        lambda layer, grad_output, cache: layer.backward(grad_output, cache) * layer.places,
    )

    def __init__(self, input_shape: Shape) -> None:
        if len(input_shape) != 3:
            raise ShapeError("globalavgpool takes a picture (channels, height, width)")
        super().__init__(input_shape, input_shape[:1])
        self.places = input_shape[1] * input_shape[2]

    def allocate(self, room: Room) -> GlobalAvgPoolCache:
        """Reserve the output, one place's gradient, and the input's."""
        scratch = room.for_backward(*self.output_shape)
        grad_input = room.for_backward(*self.input_shape)
        return GlobalAvgPoolCache(room.array(*self.output_shape), scratch, grad_input)

    def forward(self, x: Array, cache: GlobalAvgPoolCache) -> Array:
        """Return the means (channels, batch)."""
        y = np.add.reduce(x.reshape(len(x), self.places, -1), axis=1, out=cache.output)
        y /= self.places
        return y

    def backward(self, grad_output: Array, cache: GlobalAvgPoolCache) -> Array:
        """Return `∂x = δ_c / N` at every place of a channel."""
        share = np.divide(grad_output, self.places, out=cache.scratch)
        np.copyto(cache.grad_input.reshape(len(share), self.places, -1), share[:, None])
        return cache.grad_input

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            f"y_c = Σ x_c / N, N = {self.places}", "∂y_c/∂x_c = 1 / N", "∂x_c = δ_c / N"
        )
