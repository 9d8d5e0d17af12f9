"""Score a model on samples it was not trained on."""

import math
import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.forks import CAN_FORK, map_forked
from bpnet.model.model import Model
from bpnet.model.workers import Workers, worker_settings

BLOCK = 64  # samples at a time: memory stays small, and products large enough
PERCEPTRON_BLOCK = 1000  # without convolutions numbers are few, and short calls cost most
FORKED_WORK = 2e9  # multiply-adds from which processes repay their 5 ms
MOST_NUMBERS = 25_000_000  # that the layers write for a block: fewer samples where they need more


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
    chosen = np.arange(len(samples)) if index is None else index
    size = block_size(ensemble)
    blocks = [chosen[start : start + size] for start in range(0, len(chosen), size)]
    most = min(size, len(chosen))
    if workers.count > 1 and workers.kind != "threads" and _repays_forks(ensemble, len(chosen)):
        answers = Answers(ensemble, most)  # each process writes to a copy of its own
        with worker_settings():
            return _combine(
                map_forked(
                    lambda number: _score_block(answers, samples, blocks[number]),
                    len(blocks),
                    workers.count,
                )
            )
    scores: list[Score] = [Score(0, 0.0)] * len(blocks)
    failed = threading.Event()  # Ctrl-C included: no worker need finish its blocks

    def score_every(first: int) -> None:
        answers = Answers(ensemble, most)
        for number in range(first, len(blocks), workers.count):
            if failed.is_set():
                return
            try:
                scores[number] = _score_block(answers, samples, blocks[number])
            except BaseException:
                failed.set()
                raise

    workers.run([partial(score_every, first) for first in range(workers.count)])
    return _combine(scores)


def _repays_forks(ensemble: Ensemble, samples: int) -> bool:
    """Return whether processes are faster than threads: with many calls that are short."""
    if not CAN_FORK or None not in ensemble.programs(BLOCK):
        return False
    layers = [layer for model in ensemble.members for layer in model.network.layers]
    work = sum(layer.multiply_adds() for layer in layers) * ensemble.views * samples
    return work >= FORKED_WORK


def block_size(ensemble: Ensemble) -> int:
    """Return how many samples are scored at a time."""
    layers = [layer for model in ensemble.members for layer in model.network.layers]
    numbers = sum(layer.activations() for layer in layers)
    most = BLOCK if None in ensemble.programs(BLOCK) else PERCEPTRON_BLOCK
    return max(1, min(most, MOST_NUMBERS // numbers))


def _score_block(answers: Answers, samples: Samples, index: NDArray[np.int64]) -> Score:
    """Score one block; errors of numbers are returned as sums."""
    loss = answers.loss
    targets = samples.targets[index]
    whole = slice(index[0], index[-1] + 1)  # what lies in a row need not be gathered
    in_row = len(index) == whole.stop - whole.start and bool((np.diff(index) == 1).all())
    outputs = answers.outputs(samples.inputs[whole if in_row else index])
    cache = answers.loss_cache(len(index))
    total = loss.forward(outputs, targets, cache)
    if targets.ndim == 1:
        classes = len(outputs)
        pairs = targets * classes + outputs.argmax(axis=0)
        confusion = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
        return Score(len(index), total, int(np.trace(confusion)), confusion)
    error = np.abs(loss.estimates(outputs) - targets.T)
    correct = cache.correct if loss.answers_questions else None
    squared = float(np.square(error).mean(axis=0).sum())
    return Score(len(index), total, correct, None, float(error.mean(axis=0).sum()), squared)


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
