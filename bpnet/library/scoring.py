"""Score networks on samples, alone or together, and put the score in plain values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.machine import available_cores, blas_threads
from bpnet.model.checkpoint import demand_finite
from bpnet.model.ensemble import Ensemble
from bpnet.model.model import Model
from bpnet.model.score import Score, evaluate, per_class, wilson_interval
from bpnet.model.workers import Workers


def score_together(
    models: Sequence[Model],
    paths: Sequence[Path],
    views: int,
    samples: Samples,
    index: NDArray[np.int64] | None,
) -> Score:
    """Score the mean answer of some networks on the samples with these numbers.

    Raises:
        CheckpointError: the loss is not finite; it names the network to blame.
    """
    threads = models[0].config.train.blas_threads
    with blas_threads(threads), Workers(max(1, available_cores() // threads)) as workers:
        score = evaluate(Ensemble(models, views), samples, workers, index)
        if not math.isfinite(score.loss):
            for model, path in zip(models, paths, strict=True):
                demand_finite(evaluate(model, samples, workers, index).loss, path)
    demand_finite(score.loss, paths[0])
    return score


def describe(score: Score, models: Sequence[Model]) -> dict[str, Any]:
    """Return the score of one network, or of several together, in plain values."""
    one = models[0] if len(models) == 1 else None
    result: dict[str, Any] = {"samples": score.samples, "loss": score.loss}
    result["training_loss"] = None if one is None else score.training_loss
    if score.correct is not None:
        low, high = wilson_interval(score.correct, score.samples)
        result |= {"accuracy": score.accuracy, "accuracy_low": low, "accuracy_high": high}
        result["errors"] = score.errors
    if score.confusion is None:
        return result | {"mae": score.mean_absolute_error, "mse": score.mean_squared_error}
    result["calibration_error"] = score.calibration_error
    result["brier_score"] = score.brier_score
    result["temperature"] = None if one is None else one.temperature
    result["per_class"] = per_class(score.confusion, models[0].class_names)
    return result | {"confusion": score.confusion.tolist()}
