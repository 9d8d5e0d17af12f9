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
from bpnet.report.page.pictures import MOST_MAPS, Picture, sheet

UNCHANGED = ("flatten", "dropout", "residual")  # layers whose output shows nothing new
MAP, DOT = 2, 6  # pixels of the page for a number of a map, and of a vector or a filter


@dataclass(frozen=True)
class Sheet:
    """Hold several maps in one picture, and what they show."""

    title: str
    picture: Picture


def first_weights(model: Model) -> Sheet | None:
    """Return the weights of the first layer that changes anything, as pictures, if they are some.

    Those of a convolution are its filters, those of a linear layer what each unit looks for in the
    whole picture.
    """
    shape = model.network.input_shape
    layer: Any = next((one for one in model.network.layers if one.kind not in UNCHANGED), None)
    if layer is None or layer.kind not in ("conv", "linear") or shape[0] != 1 or len(shape) != 3:
        return None
    count = len(layer.weight)
    some = f", the first {MOST_MAPS} of {count:,}" if count > MOST_MAPS else ""
    if layer.kind == "conv":
        maps = layer.weight.reshape(count, *layer.weight.shape[2:])
        return Sheet(f"the filters of {layer.name}{some}", sheet(maps, DOT))
    maps = layer.weight.reshape(count, *shape[1:])
    return Sheet(f"the weights of the units of {layer.name}{some}", sheet(maps, MAP))


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
    return [
        Sheet(
            f"{layer.name}: {' × '.join(map(str, values.shape))}",
            sheet(values, MAP) if values.ndim == 3 else sheet(as_square(values), DOT),
        )
        for layer, values in zip(model.network.layers, seen.values, strict=True)
        if layer.kind not in UNCHANGED
    ]


def as_square(values: Array) -> Array:
    """Return a vector as a map (1, rows, columns), its rest filled with zeros."""
    across = int(np.ceil(np.sqrt(len(values))))
    down = int(np.ceil(len(values) / across))
    square = np.zeros(down * across, dtype=values.dtype)
    square[: len(values)] = values
    return square.reshape(1, down, across)
