"""Read and write IDX, the file format of MNIST.

Two zero bytes, one byte for the element type, one for the number of dimensions, a 32-bit size
per dimension, then the elements in row order; every number is big-endian.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database", section "File formats".
"""

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.disk import DIRECTORY, FILE, what_is_at
from bpnet.errors import DataError
from bpnet.files import atomic_write

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
CODES = {dtype: code for code, dtype in ELEMENT_TYPES.items()}
MAX_RANK = 64  # NumPy's own limit
MAX_BYTES = 1 << 30  # twenty times the pictures of MNIST: anything more is a mistake or a bomb
MAX_RATIO = 100  # of a large file's content to its gzip; that of MNIST is 5
LARGE = 1 << 24  # bytes; below it, any ratio will do
BLOCK = 1 << 18  # bytes decompressed at a time, few enough to stay in the processor's cache
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read the array that an IDX file holds, gzipped or not, whatever its name says.

    No more is decompressed than the header declares, and nothing if that exceeds `max_bytes`, or a
    hundred times the file, as nothing but a bomb does.

    Returns:
        The array in the machine's own byte order.

    Raises:
        DataError: the file is missing, damaged, cut short, too long, too large or not an IDX file.
    """
    with _open_content(path) as stream:
        dtype, shape = _read_header(stream, path)
        declared = math.prod(max(size, 1) for size in shape) * dtype.itemsize
        plausible = max(LARGE, MAX_RATIO * path.stat().st_size)
        limit = min(max_bytes, plausible)
        if max_bytes < declared <= plausible and isinstance(stream, gzip.GzipFile):
            raise DataError(
                "the array is too large to be unpacked into memory",
                where=path,
                expected=f"at most {max_bytes:,} bytes in a gzipped file",
                found=f"{declared:,} bytes, for the shape {shape}",
                hint="unpack it with gunzip; then it stays on the disk",
            )
        if declared > limit:
            raise _damaged(
                "the header declares too much data",
                path,
                f"at most {limit} bytes",
                f"{declared} bytes, for the shape {shape}",
            )
        elements = _read_elements(stream, path, math.prod(shape) * dtype.itemsize)
    array = elements.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def declared_array(path: Path) -> tuple[int, tuple[int, ...], np.dtype[Any]]:
    """Return where the elements of an IDX file that is not gzipped begin, their shape and type.

    Raises:
        DataError: it is not an IDX file.
    """
    with _open_content(path) as stream:
        dtype, shape = _read_header(stream, path)
        return stream.tell(), shape, dtype


def write_idx(path: Path, array: NDArray[Any]) -> None:
    """Write an array as an IDX file in one step, gzipped if the name ends in `.gz`.

    The same array always gives the same bytes: neither time nor name is stored.

    Raises:
        DataError: the directory cannot be written or the disk is full.
        ValueError: IDX has no code for the array's dtype.
    """
    parts = _encode(array)
    with disk_errors("write the file", path), atomic_write(path) as file:
        if path.suffix == ".gz":
            # Level 6 is a few times faster than 9, and its files are 1 % larger.
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream:
                stream.writelines(parts)
        else:
            file.writelines(parts)


def content_sha256(array: NDArray[Any]) -> str:
    """Return the SHA-256 of the uncompressed IDX file that holds `array`.

    An array has only one IDX file, so this is the checksum of the file it was read from.
    """
    digest = hashlib.sha256()
    for part in _encode(array):
        digest.update(part)
    return digest.hexdigest()


def _encode(array: NDArray[Any]) -> tuple[bytes, memoryview]:
    """Return the header and the elements of an IDX file; uint8 elements are not copied."""
    dtype = array.dtype.newbyteorder(">")
    if dtype not in CODES:
        raise ValueError(f"IDX has no element type for {array.dtype}")
    header = struct.pack(f">HBB{array.ndim}I", 0, CODES[dtype], array.ndim, *array.shape)
    elements = np.ascontiguousarray(array, dtype=dtype).reshape(-1).view(np.uint8)
    return header, elements.data


@contextmanager
def _open_content(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open the decompressed content of a file, and explain what goes wrong in reading it."""
    with disk_errors("read the file", path), _gzip_errors(path):
        found = what_is_at(path)
        if path.exists() and found != FILE:
            raise DataError(
                "cannot read the file",
                where=path,
                expected=FILE,
                found=found,
                hint="name a file in it" if found == DIRECTORY else "copy its content into a file",
            )
        with path.open("rb") as file:
            start = file.peek(2)[:2]
            if not start:
                raise _damaged("the file is empty", path, "an IDX file", "0 bytes")
            yield gzip.GzipFile(fileobj=file) if start == GZIP_MAGIC else file


@contextmanager
def _gzip_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        what = "the gzip file is damaged or cut short"
        raise _damaged(what, path, "a whole gzip file", error) from error


def _read_header(stream: io.BufferedIOBase, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the element type and the shape that the header declares."""
    magic = stream.read(4)
    if magic[:2] != b"\0\0" or len(magic) < 4:
        start = magic + stream.read(60)
        if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise _damaged("the file is a web page rather than the data", path, "an IDX file")
        raise _damaged(
            "this is not an IDX file", path, "two zero bytes, element type, rank", repr(start[:16])
        )
    code, rank = magic[2:]
    if code not in ELEMENT_TYPES:
        known = ", ".join(f"0x{code:02X}" for code in ELEMENT_TYPES)
        raise _damaged("the element type is unknown", path, f"one of {known}", f"0x{code:02X}")
    if rank > MAX_RANK:
        raise _damaged("there are too many dimensions", path, f"at most {MAX_RANK}", rank)
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        found = f"the end of the file after {4 + len(sizes)} bytes"
        raise _damaged("the file is cut short", path, f"a header of {4 + 4 * rank} bytes", found)
    shape: tuple[int, ...] = struct.unpack(f">{rank}I", sizes)
    return ELEMENT_TYPES[code], shape


def _read_elements(stream: io.BufferedIOBase, path: Path, declared: int) -> NDArray[np.uint8]:
    """Return exactly the declared number of bytes, read straight into their array."""
    elements = np.empty(declared, dtype=np.uint8)
    view, filled = elements.data, 0
    while filled < declared and (count := stream.readinto(view[filled : filled + BLOCK])):
        filled += count
    if filled < declared:
        raise _damaged(
            "the file is cut short", path, f"{declared} bytes of elements", f"{filled} bytes"
        )
    if stream.read(1):  # the end of a gzip file is also where its checksum is compared
        raise _damaged(
            "the file is too long", path, f"{declared} bytes of elements", "more after them"
        )
    return elements


def _damaged(what: str, path: Path, expected: object, found: object = None) -> DataError:
    hint = "put a good copy in its place; a download may have gone wrong"
    return DataError(what, where=path, expected=expected, found=found, hint=hint)
