"""Show a picture several times, each time a little different."""

import math

import numpy as np
from numpy.typing import NDArray

from bpnet.data.distortion.affine import Affine
from bpnet.data.distortion.augment import BLOCK_PIXELS
from bpnet.data.distortion.grid import AffineGrid
from bpnet.data.distortion.warp import BilinearSampler

SHIFT = 1.0  # pixels, each way
ROTATE = 6.0  # degrees, each way
SCALE = 0.06  # fraction of the size, each way
STEPS = np.sqrt([2.0, 3.0, 5.0, 7.0])  # no multiples of them come near each other modulo 1


def view_maps(count: int) -> Affine:
    """Return the maps of the first `count` views; view 0 leaves a picture as it is.

    Point m = 1, 2, … of a sequence that fills [−1, 1)⁴ evenly, however many points are taken, is

        u_m = 2 frac(½ + m α) − 1,   α = (√2, √3, √5, √7).

    Its numbers are the fractions of the largest shift down and to the right, turn and scaling that
    view 2m − 1 takes; view 2m takes −u_m, so that views lie about the picture on all sides.

    Source: Richtmyer, "The Evaluation of Definite Integrals, and a Quasi-Monte-Carlo Method Based
    on the Properties of Algebraic Numbers", 1951.
    """
    number = np.arange(count)
    point = (number + 1) // 2
    side = np.where(number % 2, 1.0, -1.0)
    along = 2 * ((0.5 + point[:, None] * STEPS) % 1) - 1
    down, right, turn, size = side * along.T
    return Affine(
        shift=SHIFT * np.stack([down, right], axis=1),
        angle=math.radians(ROTATE) * turn,
        scale=1 + SCALE * size,
        slant=np.zeros(count),
        mirrored=np.zeros(count, dtype=np.bool_),
    )


class Views:
    """Show pictures from view after view, the same for every picture.

    What a view makes of a picture depends on nothing else. All memory is reserved here, for a block
    of pictures at a time; so every thread needs its own views.

    Args:
        count: how many views there are.
        picture_shape: height and width in pixels.
        most: pictures of the largest call.
        bright_paper: whether their background is white, not black: so is then what comes in from
            beyond the edge.
    """

    def __init__(
        self, count: int, picture_shape: tuple[int, int], most: int, *, bright_paper: bool = False
    ) -> None:
        self._bright_paper = bright_paper
        pixels = math.prod(picture_shape)
        self._block = block = max(1, min(most, BLOCK_PIXELS // pixels))
        self._grid = AffineGrid(picture_shape, stretch=1 / (1 - SCALE), bend=0)
        self._maps = self._grid.maps(view_maps(count))
        self._points = np.empty((2, 1, pixels), dtype=np.float32)
        self._sampler = BilinearSampler(picture_shape, block, self._grid.reach)
        self._shown = np.empty((most, *picture_shape), dtype=np.uint8)

    def show(self, images: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """Return the pictures (batch, height, width) in view `number`, valid until the next call.

        Args:
            images: pictures (batch, height, width).
            number: of the view, from 0, which is the picture itself.
        """
        if number == 0:
            return images
        shown = self._shown[: len(images)]
        self._grid.lay(self._maps[:, number, None], out=self._points)
        for start in range(0, len(images), self._block):
            block = slice(start, start + self._block)
            self._read(images[block], shown[block])
        return shown

    def _read(self, images: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        """Read one block of pictures at the points of the view."""
        count = len(images)
        np.copyto(self._sampler.source(count), ~images if self._bright_paper else images)
        np.copyto(self._sampler.grid(count), self._points)
        self._sampler.sample(count, out)
        if self._bright_paper:
            np.invert(out, out=out)
