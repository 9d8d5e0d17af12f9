"""Lay out the points at which pictures are read, in fixed point."""

import math

import numpy as np
from numpy.typing import NDArray

from bpnet.data.distortion.affine import Affine
from bpnet.data.distortion.exact import exact_multiples

UNITS = 128  # of a point's coordinate, per pixel
BEFORE = 1  # pixels before the first one at which coordinates begin: none that matters is negative
ROUNDING = 0.5  # units: truncating a coordinate then rounds it


class AffineGrid:
    """Compute where each output pixel is read from, by one product for a whole batch.

    Output pixel x is read at x' = A (x − c − t) + c, so with m = c − A t each coordinate of x' is
    a product of three numbers per picture and three per pixel:

        x'_k = a_k0 (x_0 − c_0) + a_k1 (x_1 − c_1) + m_k,  in units: 128 (x'_k + 1) + ½

    The numbers per picture are rounded so that the product is exact in float32: a picture's points
    are the same in every batch, bit for bit. That moves a point along each axis by no more than

        2^(e − 24) (height + width) / 2  pixels,  2^e the power of two above `reach` in pixels:

    by less than 1/1000 pixel in a 28×28 picture read up to 512 pixels away (as for scale = 0.7 with
    shear = 60, or elastic_alpha = 200 with elastic_sigma = 4), and by up to 1/16 pixel in one of
    512×512 read up to 2048 pixels away (scale = 0.2). If a setting sends points farther, as
    elastic_alpha = 1000 does, it is less exact: up to 1/290 pixel in a 28×28 picture.

    Args:
        picture_shape: height and width in pixels.
        stretch: the largest norm of a row of A.
        bend: pixels by which points may be displaced afterwards.
    """

    def __init__(self, picture_shape: tuple[int, int], stretch: float, bend: float) -> None:
        self._centre = (np.array(picture_shape) - 1) / 2
        offsets = np.indices(picture_shape).reshape(2, -1) - self._centre[:, None]
        self._basis = np.vstack([offsets, np.ones(offsets.shape[1])]).astype(np.float32)
        spread = stretch * math.hypot(*self._centre) + bend
        self._farthest = max(picture_shape) + spread + 1
        self._reach = (self._farthest + spread + BEFORE + 1) * UNITS  # one pixel for rounding

    @property
    def reach(self) -> float:
        """Return a bound on the absolute value of all coordinates, displaced ones too, in units."""
        return self._reach

    def maps(self, affine: Affine) -> NDArray[np.float32]:
        """Return the three numbers a_k0, a_k1, m_k per coordinate (2, pictures, 3), in units.

        Where m is so far away that the whole output lies outside the picture, a nearer m of which
        the same is true takes its place.
        """
        matrix = affine.inverse()
        middle = self._centre[:, None] - (matrix * affine.shift.T).sum(axis=1)
        middle = np.clip(middle, -self._farthest, self._farthest)
        numbers = np.empty((2, 3, middle.shape[1]))
        numbers[:, :2] = UNITS * matrix
        numbers[:, 2] = UNITS * (middle + BEFORE) + ROUNDING
        exact = exact_multiples(numbers, self._reach, factor_unit=0.5)  # x − c: whole or half
        return exact.swapaxes(1, 2)

    def lay(self, maps: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Write the coordinates of all points.

        Args:
            maps: numbers per picture (2, pictures, 3), from `maps`.
            out: rows and columns (2, pictures, height · width) in units; overwritten.
        """
        np.matmul(maps, self._basis, out=out)
