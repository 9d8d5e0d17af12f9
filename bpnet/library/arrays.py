"""Look at the arrays that a user gives, and say what is wrong with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.importing.labels import to_labels
from bpnet.errors import DataError, some
from bpnet.nn.layer import Shape

PIXELS = "whole numbers from 0 to 255 (uint8)"


def as_array(given: Any, where: str) -> NDArray[Any]:
    """Return what was given as an array of numbers, or of texts.

    Raises:
        DataError: it is none.
    """
    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        what = "these do not make an array"
        hint = "give arrays of the same shape"
        raise DataError(what, where=where, found=str(error), hint=hint) from error
    if array.dtype.kind == "O" and array.size and all(isinstance(one, str) for one in array.flat):
        return array.astype(str)  # texts, as tables of other libraries hold them
    if array.dtype.kind == "O":
        found = f"an array of {type(array.flat[0]).__name__}" if array.size else "an empty array"
        raise DataError(
            "these are not numbers", where=where, expected="an array of numbers", found=found
        )
    return array


def as_pictures(
    given: Any, where: str, size: Shape | None = None, others: str | None = None
) -> NDArray[np.uint8]:
    """Return grey pictures (samples, height, width) in uint8.

    Args:
        given: pictures of that shape, with one channel besides if need be, or a single picture.
        where: the argument that gives them, for messages.
        size: height and width that they must have.
        others: what to do with pictures of another size, or in colours.

    Raises:
        DataError: the numbers or the shape are of another kind; the message says what to do.
    """
    array = as_array(given, where)
    expected = f"pictures of shape {_shape_of_pictures(size)}"
    if not array.size:
        found = f"an empty array of shape {array.shape}"
        raise DataError("there are no pictures", where=where, expected=expected, found=found)
    shaped = _without_channel(array, size)
    fits = shaped is not None and (size is None or shaped.shape[1:] == tuple(size))
    if shaped is None or not fits:
        raise DataError(
            "the pictures have another shape than the network takes"
            if size
            else "these are not pictures",
            where=where,
            expected=expected,
            found=f"shape {array.shape}",
            hint=_reshaped(array, size) if array.ndim < 3 else others,
        )
    return as_bytes(shaped, where)


def as_bytes(array: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Return pixels in uint8.

    Raises:
        DataError: they are no whole numbers from 0 to 255.
    """
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "buif":
        what = "these are not the pixels of pictures"
        raise DataError(what, where=where, expected=PIXELS, found=f"an array of {array.dtype}")
    lowest, highest = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if array.dtype.kind in "iu" and lowest >= 0 and highest <= 255:
        return array.astype(np.uint8)
    hint = "bring the pixels to 0–255 first"
    if array.dtype.kind == "b":
        hint = 'give images.astype("uint8") * 255'
    elif array.dtype.kind == "f" and lowest >= 0 and highest <= 1:
        hint = 'give (255 * images).round().astype("uint8")'
    elif array.dtype.kind == "f" and lowest >= 0 and highest <= 255:
        hint = 'give images.round().astype("uint8")'
    elif array.dtype.kind == "f" and lowest >= -1 and highest <= 1:
        hint = 'give (127.5 * (images + 1)).round().astype("uint8")'
    found = f"{array.dtype} from {lowest:g} to {highest:g}"
    raise DataError(
        "these are not the pixels of pictures", where=where, expected=PIXELS, found=found, hint=hint
    )


def as_numbers(given: Any, where: str, shape: Shape, what: str = "samples") -> NDArray[np.float64]:
    """Return numbers (samples, *shape) in float64.

    Raises:
        DataError: they have another shape, or are not finite.
    """
    array = as_array(given, where)
    if array.dtype.kind not in "buif":
        expected = f"numbers of shape {_many(shape)}"
        raise DataError("these are not numbers", where=where, expected=expected, found=array.dtype)
    array = array.astype(np.float64)
    if array.shape == tuple(shape):
        array = array[None]
    if array.shape[1:] != tuple(shape) or not array.size:
        raise DataError(
            f"the {what} have another shape than the network takes",
            where=where,
            expected=f"numbers of shape {_many(shape)}",
            found=f"shape {array.shape}",
            hint=_reshaped(array, shape),
        )
    if not np.isfinite(array).all():
        raise DataError(f"some of the {what} are not finite", where=where, found="NaN or infinity")
    return array


def as_labels(given: Any, where: str, samples: int) -> NDArray[Any]:
    """Return one label per sample: whole numbers in int64, or texts.

    Raises:
        DataError: these are no labels, or there are more or fewer of them than samples.
    """
    labels = to_labels(as_array(given, where), where)
    if len(labels) != samples:
        raise DataError(
            "there must be one label for each sample",
            where=where,
            expected=f"{samples:,} labels",
            found=f"{len(labels):,}",
        )
    return labels


def as_class_numbers(
    given: Any, where: str, samples: int, classes: tuple[str, ...]
) -> NDArray[np.int64]:
    """Return the number of each sample's class.

    Args:
        given: the names of the classes, or their numbers from 0.
        where: the argument that gives them, for messages.
        samples: how many there must be.
        classes: that there are.

    Raises:
        DataError: there are other labels.
    """
    labels = as_labels(given, where, samples)
    if labels.dtype.kind == "U":
        places = {name: number for number, name in enumerate(classes)}
        unknown = sorted(set(labels.tolist()) - set(places))
        numbers = np.array([places.get(label, 0) for label in labels.tolist()], dtype=np.int64)
    else:
        numbers = labels
        unknown = sorted({str(n) for n in labels[(labels < 0) | (labels >= len(classes))].tolist()})
    if unknown:
        raise DataError(
            "some labels are no classes of the network",
            where=where,
            expected=f"numbers from 0 to {len(classes) - 1}, or {some(classes)}",
            found=some(unknown),
        )
    return numbers


def _without_channel(array: NDArray[Any], size: Shape | None) -> NDArray[Any] | None:
    """Return (samples, height, width); None where that is not clear."""
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        return array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.ndim == 2 and size is not None and array.shape == tuple(size):
        return array[None]
    return array if array.ndim == 3 else None


def _reshaped(array: NDArray[Any], shape: Shape | None) -> str | None:
    """Return how to give an array another shape, if it has as many numbers."""
    if shape is None and array.ndim == 2 and math.isqrt(array.shape[1]) ** 2 == array.shape[1]:
        shape = (math.isqrt(array.shape[1]),) * 2
    if shape is None or not array.size or array.size % math.prod(shape):
        return None
    return f"if these are rows of numbers, give images.reshape(-1, {', '.join(map(str, shape))})"


def _many(shape: Shape) -> str:
    return f"(samples, {', '.join(map(str, shape))})"


def _shape_of_pictures(size: Shape | None) -> str:
    return _many(size) if size else "(samples, height, width)"
