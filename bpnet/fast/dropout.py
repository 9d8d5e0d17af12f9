"""Mask activations while they are in the cache."""

import numpy as np
from numpy.typing import NDArray

from bpnet.fast import sizes
from bpnet.nn.dropout import Dropout
from bpnet.nn.layer import Array


class BlockedDropout(Dropout):
    """Drop activations block by block, so that each stays in the cache for all three passes.

    Args:
        dropout: what is computed.
    """

    def __init__(self, dropout: Dropout) -> None:
        super().__init__(dropout.input_shape, dropout.probability)

    def masked(self, x: Array, keep: NDArray[np.bool_], out: Array) -> Array:
        """Write `x ⊙ m / (1 − p)` to `out` and return it.

        The flags become numbers before they are multiplied: a mixed product takes twice as long.
        """
        whole, flags, result = x.reshape(-1), keep.reshape(-1), out.reshape(-1)
        size = sizes.chosen().dropout_block
        for start in range(0, x.size, size):
            block = slice(start, start + size)
            np.copyto(result[block], flags[block])
            result[block] *= 256 / self.kept_bytes
            result[block] *= whole[block]
        return out
