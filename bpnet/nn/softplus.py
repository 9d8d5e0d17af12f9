"""Round off the corner of ReLU."""

from typing import ClassVar

import numpy as np

from bpnet.nn.activation import Activation, ActivationCache
from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array


class Softplus(Activation):
    """Apply softplus: `a = log(1 + eᶻ)`, `∂z = δ ⊙ σ(z)`.

    The derivative follows from the output: `σ(z) = 1 − e⁻ᵃ`.

    Source: Dugas, Bengio, Bélisle, Nadeau and Garcia, 2001, section 3.
    """

    kind = "softplus"
    mistake: ClassVar[Mistake] = Mistake(
        "it multiplies by σ(a) instead of σ(z)",
        lambda layer, grad_output, cache: grad_output / (1 + np.exp(-cache.output)),
    )

    def forward(self, x: Array, cache: ActivationCache) -> Array:
        """Return `log(e⁰ + eˣ)`, which cannot overflow."""
        return np.logaddexp(0, x, out=cache.output)

    def backward(self, grad_output: Array, cache: ActivationCache) -> Array:
        """Return `δ ⊙ (1 − e⁻ᵃ)`."""
        slope = np.negative(cache.output, out=cache.scratch)
        np.expm1(slope, out=slope)
        np.multiply(grad_output, slope, out=cache.grad_input)
        return np.negative(cache.grad_input, out=cache.grad_input)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            "a = log(1 + eᶻ)", "σ(z) = 1 − e⁻ᵃ", "∂z = δ ⊙ σ(z)", error="{error} ⊙ softplus'({z})"
        )
