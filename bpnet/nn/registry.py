"""Find a layer or a loss by the name that configs give it.

A kind of its own file is found by the file's name, `gelu` in `gelu.py`; so a new one is one file.
The others live in families, which are looked through.
"""

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

import bpnet.nn
from bpnet.nn.layer import Layer
from bpnet.nn.loss import Loss

FAMILIES = ("activation", "pool", "reshape", "norm")  # files with several kinds, or another name
LOSS_FAMILIES = ("loss", "squared_error")


def find_layer(kind: str) -> type[Layer[Any]] | None:
    """Return the layer of that kind, or None; no more files are loaded than it takes."""
    return next((found for found in _search(kind, FAMILIES) if issubclass(found, Layer)), None)


def find_loss(kind: str) -> type[Loss] | None:
    """Return the loss of that kind, or None."""
    return next((found for found in _search(kind, LOSS_FAMILIES) if issubclass(found, Loss)), None)


def build_loss(kind: str, outputs: int, label_smoothing: float = 0.0) -> Loss:
    """Return the loss of that kind, which must be one; smoothing goes to losses that smooth."""
    loss: Any = find_loss(kind)
    built: Loss = loss(outputs, label_smoothing) if loss.smooths else loss(outputs)
    return built


def layer_types() -> dict[str, type[Layer[Any]]]:
    """Return all layers by their kind."""
    return {
        cls.kind: cls for name in file_names() for cls in _kinds(name) if issubclass(cls, Layer)
    }


def loss_types() -> dict[str, type[Loss]]:
    """Return all losses by their kind."""
    return {cls.kind: cls for name in file_names() for cls in _kinds(name) if issubclass(cls, Loss)}


def _search(kind: str, families: tuple[str, ...]) -> Iterator[type[Any]]:
    """Yield the classes of that kind: in the file of its name, else in the families."""
    own = (kind,) if kind in file_names() else ()
    for name in (*own, *families):
        yield from (found for found in _kinds(name) if found.kind == kind)


@cache
def file_names() -> tuple[str, ...]:
    """Return the names of this folder's files."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(bpnet.nn.__path__)))


def _kinds(name: str) -> Iterator[type[Any]]:
    """Yield the layers and losses that a file of this folder defines."""
    module = import_module(f"bpnet.nn.{name}")
    for found in vars(module).values():
        is_own = isinstance(found, type) and found.__module__ == module.__name__
        if is_own and issubclass(found, (Layer, Loss)) and "kind" in vars(found):
            yield found
