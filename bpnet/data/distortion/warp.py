"""Resample pictures at sub-pixel points."""

import math
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.distortion.grid import UNITS
from bpnet.nn.memory import aligned_zeros

UNIT_BITS = UNITS.bit_length() - 1
# Pixels along either side of a picture. What `AffineGrid` rounds grows with the square of it.
LARGEST_SIDE = 512

# Four pixels fill one word of 64 bits, 16 bits each. A pixel that begins at bit q meets its weight,
# which begins at bit 48 − q, in the top 16 bits of the product of both words.
TOP = 48
LOWER = 16
LEFT, RIGHT = (0, 32) if sys.byteorder == "little" else (32, 0)
TOP_BYTE = 7 if sys.byteorder == "little" else 0
WEIGHT_SUM = 256  # a pixel has 8 bits, so that the weighted sum fills 16
HALF = np.uint64((WEIGHT_SUM // 2) << TOP)


@cache
def packed_weights() -> NDArray[np.uint64]:
    """Return the weights of the four pixels around a point, as one word per pair of fractions.

    With r = round(256 f g) the lower right one has r, the lower left one 256 f − r, the upper right
    one 256 g − r, and the upper left one what is missing from 256. So their sum is exact, and so
    is the weight of each line and of each column.

    Returns:
        Words (128 · 128,): that of f = i/128, g = j/128 is number 128 i + j.
    """
    share = WEIGHT_SUM // UNITS
    down, right = np.indices((UNITS, UNITS), dtype=np.uint64).reshape(2, -1)
    lower_right = (down * right * share + UNITS // 2) // UNITS
    lower_left = share * down - lower_right
    upper_right = share * right - lower_right
    upper_left = WEIGHT_SUM - lower_left - upper_right - lower_right
    packed: NDArray[np.uint64] = (
        (upper_left << (TOP - LEFT))
        | (upper_right << (TOP - RIGHT))
        | (lower_left << (TOP - LEFT - LOWER))
        | (lower_right << (TOP - RIGHT - LOWER))
    )
    packed.flags.writeable = False
    return packed


@dataclass(frozen=True)
class _Arrays:
    """Name the arrays of a call with `count` pictures; slicing them takes time too.

    Args:
        source: pictures (count, height, width) within their frames.
        pixels: all places of the framed pictures, and
        below: those one line further down.
        pairs: each place's pixel with the one below, where `values` will be.
        overlapping: each place's pair with the next one, in the memory of `pairs`.
        quads: the same, in order.
        grid: rows and columns (2, count, height · width), where `index` will be.
        points: the same as whole numbers, where `weights` will be, and
        unsigned: read without a sign.
        whole: pixels of these coordinates.
        first: each picture's first place (count, 1).
        index: numbers (count, height · width) of what is looked up.
        values: four pixels each, later their weighted sum.
        weights: four weights each.
        levels: the top byte of each value (count, height, width).
    """

    source: NDArray[np.int32]
    pixels: NDArray[np.int32]
    below: NDArray[np.int32]
    pairs: NDArray[np.int32]
    overlapping: NDArray[np.uint64]
    quads: NDArray[np.uint64]
    grid: NDArray[np.float32]
    points: NDArray[np.signedinteger]
    unsigned: NDArray[np.unsignedinteger]
    whole: NDArray[np.unsignedinteger]
    first: NDArray[np.unsignedinteger]
    index: NDArray[np.int64]
    values: NDArray[np.uint64]
    weights: NDArray[np.uint64]
    levels: NDArray[np.uint8]


def _shaped(memory: NDArray[Any], *shape: int) -> NDArray[Any]:
    """Return the beginning of a vector as an array of this shape."""
    return memory[: math.prod(shape)].reshape(shape)


class BilinearSampler:
    """Read pictures between their pixels.

    With ⌊y⌋ = i, y − i = f, ⌊x⌋ = j and x − j = g the value at (y, x) is

        p = (1−f) [(1−g) p_{i,j} + g p_{i,j+1}] + f [(1−g) p_{i+1,j} + g p_{i+1,j+1}].

    Outside the picture all pixels are 0. Points are whole multiples of 1/128 pixel and weights of
    1/256. So if neighbours differ by d grey levels at most, p is off by no more than ½ + 3d/256:
    ½ for whole levels, 2d/256 for the point and d/256 for the weights.

    The four pixels around each place lie side by side in one word, so that one look-up finds them
    all; another finds their four weights in one word, and one product of the two words is p:

        (a + 2¹⁶ b + 2³² c + 2⁴⁸ d) (w_d + 2¹⁶ w_c + 2³² w_b + 2⁴⁸ w_a)
            = … + 2⁴⁸ (a w_a + b w_b + c w_c + d w_d)  (mod 2⁶⁴).

    A caller puts points into `grid(n)` and pictures into `source(n)`, then calls `sample`.
    Everything is reserved here, once; so a sampler belongs to one thread.

    Args:
        picture_shape: height and width in pixels, `LARGEST_SIDE` at most.
        max_pictures: the most pictures of one call.
        reach: a bound on the absolute value of all coordinates, in units of 1/128 pixel; below
            2^31.
    """

    def __init__(self, picture_shape: tuple[int, int], max_pictures: int, reach: float) -> None:
        height, width = self._shape = picture_shape
        # One column of zeros comes before each line and so after the previous one, one line of
        # zeros before each picture and so after the previous one.
        self._line = line = width + 1
        self._cells = (height + 1) * line
        if max(picture_shape) > LARGEST_SIDE:
            raise ValueError(f"pictures of {height}×{width} pixels are too large to resample")
        if reach >= 2**31:
            raise ValueError(f"a point {reach:g} units away is too far to resample")
        places = self._places(max_pictures)
        is_small = reach < 2**15 and places <= 2**16
        self._signed: type[np.signedinteger[Any]] = np.int16 if is_small else np.int32
        unsigned: type[np.unsignedinteger[Any]] = np.uint16 if is_small else np.uint32
        self._pixels = np.zeros(places + line + 1, dtype=np.int32)
        points = max_pictures * height * width
        # Arrays that are not needed at once share memory, so that a core's own cache holds more.
        sizes = (points, max(points, places // 2 + 1), points if is_small else 2 * points, places)
        words = aligned_zeros(sum(sizes), np.uint64)
        *self._words, self._quads = np.split(words, np.cumsum(sizes)[:-1])
        _, values, weights = self._words
        self._pairs = values.view(np.int32)
        self._overlapping = np.ndarray(places, dtype=np.uint64, buffer=self._pairs, strides=(4,))
        self._coordinates = weights.view(unsigned).reshape(2, -1)
        limits = np.array([height + 1, width + 1]) * UNITS
        self._limits = np.repeat(limits, height * width).reshape(2, 1, -1).astype(unsigned)
        self._first = (np.arange(max_pictures)[:, None] * self._cells).astype(unsigned)
        # Arrays, as a plain number would be converted in every call.
        self._unit_bits, self._fraction, self._stride = (
            np.array(number, dtype=unsigned) for number in (UNIT_BITS, UNITS - 1, line)
        )
        self._cut: dict[int, _Arrays] = {}

    def _places(self, count: int) -> int:
        """Return how many places may be read: those of all pictures and the line after them."""
        return count * self._cells + self._line + 1

    def _arrays(self, count: int) -> _Arrays:
        """Return the arrays for `count` pictures, sliced at the first call."""
        if count not in self._cut:
            height, width = self._shape
            places, size = self._places(count), height * width
            index, values, weights = (_shaped(words, count, size) for words in self._words)
            unsigned, whole = (_shaped(numbers, 2, count, size) for numbers in self._coordinates)
            framed = _shaped(self._pixels, count, height + 1, width + 1)
            self._cut[count] = _Arrays(
                source=framed[:, 1:, 1:],
                pixels=self._pixels[: places + 1],
                below=self._pixels[self._line :][: places + 1],
                pairs=self._pairs[: places + 1],
                overlapping=self._overlapping[:places],
                quads=self._quads[:places],
                grid=index.view(np.float32).reshape(unsigned.shape),
                points=unsigned.view(self._signed),
                unsigned=unsigned,
                whole=whole,
                first=self._first[:count],
                index=index.view(np.int64),
                values=values,
                weights=weights,
                levels=values.view(np.uint8)[:, TOP_BYTE::8].reshape(count, height, width),
            )
        return self._cut[count]

    def source(self, count: int) -> NDArray[np.int32]:
        """Return where the pixels (count, height, width) of the next call go, as 0–255."""
        return self._arrays(count).source

    def grid(self, count: int) -> NDArray[np.float32]:
        """Return where the points of the next call go: (2, count, height · width).

        They are rows and columns as `AffineGrid` counts them, for each output pixel that of the
        source from which it is read.
        """
        return self._arrays(count).grid

    def sample(self, count: int, out: NDArray[np.uint8]) -> None:
        """Read the first `count` pictures at their grid, rounded to whole grey levels.

        Args:
            count: number of pictures.
            out: pictures (count, height, width), in any order of memory; overwritten. The grid is
                used up.
        """
        arrays = self._arrays(count)
        self._join_neighbours(arrays)
        self._locate(arrays)
        index, values, weights = arrays.index, arrays.values, arrays.weights
        # All indices are inside; mode "raise" would copy `out`.
        np.copyto(index, arrays.whole[0])
        arrays.quads.take(index, out=values, mode="clip")
        np.copyto(index, arrays.unsigned[0])
        packed_weights().take(index, out=weights, mode="clip")
        np.multiply(values, weights, out=values)
        np.add(values, HALF, out=values)
        np.copyto(out, arrays.levels)

    def _join_neighbours(self, arrays: _Arrays) -> None:
        """Put the four pixels at, right of and below each place into one word."""
        np.left_shift(arrays.below, LOWER, out=arrays.pairs)
        np.bitwise_or(arrays.pairs, arrays.pixels, out=arrays.pairs)
        np.copyto(arrays.quads, arrays.overlapping)

    def _locate(self, arrays: _Arrays) -> None:
        """Turn the grid into places, in `whole[0]`, and numbers of weights, in `unsigned[0]`."""
        np.copyto(arrays.points, arrays.grid, casting="unsafe")  # truncates
        points, whole = arrays.unsigned, arrays.whole
        np.minimum(points, self._limits, out=points)  # unsigned, negative numbers are large
        np.right_shift(points, self._unit_bits, out=whole)
        np.bitwise_and(points, self._fraction, out=points)
        (rows, columns), (down, right) = whole, points
        np.multiply(rows, self._stride, out=rows)
        np.add(rows, columns, out=rows)
        np.add(rows, arrays.first, out=rows)
        np.left_shift(down, self._unit_bits, out=down)
        np.bitwise_or(down, right, out=down)
