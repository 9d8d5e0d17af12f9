"""Bring arrays of pictures of any shape and range into grey bytes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.importing.found import MOST_BYTES
from bpnet.errors import DataError

WHITES = (
    1,
    16,
    255,
    1023,
    4095,
    16383,
    65535,
)  # the largest number that a pixel of a usual kind can be
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in JPEG and PNG tools
BLOCK = 1 << 22  # pixels converted at a time

Numbers = NDArray[Any]


def to_pictures(
    arrays: Sequence[Numbers], size: tuple[int, int] | None, where: object
) -> tuple[list[NDArray[np.uint8]], str | None]:
    """Return grey pictures (samples, height, width) of 0–255 for arrays of the same range.

    Args:
        arrays: as `sample_first` returns them, of training and of the test.
        size: height and width of pictures that are rows of pixels; square if None.
        where: what messages call the place of the pictures.

    Returns:
        The pictures, and a note of what was done to their range, if anything.

    Raises:
        DataError: the numbers are of an unknown range or do not fit the size.
    """
    shaped = [_as_rows_and_columns(array, size, where) for array in arrays]
    lowest = min(float(array.min()) for array in shaped)
    highest = max(float(array.max()) for array in shaped)
    to_byte, note = _byte_of(lowest, highest, where)
    return [_converted(array, to_byte) for array in shaped], note


def sample_first(array: Numbers, samples: int) -> Numbers | None:
    """Return an array of pictures with the sample as its first axis; None if it has no such axis.

    MATLAB's files have the sample last.
    """
    if array.ndim not in (2, 3, 4):
        return None
    if array.shape[0] == samples:
        return array
    return np.moveaxis(array, -1, 0) if array.shape[-1] == samples else None


def check_size(samples: int, height: int, width: int, where: object) -> None:
    """Make sure that so many pictures are not too large.

    Raises:
        DataError: they take more than a gigabyte.
    """
    if samples * height * width > MOST_BYTES:
        raise DataError(
            "there are too many pictures, or they are too large",
            where=where,
            expected=f"at most {MOST_BYTES >> 20:,} million pixels in all",
            found=f"{samples:,} pictures of {height}×{width} pixels",
        )


def _as_rows_and_columns(array: Numbers, size: tuple[int, int] | None, where: object) -> Numbers:
    """Return pictures as (samples, height, width) or (samples, height, width, 3)."""
    samples, shape = len(array), array.shape[1:]
    if len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
        array = np.moveaxis(array, 1, -1)
    if array.ndim == 4 and array.shape[3] in (1, 3):
        array = array[..., 0] if array.shape[3] == 1 else array
    elif len(shape) == 1:
        height, width = size or (math.isqrt(shape[0]),) * 2
        if height * width != shape[0]:
            raise DataError(
                "the pixels of a picture do not make rows and columns",
                where=where,
                expected=f"{height}×{width} pixels" if size else "a square number of pixels",
                found=f"{shape[0]} pixels",
                hint="give height and width, as in --size 20x24",
            )
        array = array.reshape(samples, height, width)
    elif len(shape) != 2:
        raise DataError(
            "these are not pictures",
            where=where,
            expected="an array (samples, height, width), with one or three colours or none",
            found=f"shape {array.shape}",
        )
    if array.dtype.kind not in "buif" or not array.size:
        raise DataError("there are no pixels", where=where, found=f"{array.dtype}, {array.shape}")
    check_size(samples, array.shape[1], array.shape[2], where)
    return array


def _byte_of(
    lowest: float, highest: float, where: object
) -> tuple[Callable[[Numbers], Numbers], str | None]:
    """Return a function that brings pixels of a range to 0–255, and a note of it."""
    if lowest >= 0 and highest <= WHITES[-1]:
        white = next(white for white in WHITES if highest <= white)
        if white == 255:
            return np.asarray, None
        return lambda pixels: pixels * (255 / white), f"pixels of 0–{white} became 0–255"
    if lowest >= -1 and highest <= 1:
        return lambda pixels: (pixels + 1) * 127.5, "pixels of −1 to 1 became 0–255"
    raise DataError(
        "the pixels are of no usual range",
        where=where,
        expected=f"numbers from 0 to {', '.join(map(str, WHITES))}, or from −1 to 1",
        found=f"{lowest:g} to {highest:g}",
        hint="bring them to 0–255 first",
    )


def _converted(array: Numbers, to_byte: Callable[[Numbers], Numbers]) -> NDArray[np.uint8]:
    """Return grey bytes, converted some pictures at a time."""
    if array.ndim == 3 and array.dtype == np.uint8 and to_byte is np.asarray:
        return np.ascontiguousarray(array)
    images = np.empty(array.shape[:3], dtype=np.uint8)
    step = max(1, BLOCK // math.prod(array.shape[1:]))
    for start in range(0, len(array), step):
        pixels = to_byte(array[start : start + step].astype(np.float32))
        images[start : start + step] = np.rint(pixels @ LUMA if array.ndim == 4 else pixels)
    return images
