"""Keep what batch normalisation saw in each micro-batch until the end of the step."""

from __future__ import annotations

import numpy as np

from bpnet.nn.layer import Array
from bpnet.nn.memory import shared_zeros
from bpnet.nn.sequential import Caches, Sequential


def statistics(network: Sequential, caches: Caches) -> list[Array]:
    """Return what running statistics are mixed from: mean and variance of every normalisation."""
    pairs = zip(network.stages, caches.stages, strict=True)
    found = [cache for stage, cache in pairs if stage.layer.state_shapes]
    return [array for cache in found for array in (cache.mean, cache.variance)]


class KeptStatistics:
    """Keep the mean and variance of several passes with the same caches.

    Every pass overwrites those of the one before, but the running statistics move only once the
    whole step has a finite loss. Processes share the memory.

    Args:
        network: whose normalising layers are looked at.
        caches: of the passes.
        most: passes in a step.
    """

    def __init__(self, network: Sequential, caches: Caches, most: int) -> None:
        self._network = network
        found = statistics(network, caches)
        size = sum(array.size for array in found)
        memory = shared_zeros(most * size, network.dtype).reshape(most, size)
        ends = np.cumsum([array.size for array in found])[:-1]
        self._kept: list[list[Array]] = [np.split(row, ends) for row in memory]

    def of_first(self, count: int) -> list[Array]:
        """Return what the first passes have left behind."""
        return [array for kept in self._kept[:count] for array in kept]

    def keep(self, number: int, caches: Caches) -> None:
        """Keep what the pass of this number has left behind."""
        for kept, array in zip(self._kept[number], statistics(self._network, caches), strict=True):
            np.copyto(kept, array)

    def bring_back(self, number: int, caches: Caches) -> None:
        """Put it where the pass had left it."""
        for kept, array in zip(self._kept[number], statistics(self._network, caches), strict=True):
            np.copyto(array, kept)
