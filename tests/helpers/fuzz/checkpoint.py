"""Checkpoints from strangers: anything in record, config and arrays, under a right digest."""

import copy
import io
import json
import math
import zipfile
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bpnet.data.dataset import Dataset, Samples
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.forms import DIGEST, RECORD
from bpnet.training.resume import load_for_resume
from tests.helpers.fuzz.choices import Choices, damaged
from tests.helpers.fuzz.command import run_command
from tests.helpers.fuzz.config import altered_text
from tests.helpers.fuzz.target import Target
from tests.helpers.tiny import read_config, train

CONFIG = """
[data]
dataset = idx
path = pictures
validation = 10
[model]
layers =
    maxpool 4
    batchnorm
    flatten
    linear 10
[train]
epochs = 2
batch_size = 10
ema = 0.9
[optimizer]
name = adam
learning_rate = 1e-3
"""
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 10**9, 2**63, 10**400, 0.5, 1e308, math.nan, math.inf, -math.inf),
    *(
        "",
        "x",
        "\ud800",
        "\x1b[31m",
        "9" * 5000,
        [],
        {},
        [[]],
        [None],
        [0],
        [-1, 28, 28],
        ["x"] * 3,
    ),
    *([1, 10**6, 10**6], [28, 28], list(range(1000)), {"a": None}, [{}] * 3, [[1, 2], [3]]),
)
DTYPES = (
    *("f2", "f8", ">f4", "g", "c8", "?", "i1", "u8", "M8[s]", "m8[s]", "U3", "S3", "V4"),
    *("f4,i2", "(2,)f4"),
)
COUNTS = (1, 2, 10, 100, 1000, 10_000, 200_000, 8_000_000)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
Arrays = dict[str, NDArray[Any]]


@cache
def good() -> tuple[dict[str, Any], Arrays]:
    """Return record and arrays of a run of two epochs."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 10
    samples = Samples(rng.integers(0, 256, (40, 28, 28), dtype=np.uint8), labels.astype(np.int64))
    dataset = Dataset("idx", samples, samples, tuple("0123456789"))
    with TemporaryDirectory() as folder:
        train(read_config(CONFIG), Path(folder) / "run", dataset)
        saved = load_checkpoint(Path(folder) / "run" / "last.npz")
    return saved.record, saved.arrays


def altered(value: Any, choices: Choices) -> Any:
    """Return a value of JSON with something in it replaced, removed or added."""
    if isinstance(value, (dict, list)) and value and choices.number(4):
        key = choices.pick(list(value)) if isinstance(value, dict) else choices.number(len(value))
        match choices.number(8):
            case 0:
                del value[key]
            case 1 if isinstance(value, dict):
                name = choices.pick(("x", "", "\ud800", "format", "progress"))
                value[name] = copy.deepcopy(choices.pick(ODD_VALUES))
            case _:
                value[key] = altered(value[key], choices)
        return value
    if isinstance(value, str) and "\n" in value and choices.number(4):
        return altered_text(value, choices)
    return copy.deepcopy(choices.pick(ODD_VALUES))


def record_text(choices: Choices) -> bytes:
    """Return the text of a record that may be anything."""
    record = copy.deepcopy(good()[0])
    for _ in range(choices.number(4)):
        record = altered(record, choices)
    text = json.dumps(record).encode()
    match choices.number(16):
        case 15:
            return damaged(text, choices)
        case 14:
            depth = choices.pick(COUNTS[:-1])
            return text[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
        case 13:
            return text[:-1] + b', "x": [' + b"[]," * choices.pick(COUNTS) + b"0]}"
    return text


def altered_arrays(choices: Choices) -> Arrays:
    """Return arrays of which some have another type, shape, value or name."""
    arrays = dict(good()[1])
    for _ in range(choices.number(4)):
        name = choices.pick(list(arrays))
        array = arrays.pop(name)
        match choices.number(6):
            case 0:
                arrays[name] = np.zeros(array.shape, np.dtype(choices.pick(DTYPES)))
            case 1:
                shapes = [
                    (1, *array.shape),
                    array.shape[::-1],
                    array.shape[1:],
                    (0,),
                    (array.size,),
                ]
                arrays[name] = np.zeros(choices.pick(shapes), array.dtype)
            case 2:
                values = (math.nan, math.inf, 3e38, -1.0, 0.0)
                arrays[name] = np.full(array.shape, choices.pick(values), array.dtype)
            case 3:
                arrays[choices.pick(("x", "../x", "parameters", "parameters/", "\x1b[31m"))] = array
            case 4:
                arrays[name] = np.asfortranarray(array)  # what it holds is not changed
    return arrays


def members(choices: Choices) -> dict[str, bytes]:
    """Return the members of an archive, of which one may have a damaged header."""
    arrays = altered_arrays(choices)
    arrays[RECORD] = np.frombuffer(record_text(choices), dtype=np.uint8)
    arrays[DIGEST] = digest(arrays)
    found = {name: as_npy(array) for name, array in arrays.items()}
    if choices.number(4) == 3:
        name = choices.pick(list(found))
        found[name] = damaged(found[name][:128], choices) + found[name][128:]
        sign(found)
    return found


def digest(arrays: Arrays) -> NDArray[np.uint8]:
    """Return the SHA-256 that a checkpoint states, of arrays of any type."""
    content = sha256()
    for name in sorted(arrays):
        array = arrays[name]
        content.update(f"{name} {array.dtype.str} {array.shape};".encode(errors="replace"))
        content.update(array.tobytes())
    return np.frombuffer(content.digest(), dtype=np.uint8)


def as_npy(array: NDArray[Any]) -> bytes:
    """Return an array as a `.npy` file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()


