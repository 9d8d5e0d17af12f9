"""Score a checkpoint, or several together, on a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT, open_checkpoint
from bpnet.cli.command import BpnetCommand
from bpnet.cli.eval_text import text
from bpnet.cli.options import views
from bpnet.cli.output import note, show_json
from bpnet.cli.tables import show_parts
from bpnet.errors import AccuracyGateError, ConfigError
from bpnet.library.figures import percent

if TYPE_CHECKING:
    from bpnet.library.opening import Opened
    from bpnet.model.score import Score


@click.command(
    cls=BpnetCommand,
    examples={
        "eval last": "the newest run",
        "eval digits": "the weights that ship with bpnet",
        "eval last --split validation --json": "on held-out samples, for programs",
    },
)
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
    type=options.A_DATASET,
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
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.library.score_data import (
        check_views,
        choose_dataset,
        choose_samples,
        load_data,
        warnings_of_classes,
    )
    from bpnet.library.scoring import describe, score_together

    opened = list(map(open_checkpoint, checkpoints))
    saved = [one.checkpoint for one in opened]
    models = [checkpoint.model() for checkpoint in saved]
    if dataset is not None:
        models = [dataclasses.replace(m, config=choose_dataset(m, dataset)) for m in models]
    data = load_data(saved, models, dataset, split, data_dir, DownloadProgress())
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
        show_parts(*text(result, place))
    check_gate(score, min_accuracy)


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
