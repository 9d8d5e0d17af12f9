"""Multiply by a weight matrix some rows at a time."""

from dataclasses import dataclass

import numpy as np

from bpnet.fast import sizes
from bpnet.nn.layer import Array
from bpnet.nn.linear import Linear, LinearCache
from bpnet.nn.memory import Room


@dataclass(slots=True)
class BlockedCache(LinearCache):
    """Keep the last gradient of the output, too.

    Args:
        blocks: into how many blocks of rows the product is cut.
        grad_output: what came back for the last input.
    """

    blocks: int = 1
    grad_output: Array | None = None


class BlockedLinear(Linear):
    """Compute `z = W a + b` by small products, which need no packing.

    Where `gradients` lacks the weight, `dW = δ aᵀ` is computed elsewhere, from what the cache
    keeps.

    Args:
        linear: whose sizes are taken.
    """

    def __init__(self, linear: Linear) -> None:
        super().__init__(linear.input_shape, linear.output_shape[0], linear.has_bias)

    def allocate(self, room: Room) -> BlockedCache:
        """Reserve the output and, where it is wanted, the input's gradient."""
        blocks = row_blocks(self.output_shape[0], self.input_shape[0] * room.batch)
        plain = super().allocate(room)
        return BlockedCache(
            plain.output, plain.ones, plain.gradients, plain.grad_input, blocks=blocks
        )

    def forward(self, x: Array, cache: LinearCache) -> Array:
        """Return `z = W a + b`, shape (out_features, batch)."""
        assert isinstance(cache, BlockedCache)
        cache.x = x
        z, blocks = cache.output, cache.blocks
        height = len(z) // blocks
        rows = self.weight.reshape(blocks, height, len(x))
        np.matmul(rows, x, out=z.reshape(blocks, height, z.shape[-1]))
        if self.has_bias:
            z += self.bias[:, None]
        return z

    def backward(self, grad_output: Array, cache: LinearCache) -> Array:
        """Write `dW = δ aᵀ`, if it is wanted here, and `db = δ 1`; return `Wᵀ δ`."""
        assert isinstance(cache, BlockedCache)
        assert cache.x is not None
        cache.grad_output = grad_output
        if "weight" in cache.gradients:
            np.matmul(grad_output, cache.x.T, out=cache.gradients["weight"])
        if self.has_bias:
            np.matmul(grad_output, cache.ones, out=cache.gradients["bias"])
        if cache.grad_input is None:
            return grad_output
        return np.matmul(self.weight.T, grad_output, out=cache.grad_input)


def row_blocks(rows: int, products_per_row: int) -> int:
    """Return into how many equal blocks of rows a matrix is best cut for a product.

    Blocks of at least 8 rows whose products are small, if there are any: seen to take between
    three quarters and all of the time of one large product.
    """
    fit = sizes.chosen()
    for blocks in range(1, rows // fit.fewest_rows + 1):
        if rows % blocks == 0 and rows // blocks * products_per_row <= fit.small_product:
            return blocks
    return 1
