"""Average the weights over the last steps."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

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
        self._scratch = {
            name: np.empty_like(source.flat) for name, (source, _) in self._pairs.items()
        }

    def groups(self) -> dict[str, FlatArrays]:
        """Return the averages as groups of a checkpoint; none where they are off."""
        return {f"averaged/{name}": average for name, (_, average) in self._pairs.items()}

    def update(self, step: int) -> None:
        """Take in the weights after the step of this number, from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, (source, average) in self._pairs.items():
            scratch = self._scratch[name]
            np.subtract(source.flat, average.flat, out=scratch)
            scratch *= 1 - decay
            average.flat += scratch

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
