"""Keep the calls ready that compute one network's outputs, where that is fastest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.fast.inference.plan import Plan
from bpnet.fast.inference.program import Program, can_plan
from bpnet.model.model import Model
from bpnet.nn.layer import Array

PLAN_BLOCK = 500  # samples in a call: enough for large products, few enough for the cache
MOST_NUMBERS = 5_000_000  # that a plan writes: fewer samples where they need more
MOST_PLANS = 4  # numbers of samples for which calls are kept ready


def program_of(model: Model, most: int) -> Program | None:
    """Return a network's program with its weights of this moment, where that is fastest.

    It is for one sample, and without convolutions for any number: those of many samples are
    faster batch last, tile by tile. A plain network stays what it is.

    Args:
        model: its batch normalisation is folded.
        most: samples of the largest call.
    """
    network, normalization = model.network, model.normalization
    has_convolutions = any(layer.kind == "conv" for layer in network.layers)
    if model.is_plain or (has_convolutions and most > 1) or not can_plan(network.layers):
        return None
    return Program(network.layers, network.dtype, normalization.scale, normalization.offset)


class ReadyPlans:
    """Compute the outputs of a program in memory of its own; so every worker needs one.

    Args:
        program: the network's.
        outputs: numbers per sample.
        most: samples of the largest call.
    """

    def __init__(self, program: Program, outputs: int, most: int) -> None:
        self._program = program
        self._plans: dict[int, Plan] = {}
        self._block = max(1, min(PLAN_BLOCK, MOST_NUMBERS // program.numbers))
        self._outputs = np.empty((outputs, most), program.dtype)

    def outputs(self, samples: NDArray[Any]) -> Array:
        """Return outputs (outputs, batch) for samples (batch, …), valid until the next call."""
        if len(samples) == 1:
            return (self._plans.get(1) or self._plan(1)).run(samples).T
        for start in range(0, len(samples), self._block):
            some = samples[start : start + self._block]
            found = self._plan(len(some)).run(some)
            np.copyto(self._outputs[:, start : start + len(some)], found.T)
        return self._outputs[:, : len(samples)]

    def _plan(self, batch: int) -> Plan:
        """Return the calls for this number of samples, which are kept for the next time."""
        if (found := self._plans.get(batch)) is not None:
            return found
        if len(self._plans) == MOST_PLANS:
            del self._plans[next(iter(self._plans))]  # the oldest one
        self._plans[batch] = self._program.plan(batch)
        return self._plans[batch]
