"""Evaluate a network again and again: the same samples, the same dropped activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array, Layer
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.residual import ResidualCache
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.nn.stage import Visitor

Pattern = list[NDArray[np.bool_]]
DRAWS = Draws(seed=0, epoch=0, step=0)  # the same ones every time
OTHER_DRAWS = Draws(seed=1, epoch=0, step=0)


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


class _Copies(Visitor):
    """Keep copies of all outputs, and of all gradients in the order in which they come."""

    def __init__(self) -> None:
        self.outputs: list[Array] = []
        self.gradients: list[Array] = []

    def output(self, stage: int, output: Array) -> None:
        self.outputs.append(output.copy())

    def grad_input(self, stage: int, gradient: Array) -> None:
        self.gradients.append(gradient.copy())


class Probe:
    """Hold a network and the samples at which it is looked at.

    Args:
        network: in float64; its parameters may be moved by the owner of the probe.
        inputs: network inputs (*input_shape, batch).
        targets: class numbers (batch,) or numbers (batch, outputs).
    """

    def __init__(self, network: Sequential, inputs: Array, targets: NDArray[Any]) -> None:
        self.network = network
        self.inputs = inputs
        self.targets = targets
        self.batch: int = inputs.shape[-1]
        self._workspace = Workspace(network, self.batch, training=True, wants_input_gradient=True)
        self._caches = self._workspace.caches(self.batch)
        self._past: list[tuple[int, ResidualCache, Array]] = []

    def passes(self) -> Passes:
        """Run forward and backward and keep everything.

        Passes at other inputs come first: in fresh memory, which is all zeros, and where the same
        numbers were written before, nobody would miss what a pass forgets to overwrite.
        """
        self._run(0.3 - self.inputs, OTHER_DRAWS)
        inputs, copies, caches = self.inputs.copy(), _Copies(), self._caches
        slope = self._run(inputs, DRAWS, copies)
        assert self._workspace.gradients is not None
        parameters = self._workspace.gradients.like()
        parameters.flat[...] = self._workspace.gradients.flat
        values = [inputs, *copies.outputs]
        self._past = [
            (number, cache, values[number])
            for number, cache in enumerate(caches.stages)
            if isinstance(cache, ResidualCache)
        ]
        return Passes(values, [*copies.gradients[::-1], slope], parameters)

    def _run(self, inputs: Array, draws: Draws, visitor: Visitor | None = None) -> Array:
        """Run forward and backward; return the gradient of the network's outputs."""
        network, caches = self.network, self._caches
        outputs = network.forward(inputs, caches, draws, visitor)
        network.loss.forward(outputs, self.targets, caches.loss)
        slope = network.loss.backward(outputs, caches.loss, self.batch).copy()
        network.backward(slope.copy(), caches, visitor)
        return slope

    def loss(self, x: Array, first: int = 0) -> float:
        """Return the mean loss where `x` comes into stage `first`; stages before are not run.

        What they led past stage `first`, in residual blocks, is what it was in `passes`.
        """
        for number, cache, value in self._past:
            if number < first:
                cache.x = value
        outputs = self.network.forward(x, self._caches, DRAWS, first=first)
        return self.network.loss.forward(outputs, self.targets, self._caches.loss) / self.batch

    def stage(self, number: int) -> tuple[Layer[Any], Any]:
        """Return what computes a stage, and its cache."""
        return self.network.stages[number].layer, self._caches.stages[number]

    def pattern(self, first: int = 0) -> Pattern:
        """Return which side of every kink the last call was on, from stage `first` on.

        At a kink the slope jumps: ReLU's at 0, and a maximum's where two values are equal.
        """
        pairs = zip(self.network.stages[first:], self._caches.stages[first:], strict=True)
        return [flags.copy() for stage, cache in pairs for flags in stage.layer.kinks(cache)]


def same_side(one: Pattern, other: Pattern) -> bool:
    """Return whether two calls were on the same side of every kink."""
    return all(map(np.array_equal, one, other))
