"""Score a model on samples it was not trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.model.blocks import by_blocks
from bpnet.model.calibration import brier_scores, calibration_error, excess_by_confidence
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array


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

    The samples are scored in blocks whose sums are added in order, so that the result does not
    depend on the number of workers, or on what they are.
    """
    ensemble = model if isinstance(model, Ensemble) else Ensemble([model])

    def measure(answers: Answers, block: slice) -> Sums:
        chosen = block if index is None else index[block]
        return sums_of(answers, answers.outputs(samples.inputs[chosen]), samples.targets[chosen])

    return combine(by_blocks(ensemble, len(samples if index is None else index), workers, measure))


@dataclass(frozen=True)
class Sums:
    """Hold sums over the samples of a block, as `Score` holds what becomes of them.

    Args:
        excess: right answers less confidence, by bins of confidence (`calibration.py`).
    """

    samples: int
    loss: float
    training_loss: float
    correct: int | None = None
    confusion: NDArray[np.int64] | None = None
    excess: Array | None = None
    brier_score: float | None = None
    absolute_error: float | None = None
    squared_error: float | None = None


def sums_of(answers: Answers, outputs: Array, targets: NDArray[Any]) -> Sums:
    """Score the outputs (outputs, samples) of a model, or of several together."""
    ensemble = answers.ensemble
    if targets.ndim > 1:
        sums = _sums_of_numbers(answers, outputs, targets)
    else:
        sums = _sums_of_classes(ensemble.logits(outputs).astype(np.float64), targets)
    if ensemble.averages:
        return sums
    trained = answers.total_loss(ensemble.members[0].network.loss, outputs, targets)
    return replace(sums, training_loss=trained)


def _sums_of_classes(logits: Array, labels: NDArray[np.int64]) -> Sums:
    """Score by `p = softmax(z)` and `−log p_y = log Σ_i e^{z_i − m} − (z_y − m)`, m the largest."""
    classes, samples = logits.shape
    answers = logits.argmax(axis=0)
    confusion = np.bincount(labels * classes + answers, minlength=classes * classes)
    confusion = confusion.reshape(classes, classes)
    shifted = logits - logits.max(axis=0)
    probabilities = np.exp(shifted)
    sums = probabilities.sum(axis=0)
    probabilities /= sums
    loss = float((np.log(sums) - shifted[labels, np.arange(samples)]).sum())
    return Sums(
        samples,
        loss,
        loss,
        correct=int(np.trace(confusion)),
        confusion=confusion,
        excess=excess_by_confidence(probabilities.max(axis=0), answers == labels),
        brier_score=float(brier_scores(probabilities, labels).sum()),
    )


def _sums_of_numbers(answers: Answers, outputs: Array, targets: NDArray[Any]) -> Sums:
    loss = answers.loss
    error = np.abs(loss.estimates(outputs) - targets.T)
    total = answers.total_loss(loss, outputs, targets)
    return Sums(
        len(targets),
        total,
        total,
        correct=loss.count_correct(outputs, targets) if loss.answers_questions else None,
        absolute_error=float(error.mean(axis=0).sum()),
        squared_error=float(np.square(error).mean(axis=0).sum()),
    )


def combine(blocks: Sequence[Sums]) -> Score:
    """Add up the sums of all blocks and turn them into a score."""
    samples = sum(block.samples for block in blocks)

    def total(name: str) -> Any:
        parts = [getattr(block, name) for block in blocks]
        return None if parts[0] is None else sum(parts[1:], start=parts[0])

    def mean(name: str) -> float | None:
        return None if total(name) is None else total(name) / samples

    excess = total("excess")
    return Score(
        samples,
        total("loss") / samples,
        total("training_loss") / samples,
        total("correct"),
        total("confusion"),
        None if excess is None else calibration_error(excess, samples),
        mean("brier_score"),
        mean("absolute_error"),
        mean("squared_error"),
    )
