"""Pair layers of a network with what computes them, compare its needs, and let others watch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bpnet.errors import ConfigError
from bpnet.machine import memory_bytes
from bpnet.nn.layer import Array, Layer


@dataclass(frozen=True, eq=False)
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


def demand_memory(
    stages: Sequence[Stage], samples: int, itemsize: int, other_bytes: int = 0
) -> None:
    """Make sure that what stages write can fit in this machine's memory.

    Args:
        stages: of a network.
        samples: in a call, or in all calls at the same time.
        itemsize: bytes of one number.
        other_bytes: what is needed besides.

    Raises:
        ConfigError: it cannot; the layer that writes most is named.
    """
    layers = [stage.layer for stage in stages]
    needed = sum(layer.activations() for layer in layers) * samples * itemsize + other_bytes
    if needed <= memory_bytes():
        return
    largest = max(layers, key=lambda layer: layer.activations())
    numbers = f"{largest.activations():,} numbers for each of {samples:,} samples"
    raise ConfigError(
        "the network does not fit in the memory of this machine",
        where=f"{largest.name}, with {numbers}",
        expected=f"at most {memory_bytes() / 1e9:.1f} GB in all",
        found=f"{needed / 1e9:,.1f} GB",
        hint="a smaller network, train.batch_size or train.shards",
    )


class Visitor:
    """Watch a pass through a network: the chain calls these methods after each stage.

    By default they do nothing.

    The arrays are valid until the next stage runs: copy what is to be kept.
    """

    def output(self, stage: int, output: Array) -> None:
        """Receive the output of a stage, numbered from 0."""

    def grad_input(self, stage: int, gradient: Array) -> None:
        """Receive the gradient of what came into a stage."""
