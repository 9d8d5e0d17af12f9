"""Map features linearly, every output from every input."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bpnet.nn.facts import ACCUMULATION, MOST_OUTPUTS, Formulas, Mistake, Option
from bpnet.nn.layer import Array, Layer, Shape, ShapeError
from bpnet.nn.memory import Room


@dataclass(slots=True, eq=False)
class LinearCache:
    """Keep what backward needs and the arrays that a call writes.

    Args:
        output: (out_features, batch).
        ones: (batch,).
        gradients: of the parameters, by role.
        grad_input: (in_features, batch), where it is wanted.
        x: the last input.
    """

    output: Array
    ones: Array
    gradients: Mapping[str, Array]
    grad_input: Array | None
    x: Array | None = None


def _slightly_large_weights(layer: Any, grad_output: Array, cache: Any) -> Array:
    grad_input: Array = layer.backward(grad_output, cache)
    cache.gradients["weight"] *= 1.001
    return grad_input


class Linear(Layer[LinearCache]):
    """Compute `z = W a + b`; columns are samples.

    Args:
        input_shape: (in_features,).
        out_features: rows of `W`.
        bias: whether `b` is added.

    Source: Rumelhart, Hinton and Williams, 1986; backward is BP2, BP3, BP4 of Nielsen, 2015, ch. 2.
    """

    kind = "linear"
    options = (
        Option("out", "out_features", int, 1, MOST_OUTPUTS, positional=True),
        Option("bias", "bias", bool),
    )
    mistake: ClassVar[Mistake] = Mistake(
        "the gradient of its weight is 0.1 % too large: too little to be noticed in training",
        _slightly_large_weights,
    )
    other_mistakes = (ACCUMULATION,)
    weight: Array  # (out_features, in_features)
    bias: Array  # (out_features,)

    def __init__(self, input_shape: Shape, out_features: int, bias: bool = True) -> None:
        if len(input_shape) != 1:
            raise ShapeError("linear takes a vector; put `flatten` before it")
        super().__init__(input_shape, (out_features,))
        self.has_bias = bias
        self.parameter_shapes = {"weight": (out_features, *input_shape)}
        if bias:
            self.parameter_shapes["bias"] = (out_features,)

    def allocate(self, room: Room) -> LinearCache:
        """Reserve the output and, where it is wanted, the input's gradient."""
        return LinearCache(
            output=room.array(*self.output_shape),
            ones=np.ones(room.batch, dtype=room.dtype),
            gradients=room.gradients,
            grad_input=room.for_input_gradient(*self.input_shape),
        )

    def forward(self, x: Array, cache: LinearCache) -> Array:
        """Return `z = W a + b`, shape (out_features, batch)."""
        cache.x = x
        z = np.matmul(self.weight, x, out=cache.output)
        if self.has_bias:
            z += self.bias[:, None]
        return z

    def backward(self, grad_output: Array, cache: LinearCache) -> Array:
        """Write `dW = δ aᵀ` and `db = δ 1`; return `Wᵀ δ`, shape (in_features, batch)."""
        assert cache.x is not None
        np.matmul(grad_output, cache.x.T, out=cache.gradients["weight"])
        if self.has_bias:
            np.matmul(grad_output, cache.ones, out=cache.gradients["bias"])
        if cache.grad_input is None:
            return grad_output
        return np.matmul(self.weight.T, grad_output, out=cache.grad_input)

    def multiply_adds(self) -> int:
        """Return one multiply-add per weight."""
        return self.input_shape[0] * self.output_shape[0]

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        gradients = {"weight": "dW = δ aᵀ"} | ({"bias": "db = δ 1"} if self.has_bias else {})
        return Formulas(
            "z = W a + b" if self.has_bias else "z = W a", "∂z/∂a = W", "∂a = Wᵀ δ", gradients
        )
