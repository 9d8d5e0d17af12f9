"""Draw what is done to each picture, from its own random words."""

import math
from dataclasses import dataclass
from enum import IntEnum, unique

import numpy as np
from numpy.typing import NDArray

from bpnet.config.data_settings import AugmentConfig
from bpnet.data.distortion.affine import Affine
from bpnet.data.distortion.counter import Words, sample_streams, signed_uniforms
from bpnet.data.distortion.grid import AffineGrid
from bpnet.nn.memory import aligned_zeros

AT_A_TIME = 1024  # samples whose draws fit a core's own cache and reuse freed memory
MOST_KEPT = 1 << 20  # samples whose draws are kept: 25 to 55 MB in each worker


@unique
class Draw(IntEnum):
    """Number the random words of a sample, so that one setting never changes another's draw."""

    SHIFT_DOWN = 0
    SHIFT_RIGHT = 1
    ROTATE = 2
    SCALE = 3
    SHEAR = 4
    THICKNESS = 5
    CUTOUT_ROW = 6
    CUTOUT_COLUMN = 7
    FLIP = 8
    ELASTIC = 9  # and all after it


@dataclass(frozen=True)
class Distortion:
    """Hold what is done to each picture of a batch, elastic displacement aside.

    Args:
        affine: one map per picture.
        width_change: pixels (pictures,) by which strokes grow in width.
        cutout_centre: row and column (pictures, 2) in 0–1 of the picture.
    """

    affine: Affine
    width_change: NDArray[np.float32]
    cutout_centre: NDArray[np.float64]


def draw_distortion(settings: AugmentConfig, streams: Words) -> Distortion:
    """Draw the distortion of each sample from its stream of random words."""
    draws = signed_uniforms(streams, Draw.ELASTIC)
    return Distortion(
        Affine(
            shift=settings.shift * draws[:, [Draw.SHIFT_DOWN, Draw.SHIFT_RIGHT]],
            angle=math.radians(settings.rotate) * draws[:, Draw.ROTATE],
            scale=1 + settings.scale * draws[:, Draw.SCALE],
            slant=math.radians(settings.shear) * draws[:, Draw.SHEAR],
            mirrored=(draws[:, Draw.FLIP] < 0) & settings.flip,
        ),
        width_change=(settings.thickness * draws[:, Draw.THICKNESS]).astype(np.float32),
        cutout_centre=(1 + draws[:, [Draw.CUTOUT_ROW, Draw.CUTOUT_COLUMN]]) / 2,
    )


def largest_stretch(settings: AugmentConfig) -> float:
    """Return the largest norm that a row of A = M S(−φ) R(−θ) / s may have."""
    return 1 / ((1 - settings.scale) * math.cos(math.radians(settings.shear)))


class DistortionTable:
    """Hold the distortion of every sample of one epoch, drawn at once.

    Drawing for a few samples at each step costs several times as much. A sample takes 24 bytes, and
    up to 28 more for what only some settings need; so of a data set of millions, it is done all the
    same, with the same result.

    Args:
        settings: how far pictures may be distorted.
        grid: turns affine maps into numbers.
        seed: the run's seed.
        samples: how many samples the data set has.
        at_once: how many are distorted together, at most.
    """

    def __init__(
        self, settings: AugmentConfig, grid: AffineGrid, seed: int, samples: int, at_once: int
    ) -> None:
        self._settings = settings
        self._grid = grid
        self._seed = seed
        self._epoch: int | None = None
        self._samples = samples
        self._keeps_all = samples <= MOST_KEPT
        samples = samples if self._keeps_all else at_once
        self.maps = aligned_zeros(6 * samples, np.float32).reshape(2, samples, 3)
        self.streams = aligned_zeros(samples if settings.elastic_alpha else 0, np.uint64)
        self.width_change = aligned_zeros(samples if settings.thickness else 0, np.float32)
        self.cutout_centre = aligned_zeros(2 * samples if settings.cutout else 0, np.float64)
        self.cutout_centre = self.cutout_centre.reshape(-1, 2)

    def places(self, epoch: int, numbers: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the rows of the table that hold the distortions of some samples."""
        if self._keeps_all:
            self._draw_all(epoch)
            return numbers
        self._draw(epoch, numbers.astype(np.int64), slice(0, len(numbers)))
        return np.arange(len(numbers))

    def _draw_all(self, epoch: int) -> None:
        """Draw for all samples, unless the table holds this epoch already."""
        if epoch == self._epoch:
            return
        self._epoch = None
        for start in range(0, self._samples, AT_A_TIME):
            some = slice(start, min(start + AT_A_TIME, self._samples))
            self._draw(epoch, np.arange(some.start, some.stop), some)
        self._epoch = epoch

    def _draw(self, epoch: int, numbers: NDArray[np.int64], rows: slice) -> None:
        """Draw for some samples, and write it to these rows."""
        streams = sample_streams(self._seed, epoch, numbers)
        drawn = draw_distortion(self._settings, streams)
        self.maps[:, rows] = self._grid.maps(drawn.affine)
        for column, values in (
            (self.streams, streams),
            (self.width_change, drawn.width_change),
            (self.cutout_centre, drawn.cutout_centre),
        ):
            if len(column):
                column[rows] = values
