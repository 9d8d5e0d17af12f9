"""Find the gradient that a whole training step follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.data_settings import AugmentConfig
from bpnet.config.settings import Config, OptimizerConfig, ScheduleConfig
from bpnet.data.dataset import Dataset, Samples
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.nn.parameters import FlatArrays
from bpnet.teach.gradcheck.checker import Gradient
from bpnet.teach.gradcheck.network_gradients import TRAINING_STEP
from bpnet.teach.gradcheck.probe import Pattern
from bpnet.training.loop import Trainer
from bpnet.training.progress import Progress

PLAIN_DESCENT = OptimizerConfig(learning_rate=1.0, momentum=0.0, nesterov=False, weight_decay=0.0)
ELSEWHERE = 0.9  # times the parameters
BEYOND = 1e30  # a norm that no gradient has: clipping measures it and leaves it as it is


def bare_descent(config: Config, batch_size: int) -> Config:
    """Return a config that does nothing but `w ← w − g`, on samples as they are."""
    train = dataclasses.replace(
        config.train,
        batch_size=-(-batch_size // config.train.accumulate),
        epochs=1,
        ema=0.0,
        grad_clip=BEYOND if config.train.grad_clip else 0.0,
        early_stopping=0,
    )
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, validation=0),
        train=train,
        optimizer=PLAIN_DESCENT,
        schedule=ScheduleConfig(name="constant"),
        augment=AugmentConfig(),
    )


class TrainingStep:
    """Take the same training step again and again, from whatever the parameters are.

    It is training's own: shards, micro-batches, hidden units side by side, large weights apart,
    ghost batches, whatever the config asks for. What is dropped is the same every time.

    Args:
        model: of a config made bare, whose batch holds all samples; its parameters are moved.
        inputs: samples (batch, *input_shape).
        targets: of these samples.
        workers: as many as there are shards, so that each has memory of its own.
    """

    def __init__(
        self, model: Model, inputs: NDArray[Any], targets: NDArray[Any], workers: Workers
    ) -> None:
        samples = Samples(inputs, targets)
        dataset = Dataset(model.config.data.dataset, samples, samples, model.class_names)
        self.parameters = model.network.parameters
        self.trainer = Trainer(model, dataset, Path(), workers, "")  # nothing will be saved
        self._index = np.arange(len(samples))

    def loss(self) -> float:
        """Return the batch's mean loss, and leave the parameters as they are."""
        before = self.parameters.flat.copy()
        loss = self._take()
        self.parameters.flat[...] = before
        return loss

    def gradient(self) -> FlatArrays:
        """Return how far the step moves the parameters, `w − w'` with η = 1; leave them.

        A step from elsewhere comes first, so that what a step should overwrite is seen if it stays.
        """
        before = self.parameters.flat.copy()
        self.parameters.flat *= ELSEWHERE
        self._take()
        self.parameters.flat[...] = before
        self._take()
        gradient = self.parameters.like()
        np.subtract(before, self.parameters.flat, out=gradient.flat)
        self.parameters.flat[...] = before
        return gradient

    def gradients(self) -> Iterator[Gradient]:
        """Yield the gradient of each parameter."""
        gradient = self.gradient()
        unit = max(1.0, abs(self.loss()))
        is_watched = self.trainer.engine.kinks(len(self._index)) is not None
        here = self.pattern() if is_watched else None
        for name, values in gradient.views.items():
            yield Gradient(
                *(TRAINING_STEP, TRAINING_STEP, name, values.shape),
                at=self.parameters.views[name],
                values=values,
                loss=self.loss,
                unit=unit,
                pattern=self.pattern if is_watched else None,
                known=here,
            )

    def pattern(self) -> Pattern:
        """Return which side of its kinks each shard was on."""
        kinks = self.trainer.engine.kinks(len(self._index))
        assert kinks is not None, "asked only where all are kept"
        return [flags.copy() for flags in kinks]

    def _take(self) -> float:
        self.trainer.progress = Progress([1])  # the first step: its draws, its place
        return self.trainer.step(self._index)
