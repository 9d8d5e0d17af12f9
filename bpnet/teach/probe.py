"""Evaluate a network again and again: the same samples, the same dropped activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.activation import ReLUCache
from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.pool import MaxPoolCache
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.nn.tiled import TiledCache
from bpnet.nn.winograd_cache import WinogradCache
from bpnet.seeding import derive_rng

Pattern = list[NDArray[np.bool_]]


@dataclass(frozen=True)
class Passes:
    """Hold what one forward and one backward pass leave behind.

    Args:
        inputs: what came into each stage (*shape, batch), and last the network's outputs.
        gradients: of the mean loss by each of these, in the same order.
        parameters: gradient of every parameter.
    """

    inputs: list[Array]
    gradients: list[Array]
    parameters: FlatArrays


class Probe:
    """Hold a network and the samples at which it is looked at.

    Args:
        network: in float64; its parameters may be moved by whoever holds the probe.
        inputs: network inputs (*input_shape, batch).
        targets: class numbers (batch,) or numbers (batch, outputs).
        seed: where layers that draw take their numbers from, the same ones every time.
    """

    def __init__(
        self, network: Sequential, inputs: Array, targets: NDArray[Any], seed: int = 0
    ) -> None:
        self.network = network
        self.inputs = inputs
        self.targets = targets
        self.batch: int = inputs.shape[-1]
        self._seed = seed
        self._workspace = Workspace(network, self.batch, training=True, needs_grad_input=True)
        self._caches = self._workspace.caches(self.batch)

    def passes(self) -> Passes:
        """Run forward and backward and keep everything."""
        network, caches = self.network, self._caches
        inputs = [self.inputs.copy()]
        for number in range(len(network.stages)):
            inputs.append(self._stage(number, inputs[-1]).copy())
        network.loss.forward(inputs[-1], self.targets, caches.loss)
        gradients = [network.loss.backward(inputs[-1], caches.loss, self.batch).copy()]
        for number in reversed(range(len(network.stages))):
            layer = network.stages[number].layer
            gradients.append(layer.backward(gradients[-1], caches.stages[number]).copy())
        assert self._workspace.gradients is not None
        parameters = self._workspace.gradients.like()
        parameters.flat[...] = self._workspace.gradients.flat
        return Passes(inputs, gradients[::-1], parameters)

    def loss(self, x: Array, first: int = 0) -> float:
        """Return the mean loss where `x` comes into stage `first`; stages before are not run."""
        for number in range(first, len(self.network.stages)):
            x = self._stage(number, x)
        total = self.network.loss.forward(x, self.targets, self._caches.loss)
        return total / self.batch

    def pattern(self, first: int = 0) -> Pattern:
        """Return which side of every kink the last call was on, from stage `first` on.

        At a kink the slope jumps: ReLU's at 0, and a maximum's where two values are equal.
        """
        return [flags.copy() for cache in self._caches.stages[first:] for flags in sides(cache)]

    def _stage(self, number: int, x: Array) -> Array:
        layer, cache = self.network.stages[number].layer, self._caches.stages[number]
        if layer.draws:
            cache.rng = derive_rng(self._seed, "gradcheck", number)
        output: Array = layer.forward(x, cache)
        return output


def sides(cache: Any) -> Sequence[NDArray[np.bool_]]:
    """Return the flags by which a layer's cache remembers the side of its kinks."""
    if isinstance(cache, ReLUCache):
        return [cache.positive]
    if isinstance(cache, MaxPoolCache):
        return cache.is_maximum
    if isinstance(cache, TiledCache):
        return [flags for rows in cache.rows for flags in rows.is_largest]
    if isinstance(cache, WinogradCache):
        return [flags for tiles in cache.blocks for flags in tiles.is_largest]
    return []


def same_side(one: Pattern, other: Pattern) -> bool:
    """Tell whether two calls were on the same side of every kink."""
    return all(map(np.array_equal, one, other))
