"""Map features linearly, every output from every input."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.nn.layer import Array, Layer, Memory, Shape, ShapeError

SMALL_PRODUCT = 1_000_000  # multiply-adds up to which OpenBLAS packs nothing
FEWEST_ROWS = 8


@dataclass(slots=True)
class LinearCache:
    """Keep what backward needs and the arrays that a call writes.

    Args:
        output: (out_features, batch).
        blocks: how many blocks of rows are multiplied apart.
        ones: (batch,).
        gradients: of the parameters; without `weight` somebody else multiplies
            `grad_output @ x.T`.
        grad_input: (in_features, batch), where it is wanted.
        x: the last input, and
        grad_output: what came back for it.
    """

    output: Array
    blocks: int
    ones: Array
    gradients: Mapping[str, Array]
    grad_input: Array | None
    x: Array | None = None
    grad_output: Array | None = None


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
        blocks = row_blocks(self.output_shape[0], self.input_shape[0] * batch)
        return LinearCache(output, blocks, ones, gradients, grad_input)

    def forward(self, x: Array, cache: LinearCache) -> Array:
        """Return `z = W a + b`, shape (out_features, batch)."""
        cache.x = x
        z, blocks = cache.output, cache.blocks
        height = len(z) // blocks
        rows = self.weight.reshape(blocks, height, len(x))
        np.matmul(rows, x, out=z.reshape(blocks, height, z.shape[-1]))
        if self.has_bias:
            z += self.bias[:, None]
        return z

    def backward(self, grad_output: Array, cache: LinearCache) -> Array:
        """Write `dW = δ aᵀ` and `db = δ 1`; return `Wᵀ δ`, shape (in_features, batch)."""
        assert cache.x is not None
        cache.grad_output = grad_output
        if "weight" in cache.gradients:
            np.matmul(grad_output, cache.x.T, out=cache.gradients["weight"])
        if self.has_bias:
            np.matmul(grad_output, cache.ones, out=cache.gradients["bias"])
        if cache.grad_input is None:
            return grad_output
        return np.matmul(self.weight.T, grad_output, out=cache.grad_input)

    def multiply_adds(self) -> int:
        """Return one multiply-add per weight."""
        return self.input_shape[0] * self.output_shape[0]


def row_blocks(rows: int, products_per_row: int) -> int:
    """Return into how many equal blocks of rows a matrix is best cut for a product.

    Blocks of at least 8 rows whose products are small, if there are any: seen to take between
    three quarters and all of the time of one large product.
    """
    for blocks in range(1, rows // FEWEST_ROWS + 1):
        if rows % blocks == 0 and rows // blocks * products_per_row <= SMALL_PRODUCT:
            return blocks
    return 1
