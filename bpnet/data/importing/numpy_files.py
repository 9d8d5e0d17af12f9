"""Read the arrays of NumPy's `.npz` and `.npy` files, never with pickle."""

import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.data.importing.found import MOST_BYTES, Found, Wanted
from bpnet.data.importing.named_arrays import from_arrays
from bpnet.errors import DataError

SUFFIXES = (".npz", ".npy")
WIDEST = 8  # bytes of an element: pictures may be stored in float64
MOST_ARRAYS = 1000
MAX_RATIO = 100  # of a large array to its compressed bytes; that of MNIST in int64 is 30
LARGE = 1 << 24  # bytes; below it, any ratio will do
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
UNNAMED = "arr_0"  # what NumPy calls an array that was saved without a name


def read_numpy(files: Sequence[Path], wanted: Wanted) -> Found:
    """Return the samples in some `.npz` and `.npy` files.

    An array without a name of its own has that of its file.

    Raises:
        DataError: a file is damaged or too large, or pictures and labels are not to be told apart.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for path in files:
        with disk_errors("read the file", path), _numpy_errors(path):
            if path.suffix.lower() == ".npy":
                with path.open("rb") as file:
                    arrays[path.stem] = _read_array(file, path, path.stat().st_size)
            else:
                found = dict(_read_archive(path))
                if list(found) == [UNNAMED]:
                    found = {path.stem: found[UNNAMED]}
                arrays |= found
    where = files[0] if len(files) == 1 else files[0].parent
    return from_arrays(arrays, wanted, where)


def holds_one_array(path: Path) -> bool:
    """Return whether a file holds a single array, to which others must belong."""
    if path.suffix.lower() == ".npy":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return len(archive.namelist()) == 1
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def _read_archive(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the name and content of every array of an `.npz` file."""
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
        if len(entries) > MOST_ARRAYS:
            raise _damaged(path, f"{len(entries)} arrays, more than {MOST_ARRAYS}")
        for entry in entries:
            limit = min(entry.file_size, max(LARGE, MAX_RATIO * entry.compress_size))
            with archive.open(entry) as file:
                yield entry.filename.removesuffix(".npy"), _read_array(file, path, limit)


def _read_array(file: IO[bytes], path: Path, size: int) -> NDArray[Any]:
    """Return the array of an open `.npy` file of `size` bytes, if it declares no more than that."""
    shape, is_fortran, dtype = _read_header(file, path)
    declared = math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise _damaged(path, "Python objects, which are never loaded from a file")
    if declared > size or declared > WIDEST * MOST_BYTES:
        raise _damaged(path, f"an array that declares {declared:,} bytes, for the shape {shape}")
    content = file.read(declared)
    if len(content) < declared:
        raise _damaged(path, f"{len(content):,} bytes of an array of {declared:,}")
    array = np.frombuffer(content, dtype=dtype)
    return array.reshape(shape[::-1]).T if is_fortran else array.reshape(shape)


def _read_header(file: IO[bytes], path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape that an open `.npy` file declares, whether columns come first, the type."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns of headers that Python 2 wrote
            shape, is_fortran, dtype = HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # on damaged headers NumPy raises errors of many kinds
        raise _damaged(path, f"a header that is not NumPy's: {error}") from error
    if any(side < 0 for side in shape):
        raise _damaged(path, f"an array of shape {shape}")
    return shape, is_fortran, dtype


@contextmanager
def _numpy_errors(path: Path) -> Iterator[None]:
    """Explain what is wrong with a file."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _damaged(path, str(error)) from error
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise _damaged(path, str(error).partition("\n")[0]) from error


def _damaged(path: Path, found: str) -> DataError:
    return DataError(
        "the NumPy file cannot be read",
        where=path,
        expected="arrays of numbers, as numpy.save and numpy.savez write them",
        found=found,
    )
