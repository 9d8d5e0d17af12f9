"""Pass activations on in another unit."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpnet.nn.activation import Elementwise
from bpnet.nn.facts import Formulas, Mistake, Option, factor, number
from bpnet.nn.layer import Array, Shape
from bpnet.nn.memory import Room


@dataclass(slots=True)
class ScaleCache:
    """Keep the arrays that a call writes."""

    output: Array
    grad_input: Array


class Scale(Elementwise[ScaleCache]):
    """Multiply by a constant: `y = c x`, `∂x = c δ`.

    Args:
        input_shape: any shape; the output has the same.
        factor: `c`.
    """

    kind = "scale"
    options = (Option("factor", "factor", float, positional=True, degenerate=(0, 1)),)
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets its factor", lambda layer, grad_output, cache: grad_output
    )

    def __init__(self, input_shape: Shape, factor: float) -> None:
        super().__init__(input_shape)
        self.factor = factor

    def allocate(self, room: Room) -> ScaleCache:
        """Reserve output and input gradient."""
        return ScaleCache(room.array(*self.input_shape), room.for_backward(*self.input_shape))

    def forward(self, x: Array, cache: ScaleCache) -> Array:
        """Return `c x`."""
        return np.multiply(x, self.factor, out=cache.output)

    def backward(self, grad_output: Array, cache: ScaleCache) -> Array:
        """Return `c δ`."""
        return np.multiply(grad_output, self.factor, out=cache.grad_input)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        forward = f"y = c x, c = {number(self.factor)}"
        return Formulas(
            forward, "∂y/∂x = c", "∂x = c δ", error=f"{factor(self.factor)} · {{error}}"
        )
