"""Bend the linear: functions applied to every activation, and softmax over them all."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array, Layer, Memory, Shape, ShapeError


@dataclass(slots=True)
class ActivationCache:
    """Keep the output, from which the derivative follows, and the input's gradient."""

    output: Array
    scratch: Array
    grad_input: Array


class Activation(Layer[ActivationCache]):
    """Apply one function to every element: `a = f(z)`, `∂z = δ ⊙ f'(z)`.

    Args:
        input_shape: any shape; the output has the same.
    """

    def __init__(self, input_shape: Shape) -> None:
        super().__init__(input_shape, input_shape)

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> ActivationCache:
        """Reserve the output, a scratch array and the input's gradient."""
        shape = (*self.input_shape, batch)
        grad_input = memory.for_backward(*shape)
        return ActivationCache(memory.array(*shape), memory.for_backward(*shape), grad_input)


@dataclass(slots=True)
class ReLUCache:
    """Keep where the input was positive."""

    output: Array
    positive: NDArray[np.bool_]
    grad_input: Array


class ReLU(Layer[ReLUCache]):
    """Cut off what is negative: `a = max(z, 0)`, `∂z = δ ⊙ [z > 0]`.

    Source: Nair and Hinton, 2010. At the kink z = 0 the derivative is taken as 0.
    """

    kind = "relu"

    def __init__(self, input_shape: Shape) -> None:
        super().__init__(input_shape, input_shape)

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> ReLUCache:
        """Reserve the output, one flag per element and the input's gradient."""
        shape = (*self.input_shape, batch)
        grad_input = memory.for_backward(*shape)
        positive = memory.for_backward(*shape, dtype=np.bool_)
        return ReLUCache(memory.array(*shape), positive, grad_input)

    def forward(self, x: Array, cache: ReLUCache) -> Array:
        """Return `max(x, 0)`."""
        if cache.positive.size:
            np.greater(x, 0, out=cache.positive)
        return np.maximum(x, 0, out=cache.output)

    def backward(self, grad_output: Array, cache: ReLUCache) -> Array:
        """Return `δ ⊙ [z > 0]`."""
        return np.multiply(grad_output, cache.positive, out=cache.grad_input)


class LeakyReLU(Layer[ReLUCache]):
    """Shrink what is negative: `a = z` where z > 0 and `s z` elsewhere.

    Args:
        input_shape: any shape; the output has the same.
        slope: `s`, between 0 and 1.

    Source: Maas, Hannun and Ng, 2013.
    """

    kind = "leaky_relu"

    def __init__(self, input_shape: Shape, slope: float = 0.01) -> None:
        super().__init__(input_shape, input_shape)
        self.slope = slope

    allocate = ReLU.allocate

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


class Sigmoid(Activation):
    """Squeeze to 0–1: `a = σ(z) = 1 / (1 + e⁻ᶻ)`, `∂z = δ ⊙ a (1 − a)`.

    Written as `½ (1 + tanh(z / 2))`, which is the same and cannot overflow.
    """

    kind = "sigmoid"

    def forward(self, x: Array, cache: ActivationCache) -> Array:
        """Return `σ(x)`."""
        return sigmoid(x, out=cache.output)

    def backward(self, grad_output: Array, cache: ActivationCache) -> Array:
        """Return `δ ⊙ a (1 − a)`."""
        slope = np.subtract(1, cache.output, out=cache.scratch)
        slope *= cache.output
        return np.multiply(grad_output, slope, out=cache.grad_input)


class Tanh(Activation):
    """Squeeze to −1…1: `a = tanh z`, `∂z = δ ⊙ (1 − a²)`."""

    kind = "tanh"

    def forward(self, x: Array, cache: ActivationCache) -> Array:
        """Return `tanh x`."""
        return np.tanh(x, out=cache.output)

    def backward(self, grad_output: Array, cache: ActivationCache) -> Array:
        """Return `δ ⊙ (1 − a²)`."""
        slope = np.square(cache.output, out=cache.scratch)
        np.subtract(1, slope, out=slope)
        return np.multiply(grad_output, slope, out=cache.grad_input)


class Softmax(Activation):
    """Turn logits into probabilities: `a_i = e^{z_i} / Σ_j e^{z_j}`.

    Backward: `∂z = a ⊙ (δ − Σ_j δ_j a_j)`.

    Args:
        input_shape: (classes,).
    """

    kind = "softmax"

    def __init__(self, input_shape: Shape) -> None:
        if len(input_shape) != 1:
            raise ShapeError("softmax takes a vector; put `flatten` before it")
        super().__init__(input_shape)

    def forward(self, x: Array, cache: ActivationCache) -> Array:
        """Return the probabilities, shape (classes, batch); every column sums to 1."""
        return softmax(x, out=cache.output)

    def backward(self, grad_output: Array, cache: ActivationCache) -> Array:
        """Return `a ⊙ (δ − Σ_j δ_j a_j)`."""
        weighted = np.multiply(grad_output, cache.output, out=cache.scratch)
        np.subtract(grad_output, weighted.sum(axis=0), out=cache.grad_input)
        cache.grad_input *= cache.output
        return cache.grad_input


def sigmoid(z: Array, out: Array) -> Array:
    """Write `σ(z) = ½ (1 + tanh(z / 2))` to `out` and return it."""
    np.multiply(z, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def softmax(logits: Array, out: Array) -> Array:
    """Write the probabilities of each column to `out` and return it.

    The largest logit is taken away first, so that no power overflows.
    """
    np.subtract(logits, logits.max(axis=0), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=0)
    return out
