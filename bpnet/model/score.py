"""Score a model on samples it was not trained on."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.model.blocks import by_blocks
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.workers import Workers


@dataclass(frozen=True)
class Score:
    """Hold what a model achieved.

    Args:
        samples: how many it was asked.
        loss: mean over the samples.
        correct: right answers; None where targets are plain numbers.
        confusion: (classes, classes), rows true and columns predicted; None likewise.
        mean_absolute_error: None for classes.
        mean_squared_error: None for classes.
    """

    samples: int
    loss: float
    correct: int | None = None
    confusion: NDArray[np.int64] | None = None
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

    def score(answers: Answers, block: slice) -> Score:
        return _score_block(answers, samples, block if index is None else index[block])

    return _combine(by_blocks(ensemble, len(samples if index is None else index), workers, score))


def _score_block(answers: Answers, samples: Samples, block: slice | NDArray[np.int64]) -> Score:
    """Score one block; errors of numbers are returned as sums."""
    loss = answers.loss
    targets = samples.targets[block]
    count = len(targets)
    outputs = answers.outputs(samples.inputs[block])
    cache = answers.loss_cache(count)
    total = loss.forward(outputs, targets, cache)
    if targets.ndim == 1:
        classes = len(outputs)
        pairs = targets * classes + outputs.argmax(axis=0)
        confusion = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
        return Score(count, total, int(np.trace(confusion)), confusion)
    error = np.abs(loss.estimates(outputs) - targets.T)
    correct = cache.correct if loss.answers_questions else None
    squared = float(np.square(error).mean(axis=0).sum())
    return Score(count, total, correct, None, float(error.mean(axis=0).sum()), squared)


def _combine(blocks: list[Score]) -> Score:
    """Add up the sums of all blocks and turn them into means."""
    samples = sum(block.samples for block in blocks)

    def total(name: str) -> Any:
        parts = [getattr(block, name) for block in blocks]
        return None if parts[0] is None else sum(parts[1:], start=parts[0])

    def mean(name: str) -> float | None:
        return None if total(name) is None else total(name) / samples

    return Score(
        samples,
        total("loss") / samples,
        total("correct"),
        total("confusion"),
        mean("mean_absolute_error"),
        mean("mean_squared_error"),
    )
