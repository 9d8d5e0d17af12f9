"""Show a network each picture a little different in every epoch."""

import math
from dataclasses import dataclass
from enum import IntEnum, unique

import numpy as np
from numpy.typing import NDArray

from bpnet.config import AugmentConfig
from bpnet.data.distortion.affine import Affine
from bpnet.data.distortion.counter import Words, sample_streams, signed_uniforms
from bpnet.data.distortion.elastic import ElasticField
from bpnet.data.distortion.pen import StrokePen, cut_squares
from bpnet.data.distortion.warp import BilinearSampler

BLOCK_PIXELS = 64 * 28 * 28  # at a time: fewer pay more calls, more gain nothing (measured)


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
    ELASTIC = 8  # and all behind it


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
        ),
        width_change=(settings.thickness * draws[:, Draw.THICKNESS]).astype(np.float32),
        cutout_centre=(1 + draws[:, [Draw.CUTOUT_ROW, Draw.CUTOUT_COLUMN]]) / 2,
    )


class Augmenter:
    """Distort pictures at random: affine map and elastic displacement in one bilinear reading.

    Output pixel x is read at x' = A (x − c − t) + c + Δ(x), with A and t from `Affine` and Δ from
    `ElasticField`; strokes change their width before, the square is cut out afterwards. What is
    done to a sample follows from (seed, epoch, sample number) alone.

    All memory is reserved here, for a block of pictures at a time; so every thread needs an
    augmenter of its own, and any number of them give the same pictures.

    Args:
        settings: how far pictures may be distorted.
        picture_shape: height and width in pixels.
        seed: the run's seed.
    """

    def __init__(self, settings: AugmentConfig, picture_shape: tuple[int, int], seed: int) -> None:
        height, width = picture_shape
        self.settings = settings
        self.seed = seed
        self._is_identity = settings.is_identity
        self._picture_shape = picture_shape
        self._block = block = max(1, BLOCK_PIXELS // (height * width))
        self._sampler = BilinearSampler(picture_shape, block)
        self._pen = StrokePen(picture_shape, block) if settings.thickness else None
        self._field = (
            ElasticField(
                picture_shape,
                alpha=settings.elastic_alpha,
                sigma=settings.elastic_sigma,
                max_pictures=block,
                first_word=Draw.ELASTIC,
            )
            if settings.elastic_alpha
            else None
        )

    def __call__(
        self,
        images: NDArray[np.uint8],
        sample_numbers: NDArray[np.integer],
        epoch: int,
        out: NDArray[np.uint8],
    ) -> None:
        """Distort a batch.

        Args:
            images: pictures (batch, height, width).
            sample_numbers: numbers (batch,) of these pictures within the data set.
            epoch: number of the pass over the data.
            out: pictures (batch, height, width); overwritten. May be `images` itself.
        """
        if self._is_identity:
            np.copyto(out, images)
            return
        streams = sample_streams(self.seed, epoch, sample_numbers)
        self._distort(images, draw_distortion(self.settings, streams), streams, out)

    def _distort(
        self,
        images: NDArray[np.uint8],
        distortion: Distortion,
        streams: Words,
        out: NDArray[np.uint8],
    ) -> None:
        """Apply a given distortion, block by block."""
        by_row, by_column = distortion.affine.source_points(self._picture_shape)
        for start in range(0, len(images), self._block):
            block = slice(start, start + self._block)
            count = len(images[block])
            self._sampler.source(count)[...] = images[block]
            if self._pen is not None:
                self._pen.redraw(self._sampler.framed(count), distortion.width_change[block])
            grid = self._sampler.grid(count)
            np.add(by_row[:, block], by_column[:, block], out=grid)
            if self._field is not None:
                grid += self._field.displacements(streams[block])
            self._sampler.sample(count, out[block])
        if self.settings.cutout:
            cut_squares(out, self.settings.cutout, distortion.cutout_centre)
