"""Show a network each picture a little different in every epoch."""

import numpy as np
from numpy.typing import NDArray

from bpnet.config.data_settings import AugmentConfig
from bpnet.data.distortion.draw import DistortionTable, Draw, largest_stretch
from bpnet.data.distortion.elastic import ElasticField
from bpnet.data.distortion.grid import UNITS, AffineGrid
from bpnet.data.distortion.stroke_width import StrokePen, cut_squares
from bpnet.data.distortion.warp import LARGEST_SIDE, BilinearSampler
from bpnet.errors import ConfigError

BLOCK_PIXELS = 32 * 28 * 28  # at a time: fewer cost more calls, more outgrow a core's own cache


class Augmenter:
    """Distort pictures at random: affine map and elastic displacement in one bilinear resampling.

    Output pixel x is read at x' = A (x − c − t) + c + Δ(x), with A and t from `Affine` and Δ from
    `ElasticField`; strokes change their width first, the square is cut out last. What is
    done to a sample follows from (seed, epoch, sample number) alone, bit for bit.

    All memory is reserved here, for a block of pictures at a time; so every thread needs its
    own augmenter, and any number of them give the same pictures.

    Args:
        settings: how far pictures may be distorted.
        picture_shape: height and width in pixels.
        seed: the run's seed.
        samples: how many samples the data set has.
        bright_paper: whether their background is white, not black: so is then what comes in from
            beyond the edge, and dark ink is what becomes wider.

    Raises:
        ConfigError: the pictures are too large.
    """

    def __init__(
        self,
        settings: AugmentConfig,
        picture_shape: tuple[int, int],
        seed: int,
        samples: int,
        *,
        bright_paper: bool = False,
    ) -> None:
        self._bright_paper = bright_paper
        height, width = picture_shape
        if max(picture_shape) > LARGEST_SIDE:
            raise ConfigError(
                "the pictures are too large to be distorted",
                where="[augment]",
                expected=f"pictures of at most {LARGEST_SIDE}×{LARGEST_SIDE} pixels",
                found=f"{height}×{width} pixels",
                hint="make the pictures smaller, or remove the settings of [augment]",
            )
        self.settings = settings
        self._is_identity = settings.is_identity
        self._block = block = max(1, BLOCK_PIXELS // (height * width))
        self._pen = StrokePen(picture_shape, block) if settings.thickness else None
        self._field = (
            ElasticField(
                picture_shape,
                alpha=settings.elastic_alpha * UNITS,
                sigma=settings.elastic_sigma,
                max_pictures=block,
                first_word=Draw.ELASTIC,
            )
            if settings.elastic_alpha
            else None
        )
        bend = self._field.reach / UNITS if self._field else 0.0
        self._grid = AffineGrid(picture_shape, largest_stretch(settings), bend)
        self._sampler = BilinearSampler(picture_shape, block, self._grid.reach)
        self._table = DistortionTable(settings, self._grid, seed, samples, block)

    def __call__(
        self,
        images: NDArray[np.uint8],
        sample_numbers: NDArray[np.integer],
        epoch: int,
        out: NDArray[np.uint8],
    ) -> None:
        """Distort a batch.

        The first call of an epoch draws what will be done to each sample of the data set.

        Args:
            images: pictures (batch, height, width).
            sample_numbers: numbers (batch,) of these pictures within the data set.
            epoch: number of the pass over the data.
            out: pictures (batch, height, width), in any order of memory; overwritten. May be
                `images` itself.
        """
        if self._is_identity:
            np.copyto(out, images)
            return
        for start in range(0, len(images), self._block):
            block = slice(start, start + self._block)
            places = self._table.places(epoch, sample_numbers[block])
            self._distort(images[block], places, out[block])

    def _distort(
        self,
        images: NDArray[np.uint8],
        places: NDArray[np.integer],
        out: NDArray[np.uint8],
    ) -> None:
        """Distort one block of pictures, as these rows of the table say."""
        count, table = len(images), self._table
        source, grid = self._sampler.source(count), self._sampler.grid(count)
        if self._bright_paper:
            images = ~images  # 255 − v
        if self._pen is None:
            np.copyto(source, images)
        else:
            self._pen.redraw(images, table.width_change[places], out=source)
        self._grid.lay(table.maps.take(places, axis=1), out=grid)
        if self._field is not None:
            field = self._field.displacements(table.streams[places])
            grid.reshape(field.shape)[...] += field
        self._sampler.sample(count, out)
        if self.settings.cutout:
            cut_squares(out, self.settings.cutout, table.cutout_centre[places])
        if self._bright_paper:
            np.invert(out, out=out)
