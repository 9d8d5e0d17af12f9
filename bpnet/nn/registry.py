"""Find a layer or a loss by the name that configs give it.

A kind is looked for in the file of its name, `gelu` in `gelu.py`, then in the families, then in all
files of this folder: so a new one is one file, and a config loads little more than it names.
"""

import pkgutil
from collections.abc import Collection, Iterator
from functools import cache
from importlib import import_module
from typing import Any

import bpnet.nn
from bpnet.nn.layer import Layer
from bpnet.nn.loss import Loss

# Files with several kinds, or another name.
FAMILIES = ("activation", "pool", "reshape", "norm", "sliding_pool", "residual")
LOSS_FAMILIES = ("loss", "squared_error")


def find_layer(kind: str, values: Collection[str] = ()) -> type[Layer[Any]] | None:
    """Return the layer of that kind, or None.

    Some kinds have a simple layer, and one that takes more values: the first is returned whose line
    may hold all of these.
    """
    found = None
    for layer in _search(kind, FAMILIES):
        if issubclass(layer, Layer):
            found = layer
            if {option.name for option in layer.options}.issuperset(values):
                break
    return found or layer_types().get(kind)


def find_loss(kind: str) -> type[Loss] | None:
    """Return the loss of that kind, or None."""
    found = next((cls for cls in _search(kind, LOSS_FAMILIES) if issubclass(cls, Loss)), None)
    return found or loss_types().get(kind)


def build_loss(kind: str, outputs: int, label_smoothing: float = 0.0) -> Loss:
    """Return the loss of that kind, which must be one; smoothing goes to losses that smooth."""
    loss: Any = find_loss(kind)
    built: Loss = loss(outputs, label_smoothing) if loss.smooths else loss(outputs)
    return built


def layer_types() -> dict[str, type[Layer[Any]]]:
    """Return all layers by their kind: of several, the one that takes the most values."""
    found = [cls for name in file_names() for cls in _kinds(name) if issubclass(cls, Layer)]
    return {cls.kind: cls for cls in sorted(found, key=lambda cls: len(cls.options))}


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


@cache
def _kinds(name: str) -> tuple[type[Any], ...]:
    """Return the layers and losses that a file of this folder defines."""
    module = import_module(f"bpnet.nn.{name}")
    types = (found for found in vars(module).values() if isinstance(found, type))
    own = (found for found in types if found.__module__ == module.__name__)
    return tuple(
        found for found in own if issubclass(found, (Layer, Loss)) and "kind" in vars(found)
    )
