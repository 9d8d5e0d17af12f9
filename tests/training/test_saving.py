"""A checkpoint's archive is the one that NumPy writes, byte for byte."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.training.saving import write_archive


def test_archives_are_those_of_numpy() -> None:
    table = np.arange(12.0).reshape(3, 4)
    arrays: dict[str, NDArray[Any]] = {
        "record": np.frombuffer(b"text", dtype=np.uint8),
        "parameters/1.weight": table.astype(np.float32),
        "parameters/2.weight": table[:, 1:3],  # a view, not contiguous
        "parameters/3.weight": table.T,  # columns first
        "state/nothing": np.zeros((0, 2)),
    }
    ours, numpys = io.BytesIO(), io.BytesIO()
    write_archive(ours, arrays)
    np.savez(numpys, **arrays)  # type: ignore[arg-type]
    assert ours.getvalue() == numpys.getvalue()
