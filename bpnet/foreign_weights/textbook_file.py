"""Read a network that the textbook's program has saved.

Source: Nielsen, 2015, `network2.py`.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bpnet.config.layer_lines import read_layer
from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.disk import reason
from bpnet.export.metadata import KEY, record_of
from bpnet.foreign_weights.weights import Weights, unreadable
from bpnet.model.forms import form_of
from bpnet.model.record import RecordError

LARGEST = 64 << 20  # bytes of the file
MOST_VALUES = 2_000_000  # numbers and lists in it: more than any network of the textbook has
EXPECTED = 'JSON with "sizes", "weights", "biases" and "cost", as network2.py of the textbook saves'
PRESETS = {"QuadraticCost": "nielsen", "CrossEntropyCost": "nielsen-cross-entropy"}


@contextmanager
def open_textbook(path: Path) -> Iterator[Weights]:
    """Read a `network.json`: arrays in the order of the layers, and the network's config.

    Raises:
        CheckpointError: it is damaged, too large, or describes no network.
    """
    document = _document(path)
    try:
        sizes, arrays = _arrays(document)
        record = record_of(document.get(KEY))
    except ValueError as error:
        raise unreadable(path, EXPECTED, str(error)) from None
    except RecordError as error:
        raise unreadable(path, f"bpnet's metadata: {error.expected}", error.found) from None
    cost = document.get("cost")
    preset = PRESETS.get(cost) if isinstance(cost, str) else None
    config = None if preset is None else _config(sizes, preset)
    forms = {name: form_of(array) for name, array in arrays.items()}
    yield Weights(path, forms, arrays.__getitem__, in_order=True, record=record, config=config)


def _document(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise unreadable(path, EXPECTED, reason(error)) from error
    values = sum(map(content.count, (b",", b"[", b"{")))
    if len(content) > LARGEST or values > MOST_VALUES:
        expected = f"at most {LARGEST >> 20} MB with {MOST_VALUES:,} values"
        raise unreadable(path, expected, "more", "save large networks as .safetensors or .npz")
    try:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except RecursionError:
        raise unreadable(path, EXPECTED, "values nested too deeply") from None
    except ValueError as error:
        raise unreadable(path, EXPECTED, f"text that is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise unreadable(path, EXPECTED, "JSON that is no object")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant}, which is no number")


def _arrays(document: dict[str, Any]) -> tuple[list[int], dict[str, NDArray[Any]]]:
    """Return sizes, weights (out, in) and biases (out,), if they fit each other.

    Raises:
        ValueError: they do not, or are something else.
    """
    sizes, weights, biases = (document.get(key) for key in ("sizes", "weights", "biases"))
    if not isinstance(sizes, list) or len(sizes) < 2:
        raise ValueError('no "sizes", a list of two numbers or more')
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError('"sizes" that are not whole numbers above 0')
    arrays = {}
    for kind, values in (("weight", weights), ("bias", biases)):
        key = f"{kind}s" if kind == "weight" else "biases"
        if not isinstance(values, list) or len(values) != len(sizes) - 1:
            raise ValueError(f'no "{key}", a list of one for each of {len(sizes) - 1} layers')
        for number, (before, size) in enumerate(itertools.pairwise(sizes)):
            shape = (size, before) if kind == "weight" else (size, 1)
            found = _matrix(values[number], shape, f"{key}[{number}]")
            arrays[f"{number}.{kind}"] = found if kind == "weight" else found[:, 0]
    in_order = [
        f"{number}.{kind}" for number in range(len(sizes) - 1) for kind in ("weight", "bias")
    ]
    return sizes, {name: arrays[name] for name in in_order}


def _matrix(rows: Any, shape: tuple[int, int], name: str) -> NDArray[np.float64]:
    """Return a matrix of that shape; one column may be given as plain numbers."""
    wrong = f'"{name}" that is not {shape[0]} rows of {shape[1]} numbers'
    if not isinstance(rows, list) or len(rows) != shape[0]:
        raise ValueError(wrong)
    flat: list[Any] = []
    for row in rows:
        numbers = row if isinstance(row, list) else [row]
        if len(numbers) != shape[1] or not all(type(one) in (int, float) for one in numbers):
            raise ValueError(wrong)
        flat += numbers
    try:
        return np.array(flat, dtype=np.float64).reshape(shape)
    except OverflowError:
        raise ValueError(f'"{name}" with a number beyond 1e308') from None


def _config(sizes: list[int], preset: str) -> Config:
    """Return a preset of the textbook with layers of these sizes."""
    config = load_config(preset)
    lines = ["flatten"]
    for size in sizes[1:]:
        lines += [f"linear {size}", "sigmoid"]
    if config.train.loss == "binary_cross_entropy":  # which applies the last one itself
        lines.pop()
    model = dataclasses.replace(config.model, layers=tuple(map(read_layer, lines)))
    return dataclasses.replace(config, model=model)
