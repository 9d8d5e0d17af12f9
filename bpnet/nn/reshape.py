"""Pass activations on in another shape."""

from typing import ClassVar

import numpy as np

from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array, Layer, Shape
from bpnet.nn.memory import Room


class Flatten(Layer[None]):
    """Read a picture as a vector, `y = x`: channel by channel, and each of them row by row.

    With the batch last, from (channels, height, width, batch) to (features, batch), this is a
    change of view: nothing is copied.
    """

    kind = "flatten"
    scope = "identity"
    mistake: ClassVar[Mistake] = Mistake(
        "it hands the numbers back in reverse order",
        lambda layer, grad_output, cache: layer.backward(grad_output[::-1], cache).copy(),
    )

    def __init__(self, input_shape: Shape) -> None:
        super().__init__(input_shape, (int(np.prod(input_shape, dtype=np.int64)),))

    def allocate(self, room: Room) -> None:
        """Reserve nothing."""

    def forward(self, x: Array, cache: None) -> Array:
        """Return `x` as (features, batch)."""
        return x.reshape(*self.output_shape, x.shape[-1])

    def backward(self, grad_output: Array, cache: None) -> Array:
        """Return the gradient in the shape of the input."""
        return grad_output.reshape(*self.input_shape, grad_output.shape[-1])

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas("y = x as a vector", "∂y/∂x = 1", "∂x = δ", error="{error}")
