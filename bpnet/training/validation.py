"""Score a network on held-out samples, and fit the temperature of its probabilities to them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.model.blocks import all_outputs
from bpnet.model.calibration import fit_temperature
from bpnet.model.ensemble import Ensemble
from bpnet.model.model import Model
from bpnet.model.score import Score, score_outputs
from bpnet.model.workers import Workers


def validate(
    model: Model, samples: Samples, workers: Workers, index: NDArray[np.int64]
) -> tuple[Score, float | None]:
    """Score a model on the samples with these numbers, which it was not trained on.

    The temperature is for pictures like those of the test set. So it is fitted without the digits
    that were drawn to learn from besides, which are the last of all samples, unless there are no
    others.

    Returns:
        The score, and the temperature; None where targets are plain numbers.
    """
    ensemble = Ensemble([model])
    outputs = all_outputs(ensemble, samples.inputs, workers, index)
    targets = samples.targets[index]
    score = score_outputs(ensemble, outputs, targets)
    if not model.class_names or not math.isfinite(score.loss):
        return score, None
    drawn = index >= len(samples) - model.config.data.drawn
    chosen = ~drawn if not drawn.all() else drawn
    return score, fit_temperature(outputs[:, chosen], targets[chosen])
