"""Read the arrays of a stranger's `.npz` archive: nothing is unpacked before its size is known.

An `.npz` is a zip archive of `.npy` files: a short header, then the numbers as they lie in memory.
Only what `numpy.savez` writes of plain arrays is accepted; pickled objects are never loaded.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from bpnet.errors import CheckpointError
from bpnet.model.forms import Form

SUFFIX = ".npy"
BLOCK = 1 << 20  # bytes read at a time
MOST_MEMBERS = 20_000  # arrays: beyond any network that fits this program
LONGEST_NAME = 200  # letters
LARGEST_DIRECTORY = 4 << 20  # bytes of the list of members
MOST_COMPRESSED = 64 << 20  # bytes that compressed arrays may unpack to; bpnet compresses none

MAGIC = b"\x93NUMPY"
HEADER = re.compile(
    rb"\{'descr': '([<>|][a-zA-Z][0-9]{1,4})', 'fortran_order': False, "
    rb"'shape': \(([0-9]{0,18}(?:, ?[0-9]{1,18}){0,9},?)\), \} *\n"
)
UNREADABLE = (  # what a damaged archive makes its readers raise
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, KeyError, RuntimeError, OverflowError, MemoryError),
)


class DamagedError(Exception):
    """Report why an archive cannot be read; `opened` adds the file."""


class BoundedFile(io.BufferedReader):
    """Refuse to read more than a list of members may take at once, whatever a file declares."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, or all that is left."""
        most = LARGEST_DIRECTORY + 1 if size is None or size < 0 else size
        content = super().read(min(most, LARGEST_DIRECTORY + 1))
        if len(content) > LARGEST_DIRECTORY:
            raise DamagedError(f"a list of members of more than {LARGEST_DIRECTORY} bytes")
        return content


class Archive:
    """Hold the forms of all arrays of an archive that is open, and read their content.

    Args:
        file: the archive.
        path: where it lies.

    Raises:
        DamagedError: it holds anything but plain arrays, or more than it may.
    """

    def __init__(self, file: zipfile.ZipFile, path: Path) -> None:
        self._file = file
        self._path = path
        self._members = _checked(file.infolist(), path.stat().st_size)
        self.forms = {name: self._form(name) for name in self._members}

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield the content of an array, `BLOCK` bytes at most at a time.

        Raises:
            CheckpointError: it is damaged, or of another size than its form says.
        """
        with _explained(self._path), self._file.open(self._members[name]) as member:
            _read_form(member)
            left = self.forms[name].size
            while left:
                block = member.read(min(BLOCK, left))
                if not block:
                    raise DamagedError(f"{name} ends too early")
                left -= len(block)
                yield block
            if member.read(1):  # reading to the end also compares the archive's own checksum
                raise DamagedError(f"{name} goes on after its end")

    def _form(self, name: str) -> Form:
        """Read the form of an array, and compare its size with that of its file."""
        entry = self._members[name]
        with self._file.open(entry) as member:
            try:
                length, form = _read_form(member)
            except DamagedError as error:
                raise DamagedError(f"{name} is not a plain array: {error}") from None
        if length + form.size != entry.file_size:
            raise DamagedError(
                f"{name} takes {entry.file_size - length} bytes, not the {form.size} of {form}"
            )
        return form


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive.

    Raises:
        CheckpointError: it is damaged, of another kind, or declares more than it may.
    """
    with ExitStack() as held:
        with _explained(path):
            bounded = held.enter_context(BoundedFile(path.open("rb", buffering=0)))
            archive = Archive(held.enter_context(zipfile.ZipFile(bounded)), path)
        yield archive


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever a damaged archive makes its readers raise into one error."""
    try:
        yield
    except (*UNREADABLE, DamagedError) as error:
        raise CheckpointError(
            "the checkpoint cannot be read",
            where=path,
            expected="a whole .npz file without pickled objects",
            found=_what_it_is(path, error),
            hint="use another checkpoint of the run",
        ) from error


def _checked(entries: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by the names of their arrays, if all are few, plain and small."""
    if len(entries) > MOST_MEMBERS:
        raise DamagedError(f"{len(entries)} members, where {MOST_MEMBERS} are the most")
    members = {}
    for entry in entries:
        name = entry.filename.removesuffix(SUFFIX)
        shown = ascii(name[:LONGEST_NAME])
        if name == entry.filename or len(name) > LONGEST_NAME:
            raise DamagedError(f"a member that is not an array: {shown}")
        if name in members:
            raise DamagedError(f"two members named {shown}")
        if entry.flag_bits & 1:
            raise DamagedError(f"{shown} is encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DamagedError(f"{shown} is compressed by method {entry.compress_type}")
        if entry.compress_type == zipfile.ZIP_STORED and entry.file_size != entry.compress_size:
            raise DamagedError(f"{shown} has two sizes")
        members[name] = entry
    if sum(entry.compress_size for entry in entries) > size:
        raise DamagedError("members that overlap")
    deflated = [entry for entry in entries if entry.compress_type == zipfile.ZIP_DEFLATED]
    unpacked = sum(entry.file_size for entry in deflated)
    if unpacked > MOST_COMPRESSED:
        raise DamagedError(
            f"compressed arrays of {unpacked} bytes, where {MOST_COMPRESSED} are the most"
        )
    return members


def _read_form(member: IO[bytes]) -> tuple[int, Form]:
    """Read the header of a `.npy` file, and return its length with what it says."""
    start = member.read(len(MAGIC) + 4)
    if len(start) < len(MAGIC) + 4 or not start.startswith(MAGIC + b"\x01\x00"):
        raise DamagedError("its file does not begin as numpy's do")
    length = int.from_bytes(start[-2:], "little")
    text = member.read(length)
    match = HEADER.fullmatch(text)
    if match is None:
        if b"'|O" in text:
            raise DamagedError("pickled objects, which are never loaded")
        raise DamagedError(f"its header is {text[:80].decode('latin-1').strip()!a}")
    try:
        np.dtype(match[1].decode())
    except TypeError:
        raise DamagedError(f"it has no such elements as {match[1].decode()}") from None
    shape = tuple(int(side) for side in re.findall(rb"[0-9]+", match[2]))
    return len(start) + length, Form(match[1].decode(), shape)


def _what_it_is(path: Path, error: Exception) -> str:
    """Describe why a file cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as reading:
        return reading.strerror or str(reading)
    if not start:
        return "an empty file"
    if start.startswith(b"\x80"):
        return "a pickle, which could run any code and is never loaded"
    if start.startswith(b"PK"):
        return str(error) if isinstance(error, DamagedError) else f"damaged content: {error}"
    return "a file of another kind"
