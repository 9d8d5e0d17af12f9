"""Pair layers of a network with what computes them, and let others watch."""

from dataclasses import dataclass
from typing import Any

from bpnet.nn.layer import Array, Layer


@dataclass(frozen=True)
class Stage:
    """Hold what computes one or several layers that follow one another.

    Args:
        layer: what computes them; it has the parameters of the first of them.
        position: of the first of them in the network, from 0.
        count: how many they are.
        overwrites_input: whether its input's gradient may take the place of its input, because no
            backward reads that.
    """

    layer: Layer[Any]
    position: int
    count: int = 1
    overwrites_input: bool = False


class Visitor:
    """Watch a pass through a network: the chain calls these methods after each stage.

    By default they do nothing.

    The arrays are valid until the next stage runs: copy what is to be kept.
    """

    def output(self, stage: int, output: Array) -> None:
        """Receive the output of a stage, numbered from 0."""

    def grad_input(self, stage: int, gradient: Array) -> None:
        """Receive the gradient of what came into a stage."""
