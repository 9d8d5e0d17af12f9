"""Bring arrays of labels of any shape into one label per sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import DataError


def to_labels(array: NDArray[Any], where: object) -> NDArray[Any]:
    """Return one label per sample: whole numbers (samples,) in int64, or texts.

    A row or a column of labels is a list of them; rows with a single 1 among zeros are one-hot.

    Raises:
        DataError: these are not labels.
    """
    labels = array
    if array.ndim == 2 and 1 in array.shape:
        labels = array.reshape(-1)
    elif array.ndim == 2 and array.dtype.kind in "buif":
        is_one = array == 1
        if (is_one.sum(axis=1) == 1).all() and (is_one | (array == 0)).all():
            numbers: NDArray[np.int64] = is_one.argmax(axis=1).astype(np.int64)
            return numbers
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.ndim == 1 and labels.dtype.kind == "U":
        return labels
    is_whole = labels.ndim == 1 and labels.dtype.kind in "buif" and np.isfinite(labels).all()
    if not is_whole or not (labels == np.rint(labels)).all():
        raise DataError(
            "these are not labels",
            where=where,
            expected="one whole number or text for each sample, or one-hot rows",
            found=f"{array.dtype} of shape {array.shape}",
        )
    if np.abs(labels.astype(np.float64)).max(initial=0) > 2**53:
        raise DataError("the labels are too large", where=where, found=labels.max())
    return labels.astype(np.int64)
