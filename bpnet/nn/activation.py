"""Bend the linear: functions applied to each activation on its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.facts import Formulas, Mistake, Scope
from bpnet.nn.layer import Array, Cache, Layer, Shape
from bpnet.nn.memory import Room


class Elementwise(Layer[Cache]):
    """Apply one function to every element: `a = f(z)`, `∂z = δ ⊙ f'(z)`.

    Args:
        input_shape: any shape; the output has the same.
    """

    scope: ClassVar[Scope] = "element"

    def __init__(self, input_shape: Shape) -> None:
        super().__init__(input_shape, input_shape)


@dataclass(slots=True, eq=False)
class ActivationCache:
    """Keep the output, from which the derivative follows, and the arrays that a call writes."""

    output: Array
    scratch: Array
    grad_input: Array


class Activation(Elementwise[ActivationCache]):
    """Apply a smooth function to every element; its cache has the output and room to work in."""

    def allocate(self, room: Room) -> ActivationCache:
        """Reserve the output, a scratch array and the input's gradient."""
        shape = self.input_shape
        return ActivationCache(
            room.array(*shape), room.for_backward(*shape), room.for_backward(*shape)
        )


@dataclass(slots=True, eq=False)
class ReLUCache:
    """Keep where the input was positive."""

    output: Array
    positive: NDArray[np.bool_]
    grad_input: Array


class ReLU(Elementwise[ReLUCache]):
    """Apply ReLU: `a = max(z, 0)`, `∂z = δ ⊙ [z > 0]`.

    Source: Nair and Hinton, 2010. At the kink z = 0 the derivative is taken as 0.
    """

    kind = "relu"
    mistake: ClassVar[Mistake] = Mistake(
        "it lets the gradient through where z ≤ 0",
        lambda layer, grad_output, cache: grad_output,
    )

    def allocate(self, room: Room) -> ReLUCache:
        """Reserve the output, one flag per element and the input's gradient."""
        shape = self.input_shape
        positive = room.for_backward(*shape, dtype=np.bool_)
        return ReLUCache(room.array(*shape), positive, room.for_backward(*shape))

    def forward(self, x: Array, cache: ReLUCache) -> Array:
        """Return `max(x, 0)`."""
        if cache.positive.size:
            np.greater(x, 0, out=cache.positive)
        return np.maximum(x, 0, out=cache.output)

    def backward(self, grad_output: Array, cache: ReLUCache) -> Array:
        """Return `δ ⊙ [z > 0]`."""
        return np.multiply(grad_output, cache.positive, out=cache.grad_input)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            "a = max(z, 0)", "[z > 0]", "∂z = δ ⊙ [z > 0]", error="{error} ⊙ relu'({z})"
        )

    def kinks(self, cache: ReLUCache) -> Sequence[NDArray[np.bool_]]:
        """Return where z > 0."""
        return [cache.positive]


class Sigmoid(Activation):
    """Squeeze to 0–1: `a = σ(z) = 1 / (1 + e⁻ᶻ)`, `∂z = δ ⊙ a (1 − a)`.

    Written as `½ (1 + tanh(z / 2))`, which is the same and cannot overflow.
    """

    kind = "sigmoid"
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets to multiply by σ'(z)", lambda layer, grad_output, cache: grad_output
    )

    def forward(self, x: Array, cache: ActivationCache) -> Array:
        """Return `σ(x)`."""
        return sigmoid(x, out=cache.output)

    def backward(self, grad_output: Array, cache: ActivationCache) -> Array:
        """Return `δ ⊙ a (1 − a)`."""
        slope = np.subtract(1, cache.output, out=cache.scratch)
        slope *= cache.output
        return np.multiply(grad_output, slope, out=cache.grad_input)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        forward, slope = "a = σ(z) = 1 / (1 + e⁻ᶻ)", "σ'(z) = a (1 − a)"
        return Formulas(forward, slope, "∂z = δ ⊙ a (1 − a)", error="{error} ⊙ σ'({z})")


def sigmoid(z: Array, out: Array) -> Array:
    """Write `σ(z) = ½ (1 + tanh(z / 2))` to `out` and return it."""
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out
