"""Apply ReLU with a small slope where it would be flat."""

from typing import ClassVar

import numpy as np

from bpnet.nn.activation import ReLU, ReLUCache
from bpnet.nn.facts import Formulas, Mistake, Option, number
from bpnet.nn.layer import Array, Shape


class LeakyReLU(ReLU):
    """Shrink what is negative: `a = z` where z > 0 and `s z` elsewhere.

    Args:
        input_shape: any shape; the output has the same.
        slope: `s`, between 0 and 1.

    Source: Maas, Hannun and Ng, 2013.
    """

    kind = "leaky_relu"
    options = (Option("slope", "slope", float, 0, below=1, degenerate=(0,)),)
    mistake: ClassVar[Mistake] = Mistake(
        "it stops the gradient where z ≤ 0, as ReLU does",
        lambda layer, grad_output, cache: grad_output * cache.positive,
    )

    def __init__(self, input_shape: Shape, slope: float = 0.01) -> None:
        super().__init__(input_shape)
        self.slope = slope

    def forward(self, x: Array, cache: ReLUCache) -> Array:
        """Return `max(x, s x)`, which is the same for s < 1."""
        if cache.positive.size:
            np.greater(x, 0, out=cache.positive)
        np.multiply(x, self.slope, out=cache.output)
        return np.maximum(x, cache.output, out=cache.output)

    def backward(self, grad_output: Array, cache: ReLUCache) -> Array:
        """Return `δ ⊙ (s + (1 − s) [z > 0])`."""
        grad_input = np.multiply(cache.positive, 1 - self.slope, out=cache.grad_input)
        grad_input += self.slope
        grad_input *= grad_output
        return grad_input

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            f"a = max(z, s z), s = {number(self.slope)}",
            "s + (1 − s) [z > 0]",
            "∂z = δ ⊙ (s + (1 − s) [z > 0])",
            error="{error} ⊙ leaky_relu'({z})",
        )
