"""Hold the numbers of Winograd's convolution: from filters and windows to points, and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from bpnet.nn.layer import Array

# Filters and inputs are polynomials, evaluated at some points and multiplied there. For each side
# T of a tile: G, Bᵀ and Aᵀ. For T = 4 the points are 0, 1, −1, 2, −2 and ∞, for T = 2 the first
# three and ∞.
MATRICES = {
    2: (
        np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]),
        np.array([[1, 1, 1, 0], [0, 1, -1, 1]]),
    ),
    4: (
        np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
        np.array(
            [
                [4, 0, -5, 0, 1, 0],
                [0, -4, -4, 1, 1, 0],
                [0, 4, -4, -1, 1, 0],
                [0, -2, -1, 2, 1, 0],
                [0, 2, -1, -2, 1, 0],
                [0, 4, 0, -5, 0, 1],
            ]
        ),
        np.array(
            [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Maps:
    """Hold `X ↦ S X Sᵀ` as one matrix, `S ⊗ S`, on the elements of X in reading order.

    Args:
        filters: G ⊗ G, (w², 9).
        inputs: Bᵀ ⊗ Bᵀ, (w², w²).
        outputs: Aᵀ ⊗ Aᵀ, (T², w²).
    """

    filters: Array
    inputs: Array
    outputs: Array

    @classmethod
    def of(cls, tile: int, dtype: DTypeLike) -> "Maps":
        """Return the maps for tiles of T×T in one element type."""
        return cls(*(np.kron(side, side).astype(dtype) for side in MATRICES[tile]))


def by_channel(matrix: Array, points: Array, out: Array) -> None:
    """Multiply each channel of (points, channels, tiles · batch) by a matrix, one after the other.

    As one large product it would take up to twice as long: small ones need no packing.
    """
    np.matmul(matrix, points.transpose(1, 0, 2), out=out.transpose(1, 0, 2))
