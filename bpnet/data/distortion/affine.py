"""Shift, turn, stretch, slant and mirror pictures about their centre."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Affine:
    """Describe one affine map per picture.

    A point p of the picture moves to F (p − c) + c + t, where c is the picture's centre and
    F = s R(θ) S(φ) M, in (row, column) coordinates with rows downwards:

        R(θ) = [[cos θ, −sin θ], [sin θ, cos θ]],  S(φ) = [[1, 0], [−tan φ, 1]],
        M = [[1, 0], [0, −1]] where the picture is mirrored, else the identity.

    Args:
        shift: t (pictures, 2), pixels down and to the right.
        angle: θ (pictures,), radians counter-clockwise.
        scale: s (pictures,), above 1 enlarges.
        slant: φ (pictures,), radians by which upright strokes lean to the right.
        mirrored: which pictures (pictures,) are mirrored, left to right, before all else.
    """

    shift: NDArray[np.float64]
    angle: NDArray[np.float64]
    scale: NDArray[np.float64]
    slant: NDArray[np.float64]
    mirrored: NDArray[np.bool_]

    def inverse(self) -> NDArray[np.float64]:
        """Return A = F⁻¹ = M S(−φ) R(−θ) / s of every picture, as (2, 2, pictures)."""
        cos, sin, tan = np.cos(self.angle), np.sin(self.angle), np.tan(self.slant)
        matrix: NDArray[np.float64] = np.array([[cos, sin], [tan * cos - sin, tan * sin + cos]])
        matrix /= self.scale
        matrix[1] *= np.where(self.mirrored, -1, 1)
        return matrix
