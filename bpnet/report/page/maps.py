"""Show what a network has learned to look for, and what it makes of a picture, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.model.inputs import to_inputs
from bpnet.model.model import Model
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.nn.stage import Visitor
from bpnet.report.page.pictures import MOST_MAPS, sheet

UNCHANGED = ("flatten", "dropout", "residual")  # layers whose output shows nothing new
SCALE, WIDEST = 2, 640  # of a map's pixels in the page; of a sheet


@dataclass(frozen=True)
class Sheet:
    """Hold a picture of several maps.

    Args:
        title: what it shows.
        address: of the picture.
        width: in the page.
        height: likewise.
    """

    title: str
    address: str
    width: int
    height: int


def first_weights(model: Model) -> Sheet | None:
    """Return the weights of the first layer that has any, as pictures; None if they are none.

    Those of a convolution are its filters, those of a linear layer what each unit looks for in the
    whole picture: white where ink speaks for it, orange where it speaks against it.
    """
    before = model.network.input_shape
    for layer in model.network.layers:
        if layer.kind == "conv":
            filters: Array = layer.weight  # type: ignore[attr-defined]
            return _sheet(
                f"the filters of {layer.name}", filters.reshape(-1, *filters.shape[2:]), 6
            )
        if layer.kind == "linear" and len(before) == 3 and before[0] == 1:
            units: Array = layer.weight  # type: ignore[attr-defined]
            count = len(units)
            some = f", the first {MOST_MAPS} of {count:,} units" if count > MOST_MAPS else ""
            title = f"the weights of {layer.name}{some}"
            return _sheet(title, units.reshape(count, *before[1:]), SCALE)
        if layer.parameter_shapes or layer.kind not in ("flatten", "dropout", "residual"):
            return None
    return None


class _Outputs(Visitor):
    """Keep the output of every layer."""

    def __init__(self) -> None:
        self.values: list[Array] = []

    def output(self, stage: int, output: Array) -> None:
        """Copy it."""
        self.values.append(output[..., 0].copy())

    def grad_input(self, stage: int, gradient: Array) -> None:
        """Do nothing: there is no backward pass."""


def feature_maps(model: Model, picture: NDArray[Any]) -> list[Sheet]:
    """Return what comes out of every layer for one picture (height, width).

    Args:
        model: each of its layers computed on its own.
        picture: as the data set stores it.
    """
    workspace = Workspace(model.network, 1, training=False)
    caches, seen = workspace.caches(1), _Outputs()
    inputs = to_inputs(picture[None], model.normalization, caches.inputs)
    model.network.forward(inputs, caches, visitor=seen)
    sheets = []
    for layer, values in zip(model.network.layers, seen.values, strict=True):
        if layer.kind in UNCHANGED:
            continue
        maps = values if values.ndim == 3 else _as_square(values)
        title = f"{layer.name}: {' × '.join(map(str, values.shape))}"
        sheets.append(_sheet(title, maps, SCALE if values.ndim == 3 else 6))
    return sheets


def _as_square(values: Array) -> Array:
    """Return a vector as a map (1, rows, columns), its rest filled with zeros."""
    across = int(np.ceil(np.sqrt(len(values))))
    down = int(np.ceil(len(values) / across))
    square = np.zeros(down * across, dtype=values.dtype)
    square[: len(values)] = values
    return square.reshape(1, down, across)


def _sheet(title: str, maps: Array, scale: int) -> Sheet:
    address, width, height = sheet(maps)
    scale = max(1, min(scale, WIDEST // width))
    return Sheet(title, address, scale * width, scale * height)
