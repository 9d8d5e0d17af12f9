"""Score a network on a data set, or on samples that are given."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bpnet.config.values import ARRAYS
from bpnet.data.dataset import Samples
from bpnet.errors import ConfigError
from bpnet.library.evaluation import Evaluation
from bpnet.library.score_data import (
    check_views,
    choose_dataset,
    choose_samples,
    load_data,
    warnings_of_classes,
)
from bpnet.library.scoring import score_together
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.model import Model

SPLITS = ("test", "validation", "train")


def evaluate_on_dataset(
    model: Model, path: Path, chosen: str | None, split: str, data_dir: Path | None, views: int
) -> Evaluation:
    """Return the score of a network on a data set.

    Args:
        model: the network.
        path: of its checkpoint.
        chosen: name or folder of the data set; by default, that of its training.
        split: which of its samples are scored.
        data_dir: where data sets lie.
        views: how many views of a picture are averaged.
    """
    if split not in SPLITS:
        expected = f"one of {', '.join(SPLITS)}"
        raise ConfigError("there is no such split", where="split", expected=expected, found=split)
    if chosen is not None:
        model = dataclasses.replace(model, config=choose_dataset(model, chosen))
    saved = [] if split == "test" else [load_checkpoint(path, weights_only=True)]
    data = load_data(saved, [model], chosen, split, data_dir)
    check_views(views, data)
    samples, index = choose_samples(model.config, data, split)
    score = score_together([model], [path], views, samples, index)
    warnings = tuple(warnings_of_classes(model, data))
    return Evaluation.of(score, model.class_names, data.name, split, warnings)


def evaluate_on_arrays(
    model: Model, path: Path, inputs: NDArray[Any], targets: NDArray[Any], views: int
) -> Evaluation:
    """Return the score of a network on samples that fit it.

    Args:
        model: the network.
        path: of its checkpoint, for messages.
        inputs: pictures (samples, height, width) in uint8, or numbers (samples, *input_shape).
        targets: class numbers (samples,), or numbers (samples, outputs).
        views: how many views of a picture are averaged.
    """
    score = score_together([model], [path], views, Samples(inputs, targets), None)
    return Evaluation.of(score, model.class_names, ARRAYS, None)
