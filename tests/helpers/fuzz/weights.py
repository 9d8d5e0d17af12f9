"""Files that `import` reads: weights of other programs, whole, damaged, or of headers that lie."""

import io
import json
import struct
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bpnet.export.textbook_json import textbook_json
from bpnet.foreign_weights.importing import import_weights
from tests.helpers.fuzz.choices import Choices, damaged
from tests.helpers.fuzz.imports import archive
from tests.helpers.fuzz.target import Target
from tests.helpers.random_model import random_model
from tests.helpers.tiny import read_config

CONFIG = read_config("[model]\nlayers =\n    flatten\n    linear 2\n    linear 10\n")
SHAPES = {"a.weight": (2, 784), "a.bias": (2,), "b.weight": (10, 2), "b.bias": (10,)}
SIZES = (0, 1, 2, 10, 784, -1, 1 << 31, 1 << 62)
TYPES = ("F32", "F64", "F16", "BF16", "I64", "BOOL", "x", "")


@cache
def good_files() -> dict[str, bytes]:
    """Return a file of each kind."""
    arrays = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    sigmoids = random_model("flatten | linear 2 | sigmoid | linear 3 | sigmoid", "quadratic")
    files = {"a.npz": packed.getvalue(), "network.json": textbook_json(sigmoids)}
    if find_spec("safetensors") is not None:
        from safetensors.numpy import save

        from bpnet.export.safetensors_file import safetensors_bytes

        model = random_model("flatten | linear 2 | batchnorm | linear 3")
        files["a.safetensors"] = save(arrays)
        files["own.safetensors"] = safetensors_bytes(model, "own.safetensors")
    return files


def prepare(choices: Choices, folder: Path) -> Callable[[], None]:
    """Write one file, which is removed once it has been read."""
    name = choices.pick(list(good_files()))
    content = good_files()[name]
    match choices.number(4):
        case 1:
            content = damaged(content, choices)
        case 2:
            content = damaged(content[:2000], choices) + content[2000:]
        case 3:
            content = lie(Path(name).suffix, choices)
    path = folder / name
    path.write_bytes(content)
    config = None if name in ("network.json", "own.safetensors") else CONFIG

    def read() -> None:
        try:
            import_weights(path, config)
        finally:
            path.unlink()

    return read


def lie(suffix: str, choices: Choices) -> bytes:
    """Return a file that holds anything."""
    if suffix == ".npz":
        return archive(choices)
    return lying_header(choices) if suffix == ".safetensors" else choices.rest()


def lying_header(choices: Choices) -> bytes:
    """Return a safetensors file whose header declares anything."""
    header = {}
    for name in list(SHAPES)[: 1 + choices.number(4)]:
        shape = [choices.pick(SIZES) for _ in range(choices.number(4))]
        place = [choices.pick(SIZES), choices.pick(SIZES)]
        header[name] = {"dtype": choices.pick(TYPES), "shape": shape, "data_offsets": place}
    text = damaged(json.dumps(header).encode(), choices)
    length = len(text) if choices.number(4) else choices.number(1 << 31)
    return struct.pack("<Q", length) + text + bytes(choices.number(1 << 20))


def seeds() -> list[bytes]:
    """Return choices that lead to each good file, and to those that lie."""
    kinds = range(4)
    return [bytes([kind]) for kind in kinds] + [
        bytes([kind, 3, *range(start, 40)]) for kind in kinds for start in range(6)
    ]


WEIGHTS = Target("weights", frozenset({2, 4}), prepare, seeds)
