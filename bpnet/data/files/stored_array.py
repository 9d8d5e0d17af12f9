"""Leave an array in its file, and read what is asked for.

Nothing is mapped into memory: pages of a mapped file count as memory of the process that has looked
at them, so after one pass all of it would.
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.errors import DataError

CAN_STORE = hasattr(os, "preadv")  # reads at a place of its own, as several processes need it
CAN_ADVISE = hasattr(os, "RWF_NOWAIT") and hasattr(os, "posix_fadvise")
BLOCK = 1 << 20  # bytes that are read at a time, where all of an array is wanted
SPARSE = 8  # rows for each that is wanted: up to it, reading all is faster than each alone
TOGETHER = 128  # rows that are read before they are put where they belong
EXPECTED = 1024  # rows that the disk is asked for at once


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
        if not count:
            return np.empty((0, *self.shape[1:]), self.dtype) if out is None else out
        first, last = int(index.min()), int(index.max())
        if first < -len(self) or last >= len(self):
            raise IndexError(f"rows {first} to {last} of {len(self)}")
        if first < 0:
            index = np.where(index < 0, index + len(self), index)
            first, last = int(index.min()), int(index.max())
        if last - first < SPARSE * count and (last - first + 1) * self._row <= 2 * BLOCK:
            rows = self._span(first, last + 1)
            if out is None and np.array_equal(index, np.arange(first, first + count)):
                return rows
            return rows.take(index - first, axis=0, out=out, mode="clip")
        if out is None:
            out = np.empty((count, *self.shape[1:]), self.dtype)
        self._read_rows(index, out, np.arange(count))
        return out

    def scatter(
        self, index: NDArray[np.int64], out: NDArray[Any], places: NDArray[np.int64]
    ) -> None:
        """Write the rows with these numbers to these places of an array.

        Args:
            index: from 0.
            out: contiguous, of the same type.
            places: one for each row.

        Raises:
            DataError: the file cannot be read, or has become shorter.
        """
        if not len(index):
            return
        if not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows {index.min()} to {index.max()} of {len(self)}")
        self._read_rows(index, out, places)

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

    def _read_rows(
        self, index: NDArray[np.integer], out: NDArray[Any], targets: NDArray[np.int64]
    ) -> None:
        """Read rows in the order of their places: neighbours share much of the way to them."""
        order, expected = np.argsort(index), 0
        numbers, targets = index[order].astype(np.int64), targets[order]
        rows = out.reshape(len(out), -1).view(np.uint8)
        together = max(1, min(TOGETHER, BLOCK // max(1, self._row)))
        with disk_errors("read the file", self.path):
            for start in range(0, len(numbers), together):
                if start >= expected and self.is_far(int(numbers[start])):
                    expected = start + EXPECTED
                    self.expect(numbers[start:expected])
                some = slice(start, start + together)
                rows[targets[some]] = self._sorted_rows(numbers[some])

    def _sorted_rows(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the bytes of rows whose numbers rise.

        The loop over rows is C's: Python's own would take as long as the system does.
        """
        file, size, first = self._file, self._row, int(numbers[0])
        reach = int(numbers[-1]) - first + 1
        if reach <= SPARSE * len(numbers):
            span = self._span(first, first + reach).reshape(reach, -1).view(np.uint8)
            return span[numbers - first]
        places = (numbers * size + self._offset).tolist()
        content = b"".join(map(os.pread, repeat(file), repeat(size), places))
        if len(content) == len(places) * size:
            return np.frombuffer(content, np.uint8).reshape(-1, size)
        rows = [
            self._span(number, number + 1) for number in numbers.tolist()
        ]  # the system was short
        return np.concatenate(rows).reshape(len(rows), -1).view(np.uint8)

    def is_far(self, row: int) -> bool:
        """Return whether the system would have to read a row from the disk."""
        if not CAN_ADVISE:
            return False
        try:
            place = self._offset + row * self._row
            os.preadv(self._file, [bytearray(1)], place, os.RWF_NOWAIT)
        except BlockingIOError:
            return True
        except OSError:  # this file system cannot tell
            pass
        return False

    def expect(self, rows: NDArray[np.int64]) -> None:
        """Let the disk begin with all of these rows, instead of one after the other."""
        for place in (rows * self._row + self._offset).tolist():
            os.posix_fadvise(self._file, place, self._row, os.POSIX_FADV_WILLNEED)

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