def sign(found: dict[str, bytes]) -> None:
    """Put the right digest in, if NumPy can read all of the members."""
    try:
        arrays = {
            name: np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
            for name, content in found.items()
            if name != DIGEST
        }
        found[DIGEST] = as_npy(digest(arrays))
    except Exception:  # whatever NumPy makes of a damaged header
        return


def archive(choices: Choices) -> bytes:
    """Return a checkpoint that may be anything."""
    if choices.number(16) == 15:
        return choices.rest()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", choices.pick(METHODS)) as file:
        for name, content in members(choices).items():
            file.writestr(f"{name}.npy", content)
    content = stream.getvalue()
    return damaged(content, choices) if choices.number(8) == 7 else content


def prepare(choices: Choices, folder: Path) -> Callable[[], object]:
    """Write a checkpoint that then predicts, shows its network, or goes on with its run."""
    path, picture = folder / "a.npz", folder / "picture.png"
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(picture)
    commands = (
        partial(run_command, "predict", picture, "--checkpoint", path, "--top", 10),
        partial(run_command, "summary", path),
        partial(go_on, path),
    )
    command = choices.pick(commands)
    path.write_bytes(archive(choices))
    return command


def go_on(path: Path) -> None:
    """Read all that `train --resume` reads before it needs the data."""
    _, checkpoint, _ = load_for_resume(path, None, (), None)
    checkpoint.model()


def seeds() -> list[bytes]:
    """Return choices that take a good checkpoint to each command, and alter each of its parts."""
    whole = [bytes([command, 0, method]) for command in range(3) for method in range(4)]
    keys = range(len(good()[0]))
    records = [
        bytes([0, 0, 0, 0, 1, 1, key, 2, 0, value]) for key in keys for value in range(0, 30, 7)
    ]
    arrays = [bytes([0, 0, 0, 1, 2, kind, value]) for kind in range(5) for value in range(5)]
    deep = bytes([0, 0, 0, 0, 0, 14]) + bytes([COUNTS.index(200_000)])
    wide = bytes([0, 0, 0, 0, 0, 13]) + bytes([COUNTS.index(8_000_000)])
    return [*whole, *records, *arrays, deep, wide]


CHECKPOINT = Target("checkpoint", frozenset({3, 4, 5}), prepare, seeds)
