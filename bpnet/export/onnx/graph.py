"""Collect the nodes of an ONNX graph: operations and constants, each known by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


class Graph:
    """Hold nodes in the order in which they are computed, and the constants that they use.

    A node has one output, which has the node's name.
    """

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, values: NDArray[Any] | float) -> str:
        """Add float32 numbers, which runtimes compute with, and return their name."""
        return self._add(name, np.asarray(values, dtype=np.float32))

    def integers(self, name: str, values: Sequence[int]) -> str:
        """Add whole numbers, such as a shape, and return their name."""
        return self._add(name, np.array(values, dtype=np.int64))

    def node(self, name: str, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation on the outputs of these nodes, and return its name."""
        from onnx import helper

        made = helper.make_node(operation, list(inputs), [name], name=name, **attributes)
        self.nodes.append(made)
        return name

    def _add(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
