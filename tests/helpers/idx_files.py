"""The files of a tiny data set in MNIST's format."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.idx import write_idx
from bpnet.data.files.names import STEMS

rng = np.random.default_rng(1)
ARRAYS: list[NDArray[Any]] = [
    rng.integers(0, 256, (30, 5, 4), dtype=np.uint8),
    (np.arange(30) % 10).astype(np.uint8),
    rng.integers(0, 256, (10, 5, 4), dtype=np.uint8),
    (np.arange(10) % 10).astype(np.uint8),
]


def put(folder: Path, arrays: list[NDArray[Any]], suffix: str = ".gz") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, array in zip(STEMS, arrays, strict=True):
        write_idx(folder / f"{stem}{suffix}", array)
