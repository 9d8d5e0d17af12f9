"""Squeeze activations to −1…1."""

from typing import ClassVar

import numpy as np

from bpnet.nn.activation import Activation, ActivationCache
from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array


class Tanh(Activation):
    """Squeeze to −1…1: `a = tanh z`, `∂z = δ ⊙ (1 − a²)`."""

    kind = "tanh"
    mistake: ClassVar[Mistake] = Mistake(
        "it multiplies by 1 − a instead of 1 − a²",
        lambda layer, grad_output, cache: grad_output * (1 - cache.output),
    )

    def forward(self, x: Array, cache: ActivationCache) -> Array:
        """Return `tanh x`."""
        return np.tanh(x, out=cache.output)

    def backward(self, grad_output: Array, cache: ActivationCache) -> Array:
        """Return `δ ⊙ (1 − a²)`."""
        slope = np.square(cache.output, out=cache.scratch)
        np.subtract(1, slope, out=slope)
        return np.multiply(grad_output, slope, out=cache.grad_input)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas("a = tanh z", "1 − a²", "∂z = δ ⊙ (1 − a²)", error="{error} ⊙ tanh'({z})")
