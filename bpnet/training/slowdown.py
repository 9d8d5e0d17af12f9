"""Measure what a run by finite differences would have cost by backpropagation."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from bpnet.machine import blas_threads
from bpnet.model.model import build_network
from bpnet.model.workers import Workers
from bpnet.training.averaging import AveragedWeights
from bpnet.training.finite_differences import passes_forward, takes_differences
from bpnet.training.loop import Trainer
from bpnet.training.optimizers import build_optimizer
from bpnet.training.step.batch import Batch
from bpnet.training.step.engine import Engine

STEPS = 5  # of each kind, and
SECONDS = 0.5  # no further one after this time


@dataclass(frozen=True)
class Slowdown:
    """Compare a run by finite differences with backpropagation.

    Args:
        forward_passes: that the run took.
        backpropagation_passes: forward that backpropagation takes for it, and as many back.
        step_seconds: the least that a step took by finite differences, and
        backpropagation_step_seconds: by backpropagation.
    """

    forward_passes: int
    backpropagation_passes: int
    step_seconds: float
    backpropagation_step_seconds: float

    @property
    def factor(self) -> float:
        """Return how many times as long a step takes by finite differences."""
        return self.step_seconds / self.backpropagation_step_seconds


def measure_slowdown(trainer: Trainer) -> Slowdown | None:
    """Return what a run has cost; None where it was not trained by finite differences."""
    if not takes_differences(trainer.config):
        return None
    steps, parameters = trainer.progress.step, trainer.model.network.parameters.flat.size
    return Slowdown(
        forward_passes=steps * passes_forward(parameters),
        backpropagation_passes=steps,
        step_seconds=step_seconds(trainer, "finite_differences"),
        backpropagation_step_seconds=step_seconds(trainer, "backpropagation"),
    )


def step_seconds(trainer: Trainer, gradients: str) -> float:
    """Return the least time of a few steps that a copy of a network takes.

    Args:
        trainer: whose network, samples and settings are used; it is left as it is.
        gradients: how the copy takes them.
    """
    train = dataclasses.replace(trainer.config.train, gradients=gradients)
    config = dataclasses.replace(trainer.config, train=train)
    network = trainer.model.network
    outputs = network.loss.outputs
    copy = build_network(config, network.input_shape, outputs)
    copy.parameters.flat[...] = network.parameters.flat
    copy.state.flat[...] = network.state.flat
    model = dataclasses.replace(trainer.model, config=config, network=copy)
    index = trainer.kept[: train.samples_per_step]
    optimizer = build_optimizer(copy.parameters, config.optimizer, train.grad_clip)
    averaged = AveragedWeights(copy, train.ema)
    times: list[float] = []
    with (
        blas_threads(train.blas_threads),
        Workers(1) as workers,
        Engine(model, trainer.samples, len(index), optimizer, averaged, workers) as engine,
    ):
        while len(times) < STEPS and sum(times) < SECONDS:
            began = time.perf_counter()
            engine.step(Batch(index, 0, len(times), 0.0))  # with a rate of 0, weights stay
            times.append(time.perf_counter() - began)
    return min(times)
