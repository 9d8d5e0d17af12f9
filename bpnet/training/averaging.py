"""Average the weights over the last steps."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import Sequential


class AveragedWeights:
    """Keep exponential moving averages of a network's parameters and running statistics.

    `ā ← d ā + (1 − d) w` after every step, with the decay d smaller at the start,
    `min(d, (1 + t) / (10 + t))` in step t, so that the first weights are soon forgotten.

    Args:
        network: whose weights are averaged.
        decay: d; 0 switches the averages off.

    Source: Polyak and Juditsky, 1992; exponential with this start: TensorFlow's moving averages.
    """

    def __init__(self, network: Sequential, decay: float) -> None:
        self.decay = decay
        self._pairs: dict[str, tuple[FlatArrays, FlatArrays]] = {}
        if decay:
            for name, source in (("parameters", network.parameters), ("state", network.state)):
                average = source.like()
                average.flat[:] = source.flat
                self._pairs[name] = (source, average)

    @property
    def parameters(self) -> FlatArrays | None:
        """Return the averaged parameters; None where they are off."""
        pair = self._pairs.get("parameters")
        return None if pair is None else pair[1]

    def groups(self) -> dict[str, FlatArrays]:
        """Return the averages as groups of a checkpoint; none where they are off."""
        return {f"averaged/{name}": average for name, (_, average) in self._pairs.items()}

    def follow(self, average: Array, now: Array, scratch: Array, step: int) -> None:
        """Take some of the weights into their average after the step of this number, from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        np.subtract(now, average, out=scratch)
        scratch *= 1 - decay
        average += scratch

    def follow_state(self, step: int) -> None:
        """Take in the running statistics, which belong to no shard, after a step."""
        if "state" in self._pairs:
            source, average = self._pairs["state"]
            self.follow(average.flat, source.flat, np.empty_like(source.flat), step)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Give the network its averaged weights for a while; nothing changes where they are off."""
        kept = {name: source.flat.copy() for name, (source, _) in self._pairs.items()}
        for source, average in self._pairs.values():
            source.flat[:] = average.flat
        try:
            yield
        finally:
            for name, (source, _) in self._pairs.items():
                source.flat[:] = kept[name]
