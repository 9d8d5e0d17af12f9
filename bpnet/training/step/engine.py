"""Take training steps: split each into shards, have them computed, and add up what they report."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.errors import ConfigError
from bpnet.model.forks import CAN_FORK, may_fork
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory, shared_zeros
from bpnet.training.averaging import AveragedWeights
from bpnet.training.finite_differences import DifferenceShard, shard_kind
from bpnet.training.optimizer import Optimizer
from bpnet.training.ranks.needs import Needs
from bpnet.training.ranks.ranks import ALONE, Meeting, Ranks
from bpnet.training.step.batch import Batch, Shard
from bpnet.training.step.feed import are_costly
from bpnet.training.step.large_weight import large_weights
from bpnet.training.step.perceptron import SharedArrays
from bpnet.training.step.processes import ProcessExecutor
from bpnet.training.step.sample_shard import SampleShard, normalises
from bpnet.training.step.supply import NO_SAMPLES, Supply
from bpnet.training.step.threads import ThreadExecutor
from bpnet.training.step.unit_shard import UnitShard
from bpnet.training.step.update import Update


class Executor(Protocol):
    """Compute the shards of one step after the other; used as a context."""

    kind: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def watch(self, should_stop: Callable[[], bool]) -> None:
        """Take notice of `should_stop` where a step cannot be finished."""

    def rest(self) -> None:
        """Let all shards give their memory back until the next step."""

    def step(self, batch: Batch) -> None:
        """Take one step: every phase of all shards before the next phase of any."""


class StepResult(NamedTuple):
    """Hold what a step found before it moved the weights.

    Args:
        loss_sum: of the batch's samples; not finite where training has diverged.
        correct: how many of them were answered right.
    """

    loss_sum: float
    correct: int


class Engine:
    """Train a network step by step, as the textbook's step (`textbook.py`) would, but faster.

    The engine splits a batch into shards, has them computed by threads or processes, and keeps the
    running statistics. Use it as a context: leaving it ends the processes.

    Args:
        model: what is trained, in place.
        samples: the data set's training samples, or what supplies them.
        most: samples of the largest batch.
        optimizer: how gradients move weights.
        averaged: what follows the weights.
        workers: who computes the shards: worker k the shards k, k + count, …
        ranks: who else computes some of them.

    Raises:
        ConfigError: the network cannot be split as the config says, or there can be no processes.
    """

    def __init__(
        self,
        model: Model,
        samples: Samples | Supply,
        most: int,
        optimizer: Optimizer,
        averaged: AveragedWeights,
        workers: Workers,
        ranks: Ranks = ALONE,
    ) -> None:
        self.network = model.network
        self.supply = None if isinstance(samples, Samples) else samples
        self._samples = samples = samples if isinstance(samples, Samples) else samples.samples
        self._averaged = averaged
        count = model.config.train.shards
        self._totals = shared_zeros(3 * count, np.float64).reshape(count, 3)
        self._moved = [model.network.parameters, *optimizer.memories.values()]
        if averaged.parameters is not None:
            self._moved.append(averaged.parameters)
        update = Update(optimizer, averaged, count)
        own, needs = ranks.own(count), Needs(count)
        self._reports = self._totals
        self._whole: list[SampleShard] = []  # the shards that have whole samples, if they do
        if model.config.train.split == "units":
            costly = ranks.share(lambda: are_costly(model, samples))
            needs = Needs(count, all_inputs=not costly, all_targets=True)
            shared = SharedArrays(model, samples, most, self._totals, are_costly=costly)
            self.shards: list[Shard] = [
                UnitShard(model, samples, number, shared, update) for number in range(count)
            ]
            self._reports = self._totals[own.start : own.start + 1]  # all know the same loss
        else:
            self._whole = sample_shards(model, samples, most, update, self._totals, workers)
            self.shards = list(self._whole)
        self.meeting = ranks.meeting(self.shards, model.config.train.reduction)
        computed = [self.shards[number] for number in own]
        self.executor = build_executor(computed, workers, most, self.meeting)
        self._delivery = None  # where every rank draws or reads samples for itself
        if self.supply is None:
            self._delivery = ranks.delivery(samples, most, needs)
        self._held = ExitStack()

    @property
    def kind(self) -> str:
        """Return what computes the shards: `threads` or `processes`."""
        return self.executor.kind

    def __enter__(self) -> Self:
        with ExitStack() as held:
            if self.supply is not None:
                held.enter_context(self.supply)
            held.enter_context(self.executor)
            self._held = held.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._held.close()

    def watch(self, should_stop: Callable[[], bool]) -> None:
        """Take notice of `should_stop` where a step cannot be finished."""
        self.executor.watch(should_stop)
        if self.supply is not None:
            self.supply.watch(should_stop)

    def rest(self) -> None:
        """Give memory back until the next step; what the last one left behind is lost."""
        self.executor.rest()

    def collect(self) -> None:
        """Bring here what other ranks have moved: weights, averages, what the optimiser keeps."""
        if self.meeting is not None:
            self.meeting.collect(self._moved)

    def step(self, batch: Batch, upcoming: NDArray[np.int64] = NO_SAMPLES) -> StepResult:
        """Take one step; where the loss is not finite, the weights stay as they are.

        Args:
            batch: of this step.
            upcoming: numbers of the samples of those after it, in order, where they are known.
        """
        if self.supply is not None:
            self.supply.hand_over(batch, upcoming)
        if self._delivery is not None:
            self._delivery.bring(batch.index, upcoming)
        self.executor.step(batch)
        loss_sum, correct, _ = np.add.reduce(self._reports, axis=0).tolist()
        if math.isfinite(loss_sum) and self.network.state.flat.size:
            for shard in self._whole:
                shard.update_running(len(batch.index))
            self._averaged.follow_state(batch.step + 1)
        return StepResult(loss_sum, int(correct))

    def stored(self, index: NDArray[np.int64], epoch: int) -> NDArray[Any]:
        """Return the inputs of samples of the last step as they are stored."""
        return self._samples.inputs[self._samples.places(index, epoch)]

    def kinks(self, batch_size: int) -> list[NDArray[np.bool_]] | None:
        """Return on which side of its kinks the last step was; None where not all were kept."""
        if self.kind == "processes":
            return None  # each process keeps those of its own shards
        found: list[NDArray[np.bool_]] = []
        for shard in self.shards:
            kinks = shard.kinks(batch_size)
            if kinks is None:
                return None
            found += kinks
        return found


def sample_shards(
    model: Model,
    samples: Samples,
    most: int,
    update: Update,
    totals: Array,
    workers: Workers,
) -> list[SampleShard]:
    """Return shards that have some samples of each batch; they know each other's gradients."""
    count = len(totals)
    memories = [Memory(model.network.dtype, training=True) for _ in range(workers.count)]
    if normalises(model.network):
        memories = []  # the statistics of all shards are read after the step
    kind = shard_kind(model.config)
    is_whole = kind is DifferenceShard or update.looks_first  # no gradient is computed on its own
    large = [] if is_whole else large_weights(model.network, most)
    shards = [
        kind(
            model,
            samples,
            number,
            count,
            most,
            memories[number % workers.count] if memories else None,
            totals,
            large,
        )
        for number in range(count)
    ]
    for shard in shards:
        shard.join(shards, update)
    return shards


def build_executor(
    shards: list[Shard], workers: Workers, most: int, meeting: Meeting | None = None
) -> Executor:
    """Return who computes the shards: processes where it is safe to fork, else threads.

    Raises:
        ConfigError: processes are asked for where there can be none.
    """
    count = min(workers.count, len(shards))
    if workers.kind == "processes" and not CAN_FORK:
        raise ConfigError(
            "this system cannot compute shards in processes",
            where="train.workers",
            expected="Linux on x86-64",
            hint="leave it at auto, which takes threads here",
        )
    forks = workers.kind == "processes" or (workers.kind == "auto" and may_fork())
    if count > 1 and forks:
        return ProcessExecutor(shards, count, most, meeting)
    return ThreadExecutor(shards, workers, meeting)
