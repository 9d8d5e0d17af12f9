"""Score a model on samples it was not trained on."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.model.blocks import all_outputs
from bpnet.model.calibration import brier_score, calibration_error
from bpnet.model.ensemble import Ensemble
from bpnet.model.model import Model
from bpnet.model.workers import Workers, worker_settings
from bpnet.nn.layer import Array
from bpnet.nn.loss import Loss
from bpnet.nn.memory import Memory, Room


@dataclass(frozen=True)
class Score:
    """Hold what a model achieved.

    Args:
        samples: how many it was asked.
        loss: mean over the samples: of the cross-entropy of the probabilities, whatever the network
            was trained with; for plain numbers, of its own loss.
        training_loss: mean of the loss that the network was trained with, label smoothing
            included; that of several together is `loss`.
        correct: right answers; None where targets are plain numbers.
        confusion: (classes, classes), rows true and columns predicted; None likewise.
        calibration_error: see `calibration.py`; None likewise.
        brier_score: likewise.
        mean_absolute_error: None for classes.
        mean_squared_error: None for classes.
    """

    samples: int
    loss: float
    training_loss: float
    correct: int | None = None
    confusion: NDArray[np.int64] | None = None
    calibration_error: float | None = None
    brier_score: float | None = None
    mean_absolute_error: float | None = None
    mean_squared_error: float | None = None

    @property
    def accuracy(self) -> float | None:
        """Return the fraction of right answers, 0–1."""
        return None if self.correct is None else self.correct / self.samples

    @property
    def errors(self) -> int | None:
        """Return the number of wrong answers."""
        return None if self.correct is None else self.samples - self.correct


def wilson_interval(correct: int, samples: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the bounds between which the true accuracy lies with 95 % confidence.

    `(p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n)` with p = correct / n.

    Source: Wilson, 1927.
    """
    p, n = correct / samples, samples
    middle = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def per_class(confusion: NDArray[np.int64], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return precision, recall and number of samples of every class; None for 0 / 0."""

    def part(right: int, of: int) -> float | None:
        return right / of if of else None

    return [
        {
            "label": name,
            "precision": part(int(confusion[row, row]), int(confusion[:, row].sum())),
            "recall": part(int(confusion[row, row]), int(confusion[row].sum())),
            "samples": int(confusion[row].sum()),
        }
        for row, name in enumerate(names)
    ]


def evaluate(
    model: Model | Ensemble,
    samples: Samples,
    workers: Workers,
    index: NDArray[np.int64] | None = None,
) -> Score:
    """Score a model, or several together, on all samples or on those with the given numbers.

    The samples are answered in blocks, and scored in order, so that the result does not depend on
    the number of workers, or on what they are.
    """
    ensemble = model if isinstance(model, Ensemble) else Ensemble([model])
    outputs = all_outputs(ensemble, samples.inputs, workers, index)
    targets = samples.targets if index is None else samples.targets[index]
    return score_outputs(ensemble, outputs, targets)


def score_outputs(ensemble: Ensemble, outputs: Array, targets: NDArray[Any]) -> Score:
    """Score what a model, or several together, gave (outputs, samples) for these targets."""
    with worker_settings():  # what overflows shows in the loss
        logits = ensemble.logits(outputs).astype(np.float64)
        outputs = outputs.astype(np.float64)
        if targets.ndim == 1:
            score = _score_classes(logits, targets)
        else:
            score = _score_numbers(ensemble.loss, outputs, targets)
        if ensemble.trains_what_it_scores:
            return score
        trained = mean_loss(ensemble.members[0].network.loss, outputs, targets)
        return replace(score, training_loss=trained)


def mean_loss(loss: Loss, outputs: Array, targets: NDArray[Any]) -> float:
    """Return the mean over samples of a loss of outputs (outputs, samples)."""
    cache = loss.allocate(Room(len(targets), Memory(np.float64, training=False)))
    return loss.forward(outputs, targets, cache) / len(targets)


def _score_classes(logits: Array, labels: NDArray[np.int64]) -> Score:
    """Score by `p = softmax(z)` and `−log p_y = log Σ_i e^{z_i − m} − (z_y − m)`, m the largest."""
    classes, samples = logits.shape
    answers = logits.argmax(axis=0)
    confusion = np.bincount(labels * classes + answers, minlength=classes * classes)
    confusion = confusion.reshape(classes, classes)
    shifted = logits - logits.max(axis=0)
    probabilities = np.exp(shifted)
    sums = probabilities.sum(axis=0)
    probabilities /= sums
    loss = float((np.log(sums) - shifted[labels, np.arange(samples)]).mean())
    return Score(
        samples,
        loss,
        loss,
        correct=int(np.trace(confusion)),
        confusion=confusion,
        calibration_error=calibration_error(probabilities.max(axis=0), answers == labels),
        brier_score=brier_score(probabilities, labels),
    )


def _score_numbers(loss: Loss, outputs: Array, targets: NDArray[Any]) -> Score:
    error = np.abs(loss.estimates(outputs) - targets.T)
    mean = mean_loss(loss, outputs, targets)
    return Score(
        len(targets),
        mean,
        mean,
        correct=loss.count_correct(outputs, targets) if loss.answers_questions else None,
        mean_absolute_error=float(error.mean()),
        mean_squared_error=float(np.square(error).mean()),
    )
