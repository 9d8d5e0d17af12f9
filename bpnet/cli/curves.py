"""Train several networks, or read finished runs, and compare their learning curves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import (
    A_CONFIG_OR_RUN,
    PathType,
    as_json,
    command_line,
    data_dir,
    with_settings,
)
from bpnet.cli.output import note, show, show_json
from bpnet.config.presets import example_paths, preset_paths
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.library.opening import named_unless_config

if TYPE_CHECKING:
    from bpnet.data.dataset import Dataset
    from bpnet.model.model import Model
    from bpnet.report.curves import Comparison, History

METRICS = (  # bpnet.report.curves.CHOICES, repeated to keep `--help` fast
    *("accuracy", "loss", "mae", "mse", "validation_accuracy", "train_accuracy"),
    *("validation_loss", "train_loss", "validation_mae", "train_mae"),
    *("validation_mse", "train_mse", "learning_rate"),
)


@dataclass(frozen=True)
class Plan:
    """Hold a network that is ready to train.

    Args:
        name: what charts call it.
        source: the config that was given.
        model: with its starting weights.
        dataset: what it learns from.
    """

    name: str
    source: str
    model: Model
    dataset: Dataset


@click.command(
    cls=BpnetCommand,
    examples={
        "curves neuron neuron-cross-entropy": "two costs, one bad start",
        "curves last": "the newest run",
        "curves last --metric loss": "another measure",
    },
)
@click.argument(
    "sources",
    type=A_CONFIG_OR_RUN,
    nargs=-1,
    required=True,
    metavar="CONFIG|PRESET|EXAMPLE|RUN_DIR…",
)
@click.option(
    "--metric",
    type=click.Choice(METRICS),
    metavar="METRIC",
    help="accuracy or loss, and where targets are numbers mae or mse, each with validation_ or "
    "train_ before it or without, or learning_rate. "
    "Default: the first that all have of validation and training accuracy, validation and "
    "training loss.",
)
@with_settings
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Epochs of every config.")
@data_dir
@click.option(
    "-o",
    "--output",
    "picture",
    type=PathType(".png"),
    metavar="PICTURE.png",
    help="Also draw the curves there; needs matplotlib (pip install matplotlib).",
)
@as_json
def command(
    sources: tuple[str, ...],
    metric: str | None,
    overrides: tuple[str, ...],
    epochs: int | None,
    data_dir: Path | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Train each config, and show all learning curves in one chart.

    Each is trained in its own run directory, as by `bpnet train`, but the test set is not read;
    --set and --epochs apply to all configs. A run directory given instead is only read. Try
    `bpnet curves neuron neuron-cross-entropy`: two costs, one bad start.
    """
    from bpnet.config.settings import Override
    from bpnet.report import curves

    sources = tuple(str(named_unless_config(source, note)) for source in sources)
    if picture is not None:
        curves.check_picture(picture)
    if epochs is not None:
        overrides = (*overrides, Override("train.epochs", epochs, "--epochs"))
    found = prepare(sources, overrides, data_dir)
    metric = curves.choose_metric(metric, {one.name: offered(one) for one in found})
    histories = [train(one, data_dir) if isinstance(one, Plan) else one for one in found]
    comparison = curves.compare(histories, metric)
    if picture is not None:
        curves.draw_picture(comparison, picture)
    if as_json:
        show_json(document(histories, comparison, picture))
        return
    width = shutil.get_terminal_size().columns  # 80 where the output goes elsewhere
    show(*comparison.text(width).split("\n"))
    if any(isinstance(one, Plan) for one in found):
        show("", "next:")
        show(f"  {command_line('curves', *(history.run_dir for history in histories))}")


def prepare(
    sources: Sequence[str], overrides: tuple[str, ...], data_dir: Path | None
) -> list[Plan | History]:
    """Read all runs and prepare all networks, so that errors show before any training."""
    from bpnet.report.curves import read_history

    names = distinct([title(source) for source in sources])
    if overrides and all(map(is_run, sources)):
        raise click.UsageError("--set and --epochs change configs; only runs were given.")
    return [
        read_history(name, Path(source))
        if is_run(source)
        else make_plan(name, source, overrides, data_dir)
        for name, source in zip(names, sources, strict=True)
    ]


def is_run(source: str) -> bool:
    """Return whether a run directory is meant: a directory whose name is not a preset's."""
    return what_is_at(Path(source)) == DIRECTORY and source not in preset_paths() | example_paths()


def title(source: str) -> str:
    """Return what charts call a run or config."""
    return Path(os.path.realpath(source)).name if is_run(source) else Path(source).stem


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names, with a number after each repeated one."""
    return [
        f"{name} ({names[: place + 1].count(name)})" if name in names[:place] else name
        for place, name in enumerate(names)
    ]


def make_plan(name: str, source: str, overrides: tuple[str, ...], data_dir: Path | None) -> Plan:
    """Prepare the network of a config for training."""
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.config.loading import load_config
    from bpnet.data.load import load_dataset
    from bpnet.data.split import samples_per_epoch
    from bpnet.training.run import prepare_model
    from bpnet.training.shard_sizes import check_shard_sizes

    config = load_config(source, overrides)
    dataset = load_dataset(config, data_dir, progress=DownloadProgress())
    model = prepare_model(config, dataset)
    check_shard_sizes(model, samples_per_epoch(config, dataset))
    return Plan(name, source, model, dataset)


def offered(one: Plan | History) -> set[str]:
    """Return the metrics that a run has recorded or will record."""
    from bpnet.report.curves import will_offer

    return will_offer(one.model, one.dataset) if isinstance(one, Plan) else one.offers()


def train(plan: Plan, data_dir: Path | None) -> History:
    """Train a network, and read its history."""
    from bpnet.cli.brief_display import BriefDisplay
    from bpnet.cli.train import train_anew
    from bpnet.report.curves import read_history

    note(f"{plan.name} …")
    display = BriefDisplay(plan.model.config.train.epochs)
    run_dir = train_anew(plan.model, plan.dataset, plan.source, data_dir, display)
    return read_history(plan.name, run_dir)


def document(
    histories: Sequence[History], comparison: Comparison, picture: Path | None
) -> dict[str, Any]:
    """Return everything in plain values, each loss in its own unit."""
    metric = comparison.metric
    return {
        "metric": metric,
        "label": comparison.label,
        "note": comparison.note or None,
        "runs": [
            {
                "name": history.name,
                "run_dir": str(history.run_dir),
                "loss": history.cost,
                "epochs": history.epochs,
                "values": history.values(metric),
            }
            for history in histories
        ],
        "picture": None if picture is None else str(picture.absolute()),
    }
