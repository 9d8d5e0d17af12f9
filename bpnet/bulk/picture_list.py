"""Number the pictures that a user means, and divide them into chunks that are answered alone."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.pictures import holds_array, open_pictures
from bpnet.data.reading.sources import STANDARD_INPUT, SUFFIXES, is_address
from bpnet.errors import DataError
from bpnet.nn.layer import Shape

FILES = 32  # pictures of a chunk that are read one by one: about half a second
MOST_OPEN = 2  # arrays: gzipped ones are held in memory

Picture = str | DataError  # a path or an address; or why a word stands for no picture


@dataclass(frozen=True)
class Rows:
    """Name some pictures of an array.

    Args:
        path: of its file.
        start: number of the first one in it.
        stop: number behind the last one.
    """

    path: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def name(self, row: int) -> str:
        """Return what answers call a picture of the file."""
        return f"{self.path}[{row}]"


@dataclass(frozen=True)
class Chunk:
    """Hold pictures that are answered together, in plain values that can be sent anywhere.

    Args:
        first: number of the first one among all pictures.
        pictures: their names, or where they lie in an array.
    """

    first: int
    pictures: Rows | list[Picture]

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True)
class _Part:
    """Hold neighbouring pictures that are divided in the same way.

    Args:
        first: number of the first picture.
        count: how many there are.
        first_chunk: number of the first chunk.
        chunk: pictures in each but the last one.
        place: of the first one among the user's words.
        array: whether that word is the file of an array, which holds all of them.
    """

    first: int
    count: int
    first_chunk: int
    chunk: int
    place: int
    array: bool

    @property
    def chunks(self) -> int:
        return -(-self.count // self.chunk)


class PictureList:
    """Hold pictures in order, files by their names, and arrays by the number of their pictures.

    Chunks follow from this list alone, so they are the same whenever and wherever it is made.

    Args:
        found: paths, addresses, files of arrays, and errors.
        arrays: shapes of the arrays, by their place in `found`.
        rows: pictures in a chunk of an array of pictures of that shape.
    """

    def __init__(
        self, found: Sequence[Picture], arrays: Mapping[int, Shape], rows: Mapping[Shape, int]
    ) -> None:
        self._found = found
        self._arrays = arrays
        self._folder = os.getcwd()  # noqa: PTH109 (a million names are joined to it)
        self._parts: list[_Part] = []
        self.count = self.chunks = 0
        done = 0
        for place, shape in sorted(arrays.items()):
            self._add(done, place - done, FILES, array=False)
            self._add(place, shape[0], rows.get(shape[1:], FILES), array=True)
            done = place + 1
        self._add(done, len(found) - done, FILES, array=False)
        self._first_pictures = [part.first for part in self._parts]
        self._first_chunks = [part.first_chunk for part in self._parts]

    def _add(self, place: int, count: int, chunk: int, *, array: bool) -> None:
        if count:
            part = _Part(self.count, count, self.chunks, chunk, place, array)
            self._parts.append(part)
            self.count += count
            self.chunks += part.chunks

    def __getitem__(self, number: int) -> Chunk:
        """Return the chunk of a number, in which paths are absolute."""
        part = self._parts[bisect_right(self._first_chunks, number) - 1]
        start = (number - part.first_chunk) * part.chunk
        stop = min(start + part.chunk, part.count)
        if part.array:
            path = self._absolute(self._found[part.place])
            return Chunk(part.first + start, Rows(str(path), start, stop))
        names = self._found[part.place + start : part.place + stop]
        return Chunk(part.first + start, [self._absolute(name) for name in names])

    def chunk_of(self, picture: int) -> int:
        """Return the number of the chunk that holds a picture; behind the last one for no picture.

        Args:
            picture: its number among all.
        """
        if picture >= self.count:
            return self.chunks
        part = self._parts[bisect_right(self._first_pictures, picture) - 1]
        return part.first_chunk + (picture - part.first) // part.chunk

    def fingerprint(self) -> str:
        """Return the SHA-256 of all names, in order, and of the shapes of arrays."""
        digest = hashlib.sha256()
        for place, one in enumerate(self._found):
            named = self._absolute(one)
            name = named if isinstance(named, str) else f"no picture: {named.parts['where']}"
            digest.update(os.fsencode(name) + b"\0")
            if (shape := self._arrays.get(place)) is not None:
                digest.update(f"{shape}\0".encode())
        return digest.hexdigest()

    def _absolute(self, picture: Picture) -> Picture:
        """Return the one absolute path of a picture; an address, or an error, as it is.

        However the user spells it, it is the same, so that begun work is known again. Behind a link
        to a folder, `..` leads elsewhere than it reads.
        """
        if isinstance(picture, DataError) or is_address(picture):
            return picture
        path = os.path.join(self._folder, picture)  # noqa: PTH118 (ten times as fast)
        if os.pardir in path and os.pardir in Path(path).parts:
            return str(Path(path).parent.resolve() / Path(path).name)
        return os.path.normpath(path)


def arrays_among(found: list[Picture]) -> dict[int, Shape]:
    """Return the shapes of the arrays of pictures among files, by their places.

    A damaged one, and one of other numbers, is replaced by its error.

    Args:
        found: paths, addresses and errors.
    """
    arrays: dict[int, Shape] = {}
    for place, picture in enumerate(found):
        if isinstance(picture, DataError) or picture.lower().endswith(SUFFIXES):
            continue
        if picture == STANDARD_INPUT or is_address(picture) or not holds_array(Path(picture)):
            continue
        try:
            arrays[place] = open_once(str(Path(picture).absolute())).shape
        except DataError as error:
            found[place] = error
    return arrays


def open_once(path: str) -> NDArray[np.uint8]:
    """Return the pictures (pictures, height, width) of a file, which stays open.

    Where another file has taken its place, or it was written to, it is opened again: the workers of
    a cluster outlive a command.

    Raises:
        DataError: the file is missing or damaged, or holds anything else.
    """
    with suppress(OSError):  # it is told when the file is opened
        found = Path(path).stat()
        version = found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
        return _open_version(path, version)
    return open_pictures(Path(path))


@lru_cache(MOST_OPEN)
def _open_version(path: str, version: tuple[int, ...]) -> NDArray[np.uint8]:
    return open_pictures(Path(path))
