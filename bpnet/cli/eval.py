"""Score a checkpoint, or several together, on a data set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT, Opened, open_checkpoint
from bpnet.cli.eval_data import (
    check_views,
    choose_dataset,
    choose_samples,
    load_data,
    warnings_of_classes,
)
from bpnet.cli.eval_text import describe, text
from bpnet.cli.options import percent, views
from bpnet.cli.output import note, show, show_json, terminal_width
from bpnet.errors import AccuracyGateError, ConfigError
from bpnet.narrow import fitted_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpnet.data.dataset import Samples
    from bpnet.model.model import Model
    from bpnet.model.score import Score


@click.command(short_help="Score a checkpoint: loss, accuracy, errors, calibration.")
@click.argument(
    "checkpoints",
    nargs=-1,
    required=True,
    type=CHECKPOINT,
    metavar="CHECKPOINT|RUN_DIR…",
)
@options.data_dir
@click.option(
    "--dataset",
    metavar="NAME|DIR",
    help="Data set, or folder of IDX files; default: the one it was trained on.",
)
@options.split
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    callback=options.no_nan,
    metavar="P",
    help="Exit with code 6 if the accuracy is below this fraction.",
)
@views
@options.as_json
def command(
    checkpoints: tuple[Path, ...],
    data_dir: Path | None,
    dataset: str | None,
    split: str,
    min_accuracy: float | None,
    views: int,
    as_json: bool,
) -> None:
    """Score a checkpoint: loss, accuracy and its 95 % interval, and where it goes wrong.

    The loss of class probabilities is their cross-entropy, whatever the network was trained with.
    The calibration error is how far they are, on average, from the part of answers that is right.
    Several checkpoints answer together, with the mean of their class probabilities, or of their
    estimates of plain numbers. They must take the same samples and know the same classes; the
    data set is that of the first.
    """
    opened = list(map(open_checkpoint, checkpoints))
    saved = [one.checkpoint for one in opened]
    models = [checkpoint.model() for checkpoint in saved]
    if dataset is not None:
        models = [dataclasses.replace(m, config=choose_dataset(m, dataset)) for m in models]
    data = load_data(saved, models, dataset, split, data_dir)
    check_views(views, data)
    samples, index = choose_samples(models[0].config, data, split)
    score = score_together(models, [one.path for one in saved], views, samples, index)
    warnings = warnings_of_classes(models[0], data)
    for warning in warnings:
        note(f"warning: {warning}")
    result = origin(opened) | {"dataset": data.name, "split": split, "views": views}
    result["warnings"] += warnings
    result |= describe(score, models)
    if as_json:
        show_json(result)
    else:
        on_itself = split == "test" and data.has_no_test
        place = "on the table itself" if on_itself else f"{data.name}, {split}"
        width = terminal_width()
        show(*fitted_text(text(result, place, width), width))
    check_gate(score, min_accuracy)


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
    from bpnet.machine import available_cores, blas_threads
    from bpnet.model.checkpoint import demand_finite
    from bpnet.model.ensemble import Ensemble
    from bpnet.model.score import evaluate
    from bpnet.model.workers import Workers

    threads = models[0].config.train.blas_threads
    with blas_threads(threads), Workers(max(1, available_cores() // threads)) as workers:
        score = evaluate(Ensemble(models, views), samples, workers, index)
        if not math.isfinite(score.loss):
            for model, path in zip(models, paths, strict=True):
                demand_finite(evaluate(model, samples, workers, index).loss, path)
    demand_finite(score.loss, paths[0])
    return score


def origin(opened: Sequence[Opened]) -> dict[str, Any]:
    """Return which checkpoints were scored, and what to mind about them."""
    names, epochs = [one.name for one in opened], [one.epoch for one in opened]
    return {
        "checkpoint": names[0] if len(names) == 1 else None,
        "checkpoints": names,
        "epoch": epochs[0] if len(names) == 1 else None,
        "epochs": epochs,
        "warnings": [warning for one in opened for warning in one.warnings],
    }


def check_gate(score: Score, least: float | None) -> None:
    """Raise an error if the accuracy is below the required one."""
    if least is None:
        return
    if score.accuracy is None:
        raise ConfigError("--min-accuracy needs classes; these targets are plain numbers")
    if score.accuracy < least:
        raise AccuracyGateError(
            "the accuracy is below the required one",
            expected=f"at least {percent(least)}",
            found=percent(score.accuracy),
        )
