"""Hold a network together with its answers to the samples that it is scored on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.model.checkpoint import Checkpoint
from bpnet.model.model import Model
from bpnet.model.score import Score
from bpnet.nn.layer import Array

MOST_SHOWN = 24  # samples in a list


@dataclass(frozen=True, eq=False)
class Examined:
    """Hold what a page tells of one network.

    Args:
        name: of the run or file.
        checkpoint: where its weights come from.
        model: each of its layers computed on its own.
        dataset: name of the data set that it was asked about.
        split: which part of it: test, validation or train.
        score: what it achieved there.
        inputs: those samples (samples, height, width) or (samples, *input_shape).
        targets: class numbers (samples,) or numbers (samples, outputs).
        numbers: of the samples in the data set (samples,).
        answers: probabilities (samples, classes), or estimates (samples, outputs).
        history: what was recorded after each epoch; nothing for weights without a run.
        environment: what `environment.json` of the run says; empty if there is none.
        commands: how to repeat what the page shows, with what each does.
        warnings: why the answers should not be trusted.
    """

    name: str
    checkpoint: Checkpoint
    model: Model
    dataset: str
    split: str
    score: Score
    inputs: NDArray[Any]
    targets: NDArray[Any]
    numbers: NDArray[np.intp]
    answers: Array
    history: Sequence[Mapping[str, Any]] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    commands: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()

    @property
    def has_classes(self) -> bool:
        """Return whether the network answers with classes."""
        return self.score.confusion is not None

    @property
    def has_pictures(self) -> bool:
        """Return whether samples are grey pictures."""
        return self.inputs.dtype == np.uint8 and self.inputs.ndim == 3

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """Return the class that each answer names (samples,)."""
        predicted: NDArray[np.intp] = self.answers.argmax(axis=1)
        return predicted

    @cached_property
    def wrong(self) -> NDArray[np.intp]:
        """Return the places of the samples that were answered wrong."""
        return np.flatnonzero(self.predicted != self.targets)

    def worst(self) -> NDArray[np.intp]:
        """Return the wrong answers with the least probability for what is right, worst first."""
        right = self.answers[self.wrong, self.targets[self.wrong]]
        return _first(self.wrong, right)

    def least_sure(self) -> NDArray[np.intp]:
        """Return the samples, right or wrong, whose best answer is the least probable."""
        return _first(np.arange(len(self.answers)), self.answers.max(axis=1))

    def suspects(self) -> NDArray[np.intp]:
        """Return the samples whose label may be wrong, the most suspicious first.

        The network names another class, and is as sure of it as it is, on average, of samples that
        do belong to it: `p_j(x) ≥ mean of p_j over the samples labelled j`. They are ordered by
        `p_label − p_j`, the normalised margin.

        Source: Northcutt, Jiang and Chuang, 2021, equations 2 and 7.
        """
        usual = np.array(
            [
                self.answers[self.targets == label, label].mean() if label in self.targets else 1.0
                for label in range(self.answers.shape[1])
            ]
        )
        sure = self.answers[self.wrong, self.predicted[self.wrong]]
        suspects = self.wrong[sure >= usual[self.predicted[self.wrong]]]
        right = self.answers[suspects, self.targets[suspects]]
        return _first(suspects, right - self.answers[suspects, self.predicted[suspects]])

    def answered(self, label: int, named: int) -> NDArray[np.intp]:
        """Return the samples of one class that were taken for another, the surest first.

        Of those that were taken for what they are, the least sure come first.
        """
        samples = np.flatnonzero((self.targets == label) & (self.predicted == named))
        surety = self.answers[samples, named]
        return _first(samples, surety if label == named else -surety)


def _first(samples: NDArray[np.intp], order: Array) -> NDArray[np.intp]:
    """Return the samples for which `order` is least."""
    ordered: NDArray[np.intp] = samples[order.argsort(kind="stable")]
    return ordered[:MOST_SHOWN]
