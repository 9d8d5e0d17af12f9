"""Choose into what parts a step is split, and who computes them."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from bpnet.data.dataset import Samples
from bpnet.errors import ConfigError
from bpnet.model import Model
from bpnet.nn.layer import Array, Memory
from bpnet.nn.norm import BatchNorm
from bpnet.nn.parameters import shared_zeros
from bpnet.training.large_weight import large_weights
from bpnet.training.parallel import ThreadTeam, Workers
from bpnet.training.part import Order, Part
from bpnet.training.perceptron import Board
from bpnet.training.processes import CAN_FORK, ProcessTeam
from bpnet.training.sample_part import SamplePart
from bpnet.training.unit_part import UnitPart
from bpnet.training.update import Update


class Team(Protocol):
    """Compute the parts of one step after the other; used as a context."""

    kind: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def step(self, order: Order) -> None:
        """Take one step: every phase of all parts before the next phase of any."""


def build_parts(
    model: Model, samples: Samples, most: int, update: Update, workers: Workers
) -> tuple[list[Part], Array]:
    """Return the parts of a step as the config wants it split, and where they write their sums.

    Args:
        model: what is trained.
        samples: the data set's training samples.
        most: samples of the largest batch.
        update: how gradients become weights.
        workers: who will compute the parts: worker k the parts k, k + count, …

    Returns:
        The parts, and an array (parts, 3): loss sum, right answers, square sum of the gradient.

    Raises:
        ConfigError: the network cannot be split like that.
    """
    train = model.config.train
    if train.split == "units":
        board = Board(model, samples, most, train.shards)
        return [
            UnitPart(model, samples, number, board, update) for number in range(train.shards)
        ], board.totals
    totals = shared_zeros(3 * train.shards, np.float64).reshape(train.shards, 3)
    memories = [Memory(model.network.dtype, training=True) for _ in range(workers.count)]
    if any(isinstance(layer, BatchNorm) for layer in model.network.layers):
        memories = []  # the statistics of all parts are read after the step
    large = [] if train.grad_clip else large_weights(model.network, most)
    parts = [
        SamplePart(
            model,
            samples,
            number,
            train.shards,
            most,
            memories[number % workers.count] if memories else None,
            totals,
            large,
        )
        for number in range(train.shards)
    ]
    for part in parts:
        part.join(parts, update)
    return list(parts), totals


def build_team(parts: list[Part], workers: Workers, most: int) -> Team:
    """Return who computes the parts: processes where the system can fork, else threads.

    Raises:
        ConfigError: processes are asked for where there can be none.
    """
    count = min(workers.count, len(parts))
    if workers.kind == "processes" and not CAN_FORK:
        raise ConfigError(
            "this system cannot compute parts in processes",
            where="train.workers",
            expected="Linux on x86-64",
            hint="leave it at auto, which takes threads here",
        )
    if count > 1 and CAN_FORK and workers.kind != "threads":
        return ProcessTeam(parts, count, most)
    return ThreadTeam(parts, workers)
