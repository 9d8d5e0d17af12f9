"""Measure what a gradient costs: by backpropagation, and by finite differences."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.model.workers import run_all
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Sequential, Workspace

FEWEST = 5  # passes


@dataclass(frozen=True)
class Cost:
    """Hold the time of one pass each way, in seconds.

    Args:
        parameters: how many numbers the gradient has.
        samples: how many a pass has.
        forward: a forward pass with the loss.
        backward: a backward pass with the loss's.
    """

    parameters: int
    samples: int
    forward: float
    backward: float

    @property
    def backward_over_forward(self) -> float:
        """Return how many forward passes a backward pass costs."""
        return self.backward / self.forward

    @property
    def finite_differences(self) -> float:
        """Return what one-sided differences would take: one pass here, one along every axis."""
        return (self.parameters + 1) * self.forward

    @property
    def speedup(self) -> float:
        """Return how many times as long they take as one pass forward and one backward."""
        return self.finite_differences / (self.forward + self.backward)


def measure_cost(network: Sequential, inputs: Array, targets: NDArray[Any], seconds: float) -> Cost:
    """Time forward and backward passes in turn and return the median of each.

    A forward pass ends with the loss's value: all that finite differences need. The backward pass
    gives all gradients, that of the input included, which training leaves out.

    Args:
        network: of any stages and element type.
        inputs: network inputs (*input_shape, batch).
        targets: of these samples.
        seconds: about how long to take.
    """
    batch = inputs.shape[-1]
    workspace = Workspace(network, batch, training=True, wants_input_gradient=True)
    caches, draws = workspace.caches(batch), Draws(seed=0, epoch=0, step=0)
    np.copyto(caches.inputs, inputs)
    outputs = network.forward(caches.inputs, caches, draws)
    network.loss.forward(outputs, targets, caches.loss)  # takes the targets into the cache
    forward: list[float] = []
    backward: list[float] = []

    def take_turns() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(forward) <= FEWEST:
            start = time.perf_counter()
            outputs = network.forward(caches.inputs, caches, draws)
            network.loss.total(outputs, caches.loss)
            middle = time.perf_counter()
            network.backward(network.loss.backward(outputs, caches.loss, batch), caches)
            backward.append(time.perf_counter() - middle)
            forward.append(middle - start)

    failure = run_all([take_turns])
    if failure is not None:
        raise failure
    parameters = network.parameters.flat.size
    # The first pass finds untouched memory.
    return Cost(parameters, batch, float(np.median(forward[1:])), float(np.median(backward[1:])))
