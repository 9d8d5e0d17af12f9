"""Score a network after an epoch, fit the temperature of its probabilities, and tell both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.model.blocks import by_blocks
from bpnet.model.calibration import fit_temperature
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.score import Score, Sums, combine, sums_of
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array
from bpnet.training.progress import Progress
from bpnet.training.ranks.ranks import ALONE, Ranks


def validate(
    model: Model,
    samples: Samples,
    workers: Workers,
    index: NDArray[np.int64],
    ranks: Ranks = ALONE,
) -> tuple[Score, float | None]:
    """Score a model on the samples with these numbers, which it was not trained on.

    Each rank that has the data set scores some blocks; rank 0 adds them up, in order, and tells.

    The temperature is for pictures like those of the test set. So it is fitted without what
    was drawn to learn from besides, which are the last of all samples, unless there are no
    others.

    Returns:
        The score, and the temperature; None where targets are plain numbers.

    Raises:
        RankError: another rank has failed.
    """

    def measure(answers: Answers, block: slice) -> tuple[Sums, Array]:
        outputs = answers.outputs(samples.inputs[index[block]])
        return sums_of(answers, outputs, samples.targets[index[block]]), outputs.copy()

    found: list[tuple[Sums, Array]] = []
    scoring = [rank for rank in range(ranks.count) if rank not in ranks.served]
    if ranks.number in scoring:
        part = scoring.index(ranks.number), len(scoring)
        found = by_blocks(Ensemble([model]), len(index), workers, measure, part)
    blocks = list(chain.from_iterable(ranks.gather(found)))
    return ranks.share(lambda: summed_up(model, samples, index, blocks))


def summed_up(
    model: Model,
    samples: Samples,
    index: NDArray[np.int64],
    blocks: Sequence[tuple[Sums, Array]],
) -> tuple[Score, float | None]:
    """Return what `validate` does, from the sums and the outputs of each block."""
    score = combine([sums for sums, _ in blocks])
    if not model.class_names or not math.isfinite(score.loss):
        return score, None
    data = model.config.data
    drawn = index >= len(samples) - data.drawn - data.non_digits
    chosen = ~drawn if not drawn.all() else drawn
    outputs = np.concatenate([outputs for _, outputs in blocks], axis=1)
    return score, fit_temperature(outputs[:, chosen], samples.targets[index[chosen]])


def epoch_metrics(
    progress: Progress, learning_rate: float, validated: Score | None, *, is_classes: bool
) -> dict[str, Any]:
    """Return the metrics of an epoch whose steps are done.

    Args:
        progress: of the run, before the epoch is closed.
        learning_rate: of the last step.
        validated: score on the samples held out, if there are any.
        is_classes: whether answers are right or wrong.
    """
    return {
        "epoch": progress.epoch + 1,
        "step": progress.step,
        "learning_rate": learning_rate,
        "train_loss": progress.loss_sum / progress.seen,
        "train_accuracy": progress.correct / progress.seen if is_classes else None,
        "validation_loss": None if validated is None else validated.training_loss,
        "validation_accuracy": None if validated is None else validated.accuracy,
        "seconds": progress.epoch_seconds,
        "samples_per_second": progress.seen / progress.epoch_seconds,
    }


def mean_errors(trained: Score, validated: Score | None) -> dict[str, float | None]:
    """Return the mean absolute and squared errors after an epoch, where targets are numbers.

    `train_loss` is the mean over the epoch, while the weights move. These are of its last weights.

    Args:
        trained: their score on the samples that the network is trained on.
        validated: on those held out, if there are any.
    """
    errors = {}
    for name, score in (("train", trained), ("validation", validated)):
        errors[f"{name}_mae"] = None if score is None else finite(score.mean_absolute_error)
        errors[f"{name}_mse"] = None if score is None else finite(score.mean_squared_error)
    return errors


def finite(value: float | None) -> float | None:
    """Return a number, or None where it is infinite or NaN."""
    return value if value is not None and math.isfinite(value) else None
