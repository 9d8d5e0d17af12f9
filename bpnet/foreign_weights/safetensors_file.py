"""Read the arrays of a safetensors file, whose header is measured before it is parsed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bpnet.disk import reason
from bpnet.export.metadata import KEY, record_of
from bpnet.foreign_weights.weights import Weights, unreadable
from bpnet.model.archive import MOST_MEMBERS
from bpnet.model.forms import Form
from bpnet.model.record import RecordError
from bpnet.packages import demand_packages

LARGEST_HEADER = 8 << 20  # bytes: twice the longest config
TYPES = {  # NumPy's names; elements that it does not have are left out
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
}
EXPECTED = "a whole safetensors file"


@contextmanager
def open_safetensors(path: Path) -> Iterator[Weights]:
    """Open a safetensors file during the block; its arrays are sorted by name, not by layer.

    Raises:
        ConfigError: the package is missing.
        CheckpointError: the file is damaged, too large, or holds elements that NumPy has not.
    """
    demand_packages("reading the file", "bpnet import", "safetensors")
    from safetensors import SafetensorError, safe_open

    try:
        _check_header(path)
        with safe_open(path, framework="np") as file:
            texts = file.metadata() or {}
            names = list(file.keys())
            if len(names) > MOST_MEMBERS:
                raise unreadable(path, f"at most {MOST_MEMBERS} arrays", len(names))
            forms = {name: _form(path, name, file.get_slice(name)) for name in names}

            def read(name: str) -> NDArray[Any]:
                array: NDArray[Any] = file.get_tensor(name)
                return array

            yield Weights(path, forms, read, in_order=False, record=record_of(texts.get(KEY)))
    except RecordError as error:
        raise unreadable(path, f"bpnet's metadata: {error.expected}", error.found) from None
    except SafetensorError as error:
        raise unreadable(path, EXPECTED, str(error)) from error
    except OSError as error:
        raise unreadable(path, EXPECTED, reason(error)) from error


def _check_header(path: Path) -> None:
    """Make sure that a file's header is no larger than its arrays need."""
    with path.open("rb") as file:
        start = file.read(9)
    size = int.from_bytes(start[:8], "little")
    if start.startswith(b"\x80"):
        raise unreadable(path, EXPECTED, "a pickle, which could run any code and is never loaded")
    if len(start) < 9 or start[8:] != b"{":
        raise unreadable(path, EXPECTED, "a file of another kind" if start else "an empty file")
    if size > LARGEST_HEADER:
        expected = f"a header of at most {LARGEST_HEADER} bytes"
        raise unreadable(path, expected, f"one that declares {size}")


def _form(path: Path, name: str, view: Any) -> Form:
    """Return element type and shape of an array."""
    kind = view.get_dtype()
    if kind not in TYPES:
        hint = "convert it first, with tensor.float() in PyTorch"
        raise unreadable(path, "floats of 16, 32 or 64 bits", f"{name} of type {kind}", hint)
    return Form(TYPES[kind], tuple(view.get_shape()))
