"""Turn logits into probabilities."""

from typing import ClassVar

import numpy as np

from bpnet.nn.activation import ActivationCache
from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array, Layer, Shape, ShapeError
from bpnet.nn.memory import Room


class Softmax(Layer[ActivationCache]):
    """Turn logits into probabilities: `a_i = e^{z_i} / Σ_j e^{z_j}`.

    Backward: `∂z = a ⊙ (δ − Σ_j δ_j a_j)`.

    Args:
        input_shape: (classes,).

    Source: Bridle, 1990.
    """

    kind = "softmax"
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets that every output depends on every input: a (1 − a) alone",
        lambda layer, grad_output, cache: grad_output * cache.output * (1 - cache.output),
    )

    def __init__(self, input_shape: Shape) -> None:
        if len(input_shape) != 1:
            raise ShapeError("softmax takes a vector; put `flatten` before it")
        super().__init__(input_shape, input_shape)

    def allocate(self, room: Room) -> ActivationCache:
        """Reserve the output, a scratch array and the input's gradient."""
        shape = self.input_shape
        return ActivationCache(
            room.array(*shape), room.for_backward(*shape), room.for_backward(*shape)
        )

    def forward(self, x: Array, cache: ActivationCache) -> Array:
        """Return the probabilities, shape (classes, batch); every column sums to 1."""
        return softmax(x, out=cache.output)

    def backward(self, grad_output: Array, cache: ActivationCache) -> Array:
        """Return `a ⊙ (δ − Σ_j δ_j a_j)`."""
        weighted = np.multiply(grad_output, cache.output, out=cache.scratch)
        np.subtract(grad_output, weighted.sum(axis=0), out=cache.grad_input)
        cache.grad_input *= cache.output
        return cache.grad_input

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            "a_i = e^{z_i} / Σ_j e^{z_j}",
            "∂a_i/∂z_j = a_i ([i = j] − a_j)",
            "∂z = a ⊙ (δ − Σ_j δ_j a_j)",
            error=f"(∂a/∂z of {self.name})ᵀ {{error}}",
        )

    def derivative_size(self, output: Array) -> Array:
        """Return `a_k ([k = j] + a_j)`: its derivative is the difference of these two numbers.

        With a_k near 1 that is much smaller than their rounding errors allow for.
        """
        return output[:, :, None] * (np.eye(output.shape[1]) + output[:, None, :])


def softmax(logits: Array, out: Array) -> Array:
    """Write the probabilities of each column to `out` and return it.

    The largest logit is taken away first, so that no power overflows.
    """
    np.subtract(logits, np.maximum.reduce(logits, axis=0), out=out)
    np.exp(out, out=out)
    out /= np.add.reduce(out, axis=0)
    return out
