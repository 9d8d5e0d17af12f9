"""Read MATLAB's `.mat` files, which takes SciPy."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.data.importing.found import MOST_BYTES, Found, Wanted
from bpnet.data.importing.named_arrays import from_arrays
from bpnet.errors import DataError

SUFFIXES = (".mat",)
DEEPEST = 4  # structures within structures


def read_mat(files: Sequence[Path], wanted: Wanted) -> Found:
    """Return the samples in a `.mat` file of version 4 to 7, the only one of its data set.

    Raises:
        DataError: SciPy is missing, or the file is damaged or does not hold pictures and labels.
    """
    path = files[0]
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise DataError(
            "reading MATLAB's files takes SciPy, which is not installed",
            where=path,
            hint="pip install scipy, or save the arrays as an .npz or .csv file",
        ) from error
    with disk_errors("read the file", path):
        if path.stat().st_size > MOST_BYTES:
            raise DataError("the file is too large", where=path, found=path.stat().st_size)
        try:
            content: dict[str, Any] = loadmat(path)
        except OSError:
            raise
        except Exception as error:  # on damaged files SciPy raises errors of many kinds
            raise DataError(
                "the MATLAB file cannot be read",
                where=path,
                expected="a file of version 4 to 7 (`save -v7`)",
                found=str(error) or type(error).__name__,
            ) from error
    return from_arrays(dict(_arrays(content, DEEPEST)), wanted, path)


def _arrays(content: dict[str, Any], deepest: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of a file, those within structures by their whole names."""
    for name, value in content.items():
        if name.startswith("__") or not isinstance(value, np.ndarray):
            continue
        if value.dtype.names and value.size == 1 and deepest:
            fields = {f"{name}.{field}": value[field].flat[0] for field in value.dtype.names}
            yield from _arrays(fields, deepest - 1)
        elif value.dtype.kind in "buifU":
            yield name, value
