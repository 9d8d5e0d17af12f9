"""Leave an array in its file, and read what is asked for.

Nothing is mapped into memory: pages of a mapped file count as memory of the process that has looked
at them, so after one pass all of it would.
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.errors import DataError

CAN_STORE = hasattr(os, "preadv")  # reads at a place of its own, as several processes need it
BLOCK = 1 << 20  # bytes that are read at a time, where all of an array is wanted
SPARSE = 4  # rows between two that are wanted: below it, reading all is faster than each alone


class StoredArray:
    """Read rows of an array from its file, as if it lay in memory.

    It has what the users of an array of samples need: shape, type, length, rows by number, slice or
    numbers, and `take`. Forked processes and threads may read at the same time.

    Args:
        path: of the file; it must not change any more.
        offset: bytes before the first element.
        shape: (rows, …), none of them 0.
        dtype: of the elements.

    Raises:
        DataError: the file cannot be opened.
    """

    def __init__(
        self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.path = path
        self.shape = shape
        self.dtype = dtype
        self._offset = offset
        self._row = math.prod(shape[1:]) * dtype.itemsize
        with disk_errors("read the file", path):
            self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    @property
    def ndim(self) -> int:
        """Return the number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Return the bytes of all elements."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Return a row, or the rows of a slice, or those with some numbers, in memory."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._span(start, max(start, stop))
            rows = np.arange(start, stop, step)
        numbers = np.asarray(rows)
        if numbers.dtype == np.bool_:
            numbers = np.flatnonzero(numbers)
        out = self.take(np.atleast_1d(numbers))
        return out if numbers.ndim else out[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of it in memory."""
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(
        self,
        index: NDArray[np.integer],
        axis: int = 0,
        out: NDArray[Any] | None = None,
        mode: str = "raise",
    ) -> NDArray[Any]:
        """Return the rows with these numbers (rows,), in `out` where it is given.

        Args:
            index: from 0, or from the end where negative.
            axis: 0.
            out: contiguous, of the same type.
            mode: there is no other than to raise.

        Raises:
            DataError: the file cannot be read, or has become shorter.
        """
        assert axis == 0, "only rows are stored together"
        count = len(index)
        if out is None:
            out = np.empty((count, *self.shape[1:]), self.dtype)
        if not count:
            return out
        first, last = int(index.min()), int(index.max())
        if first < -len(self) or last >= len(self):
            raise IndexError(f"rows {first} to {last} of {len(self)}")
        if first < 0:
            index = np.where(index < 0, index + len(self), index)
            first, last = int(index.min()), int(index.max())
        if last - first < SPARSE * count and (last - first + 1) * self._row <= 2 * BLOCK:
            return self._span(first, last + 1).take(index - first, axis=0, out=out, mode="clip")
        self._read_rows(index, out)
        return out

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, some at a time."""
        rows = max(1, BLOCK // max(1, self._row))
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    def _span(self, start: int, stop: int) -> NDArray[Any]:
        """Return neighbouring rows."""
        rows = np.empty((stop - start, *self.shape[1:]), self.dtype)
        if not rows.size:
            return rows
        content, done = rows.reshape(-1).view(np.uint8).data, 0
        with disk_errors("read the file", self.path):
            while done < len(content):  # the system reads at most 2 GB at a time
                place = self._offset + start * self._row + done
                got = os.preadv(self._file, [content[done:]], place)
                self._demand(got > 0)
                done += got
        return rows

    def _read_rows(self, index: NDArray[np.integer], out: NDArray[Any]) -> None:
        """Read each row on its own."""
        size, file, read = self._row, self._file, os.preadv
        content = out.reshape(-1).view(np.uint8).data
        places = (index.astype(np.int64) * size + self._offset).tolist()
        starts = range(0, len(places) * size, size)
        with disk_errors("read the file", self.path):
            for start, place in zip(starts, places, strict=True):
                self._demand(read(file, [content[start : start + size]], place) == size)

    def _demand(self, is_whole: bool) -> None:
        if not is_whole:
            raise DataError(
                "the file has become shorter since it was opened",
                where=self.path,
                expected=f"{self._offset + self.nbytes:,} bytes",
                hint="put a good copy in its place, and leave it there while a network trains",
            )


def is_stored(array: object) -> bool:
    """Return whether an array stays in its file."""
    return isinstance(array, StoredArray)


def blocks_of(array: NDArray[Any] | StoredArray) -> Iterator[NDArray[Any]]:
    """Yield all rows of an array in order, some at a time."""
    if isinstance(array, StoredArray):
        yield from array.blocks()
        return
    rows = max(1, BLOCK * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
