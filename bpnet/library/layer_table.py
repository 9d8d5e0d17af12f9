"""Tabulate a network layer by layer: shapes, parameters, cost and memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.library.html import table
from bpnet.nn.layer import Layer, Shape
from bpnet.nn.memory import Memory, Room
from bpnet.nn.sequential import Sequential
from bpnet.text_table import Table

HEADERS = ("layer", "output", "parameters", "MFLOP", "kB / sample")
NUMBERS = (2, 3, 4)  # columns that stand to the right


@dataclass(frozen=True)
class LayerRow:
    """Hold the figures of one layer.

    Args:
        name: such as `1.linear`.
        output_shape: of one sample.
        parameters: how many it has.
        mflop: million operations of a forward pass.
        kilobytes: that training reserves for one sample.
    """

    name: str
    output_shape: Shape
    parameters: int
    mflop: float
    kilobytes: float

    @classmethod
    def of(cls, layer: Layer[Any]) -> LayerRow:
        """Return the figures of a layer of a network."""
        memory = Memory(np.float32, training=True)
        layer.allocate(Room(1, memory, wants_input_gradient=True))
        parameters = sum(map(math.prod, layer.parameter_shapes.values()))
        mflop = 2 * layer.multiply_adds() / 1e6
        shape, kilobytes = tuple(layer.output_shape), memory.reserved_bytes / 1000
        return cls(layer.name, shape, parameters, mflop, kilobytes)

    def document(self) -> dict[str, Any]:
        """Return what JSON shows of it."""
        shown = dataclasses.asdict(self) | {"output_shape": list(self.output_shape)}
        del shown["kilobytes"]
        return shown


@dataclass(frozen=True)
class LayerTable:
    """Hold the figures of all layers.

    Args:
        input_shape: of one sample.
        layers: in forward order.
    """

    input_shape: Shape
    layers: Sequence[LayerRow]

    @classmethod
    def of(cls, network: Sequential) -> LayerTable:
        """Return the table of a network."""
        return cls(network.input_shape, list(map(LayerRow.of, network.layers)))

    @property
    def parameters(self) -> int:
        """Return how many parameters the network has."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def mflop(self) -> float:
        """Return how many million operations a forward pass takes."""
        return sum(layer.mflop for layer in self.layers)

    def document(self) -> dict[str, Any]:
        """Return the table in plain values."""
        layers = [layer.document() for layer in self.layers]
        return {"layers": layers, "parameters": self.parameters, "mflop": self.mflop}

    def rows(self) -> list[tuple[str, ...]]:
        """Return the cells of every row: the input, the layers, and their total."""
        rows = [("input", _shape(self.input_shape), "", "", "")]
        for one in self.layers:
            cost = f"{one.parameters:,}", f"{one.mflop:.3f}", f"{one.kilobytes:.1f}"
            rows.append((one.name, _shape(one.output_shape), *cost))
        memory = f"{sum(layer.kilobytes for layer in self.layers):.1f}"
        return [*rows, ("total", "", f"{self.parameters:,}", f"{self.mflop:.3f}", memory)]

    def table(self) -> Table:
        """Return the table for a text."""
        return Table(HEADERS, self.rows(), right=NUMBERS, least=(14, 14, 12, 8, 11))

    def lines(self) -> list[str]:
        """Return the table as lines of text."""
        return self.table().lines()

    def html(self) -> str:
        """Return the table for a notebook."""
        return table(HEADERS, self.rows(), right=NUMBERS)


def _shape(shape: Shape) -> str:
    return " × ".join(map(str, shape))
