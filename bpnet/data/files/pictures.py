"""Open files of pictures: small ones are read, large ones stay where they are."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.data.files.idx import ELEMENT_TYPES, GZIP_MAGIC, declared_array, read_idx
from bpnet.data.files.stored_array import CAN_STORE, StoredArray
from bpnet.disk import FILE, what_is_at
from bpnet.errors import DataError

MOST_RESIDENT = 1 << 28  # bytes of a file: what is larger stays on disk
PICTURES = 3  # dimensions: labels are always read
NPY_MAGIC = b"\x93NUMPY"
MOST_DIMENSIONS = 8  # of an IDX file that is recognised by its first bytes


def holds_array(path: Path) -> bool:
    """Return whether a file begins like one of IDX, gzipped or not, or like `.npy`."""
    if what_is_at(path) != FILE:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(len(NPY_MAGIC))
        if start.startswith(GZIP_MAGIC):
            with gzip.open(path) as stream:
                start = stream.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    is_idx = len(start) >= 4 and start[:2] == b"\0\0" and start[2] in ELEMENT_TYPES
    return start == NPY_MAGIC or (is_idx and 0 < start[3] <= MOST_DIMENSIONS)


def open_pictures(path: Path) -> NDArray[np.uint8]:
    """Return the grey pictures (pictures, height, width) that a file holds, as `open_array` does.

    Raises:
        DataError: the file is missing or damaged, or holds anything else.
    """
    array = open_array(path)
    if array.ndim != PICTURES or array.dtype != np.uint8 or not array.size:
        raise DataError(
            "this array does not hold grey pictures",
            where=path,
            expected="unsigned bytes of shape (pictures, height, width), no size being 0",
            found=f"{array.dtype} of shape {array.shape}",
        )
    return array


def open_array(path: Path) -> NDArray[Any]:
    """Return the array of an IDX file or of a `.npy` file; that of a large one stays on disk.

    Gzipped files are read, whatever their size: rows cannot be found in them.

    Returns:
        An array, or what behaves like one where rows are asked for (`StoredArray`).

    Raises:
        DataError: the file is missing or damaged.
    """
    with disk_errors("read the file", path):
        start = b""
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(len(NPY_MAGIC))
    if start == NPY_MAGIC:
        return _open_npy(path)
    if CAN_STORE and start[:2] == b"\0\0" and path.stat().st_size > MOST_RESIDENT:
        offset, shape, dtype = declared_array(path)
        if dtype.itemsize == 1 and len(shape) == PICTURES:
            return _stored(path, offset, shape, dtype)
    return read_idx(path)


def _open_npy(path: Path) -> NDArray[Any]:
    """Return the array of a `.npy` file, of numbers alone."""
    with disk_errors("read the file", path), path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, by_columns, dtype = read(file)
        except (ValueError, SyntaxError) as error:
            raise _damaged(path, "a header as numpy.save writes it", error) from error
        if by_columns or dtype.hasobject or not shape or min(shape) < 0:
            found = f"{dtype} of shape {shape}{', column by column' if by_columns else ''}"
            raise _damaged(path, "numbers, row by row", found)
        offset = file.tell()
    array = StoredArray(path, offset, shape, dtype) if CAN_STORE else None
    _demand_size(path, offset, shape, dtype)
    if array is None or array.nbytes <= MOST_RESIDENT or array.ndim != PICTURES:
        with disk_errors("read the file", path):
            content = np.fromfile(path, dtype=dtype, offset=offset).reshape(shape)
        return content.astype(dtype.newbyteorder("="), copy=False)
    return cast("NDArray[Any]", array)


def _stored(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    _demand_size(path, offset, shape, dtype)
    return cast("NDArray[Any]", StoredArray(path, offset, shape, dtype.newbyteorder("=")))


def _demand_size(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Make sure that a file holds as much as it declares."""
    declared = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if (found := path.stat().st_size) != declared:
        raise _damaged(path, f"{declared:,} bytes, for the shape {shape}", f"{found:,} bytes")


def _damaged(path: Path, expected: str, found: object) -> DataError:
    hint = "put a good copy in its place; a download may have gone wrong"
    return DataError("the file is damaged", where=path, expected=expected, found=found, hint=hint)
