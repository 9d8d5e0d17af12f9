"""Train with libtorch in C++: builds `libtorch.cpp` against the installed torch, and calls it.

A compiler (`g++`, or that of $CXX) is needed. What it builds is kept in the user's cache.
"""

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.files import atomic_write
from peers.kernels import CACHE
from peers.work import LEARNING_RATE, MOMENTUM, Index, Training, Weights, Work, channels_last

SOURCE = Path(__file__).with_suffix(".cpp")
COMPILER = os.environ.get("CXX", "g++")
OPTIONS = ("-std=c++20", "-O2", "-fPIC", "-shared", "-w")


def torch_folder() -> Path:
    """Return where torch is installed, without importing it.

    Raises:
        ImportError: it is not.
    """
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        raise ImportError("No module named 'torch'")
    return Path(found.origin).parent


FOLDER = torch_folder()
VERSION = f"{importlib.metadata.version('torch')} (C++)"


@lru_cache(maxsize=1)
def library() -> Any:
    """Build the library if it is not there yet, and load it.

    Raises:
        NotImplementedError: there is no compiler, or it fails.
    """
    key = hashlib.sha256(SOURCE.read_bytes() + f"{VERSION} {FOLDER} {OPTIONS}".encode())
    cache = CACHE / "libtorch"
    target = cache / f"{key.hexdigest()[:16]}.so"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as file:
            file.write(build())
    loaded = ctypes.CDLL(str(target))
    loaded.create.restype = ctypes.c_void_p
    return loaded


def build() -> bytes:
    """Return the compiled library."""
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise NotImplementedError(f"there is no compiler {COMPILER}")
    where = FOLDER / "lib"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "libtorch.so")
        includes = [f"-I{FOLDER / 'include'}"]
        libraries = [f"-L{where}", f"-Wl,-rpath,{where}", "-ltorch", "-ltorch_cpu", "-lc10"]
        command = [compiler, *OPTIONS, *includes, str(SOURCE), "-o", str(target), *libraries]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NotImplementedError(f"the compiler fails: {done.stderr.strip()[-300:]}")
        return target.read_bytes()


def train(work: Work, mode: str) -> Training:
    """Return the training in one mode: `autograd` or `by-hand`."""
    functions = library()
    start = [np.ascontiguousarray(value) for value in channels_last(work, work.weights())]
    images, labels = work.inputs(), work.labels.copy()  # the library reads them where they are
    shapes = np.array([size for value in start for size in (value.ndim, *value.shape)])
    handle = ctypes.c_void_p(
        functions.create(
            description(work).encode(),
            address(shapes),
            addresses(start),
            *map(ctypes.c_int64, [len(start)]),
            address(images),
            address(labels),
            *map(ctypes.c_int64, (len(images), work.batch_size)),
            *map(ctypes.c_double, (LEARNING_RATE, MOMENTUM)),
            ctypes.c_int(mode == "by-hand"),
        )
    )

    def steps(block: Index) -> None:
        assert len(images) == len(labels)  # both are alive
        rows = np.ascontiguousarray(block)
        functions.train(handle, address(rows), ctypes.c_int64(len(rows)))

    def weights() -> Weights:
        values = [np.empty_like(value) for value in start]
        functions.read_weights(handle, addresses(values))
        return channels_last(work, values, back=True)

    return Training(steps, weights, lambda: functions.destroy(handle))


def description(work: Work) -> str:
    """Return the layers as `parse` of the C++ source reads them."""
    words: list[object] = []
    for spec, inputs, _ in work.layers():
        given = spec.options
        numbers = {
            "conv": (given.get("padding", 0),),
            "maxpool": (given.get("size"),),
            "dropout": (1 - given.get("probability", 0),),
            "flatten": inputs,
        }
        words += [spec.kind, *numbers.get(spec.kind, ())]
    return " ".join(map(str, words))


def address(array: NDArray[Any]) -> ctypes.c_void_p:
    """Return where an array lies."""
    return ctypes.c_void_p(array.ctypes.data)


def addresses(arrays: Weights) -> Any:
    """Return where several arrays lie, as `float **`."""
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
