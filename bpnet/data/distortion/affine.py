"""Shift, turn, stretch and slant pictures about their centre."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Affine:
    """Describe one affine map per picture.

    A point p of the picture moves to F (p − c) + c + t, where c is the picture's centre and
    F = s R(θ) S(φ), in (row, column) coordinates with rows downwards:

        R(θ) = [[cos θ, −sin θ], [sin θ, cos θ]],  S(φ) = [[1, 0], [−tan φ, 1]].

    Args:
        shift: t (pictures, 2), pixels down and to the right.
        angle: θ (pictures,), radians counter-clockwise.
        scale: s (pictures,), above 1 enlarges.
        slant: φ (pictures,), radians by which upright strokes lean to the right.
    """

    shift: NDArray[np.float64]
    angle: NDArray[np.float64]
    scale: NDArray[np.float64]
    slant: NDArray[np.float64]

    def inverse(self) -> NDArray[np.float64]:
        """Return A = F⁻¹ = S(−φ) R(−θ) / s of every picture, as (2, 2, pictures)."""
        cos, sin, tan = np.cos(self.angle), np.sin(self.angle), np.tan(self.slant)
        matrix: NDArray[np.float64] = np.array([[cos, sin], [tan * cos - sin, tan * sin + cos]])
        return matrix / self.scale

    def source_points(
        self, picture_shape: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return where each output pixel x is read from: x' = A (x − c − t) + c.

        Both coordinates of x' are the sum of a part that depends on the output's row alone and
        one that depends on its column alone, which is all that needs computing here.

        Returns:
            The parts by row (2, pictures, height, 1) and by column (2, pictures, 1, width),
            in pixels; along the first axis the row and the column of x'.
        """
        centre = (np.array(picture_shape) - 1) / 2
        rows, columns = (
            np.arange(size) - centre[axis] - self.shift[:, axis, None]
            for axis, size in enumerate(picture_shape)
        )
        matrix = self.inverse()[..., None]
        by_row = matrix[:, 0] * rows + centre[:, None, None]
        by_column = matrix[:, 1] * columns
        return by_row.astype(np.float32)[..., None], by_column.astype(np.float32)[..., None, :]
