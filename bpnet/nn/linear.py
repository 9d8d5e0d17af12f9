"""Map features linearly, every output from every input."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.nn.layer import Array, Layer, Memory, Shape, ShapeError


@dataclass(slots=True)
class LinearCache:
    """Keep the input and the arrays that a call writes."""

    output: Array
    ones: Array
    gradients: Mapping[str, Array]
    grad_input: Array | None
    x: Array | None = None


class Linear(Layer[LinearCache]):
    """Compute `z = W a + b`; columns are samples.

    Args:
        input_shape: (in_features,).
        out_features: rows of `W`.
        bias: whether `b` is added.

    Source: Rumelhart, Hinton and Williams, 1986; backward is BP2, BP3, BP4 of Nielsen, 2015, ch. 2.
    """

    kind = "linear"
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

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> LinearCache:
        """Reserve output and input gradient, (features, batch) each."""
        output = memory.array(*self.output_shape, batch)
        ones = np.ones(batch, dtype=memory.dtype)
        grad_input = memory.array(*self.input_shape, batch) if needs_grad_input else None
        return LinearCache(output, ones, gradients, grad_input)

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
