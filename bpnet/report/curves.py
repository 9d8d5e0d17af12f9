"""Compare runs by the learning curves that they have in common, in text and in a picture."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.errors import BpnetError, CheckpointError, ConfigError, DataError
from bpnet.files import atomic_write, demand_place
from bpnet.model.model import Model
from bpnet.model.run_files import CONFIG, METRICS, demand_file, read_text
from bpnet.packages import demand_packages
from bpnet.report.text_chart import FEWEST, WIDTH, Curve, draw_chart

LABELS = {  # what metrics.jsonl holds, the most telling first
    "validation_accuracy": "validation accuracy, %",
    "train_accuracy": "training accuracy over each epoch, %",
    "validation_loss": "validation loss",
    "train_loss": "training loss over each epoch",
    "validation_mae": "validation mean absolute error",
    "train_mae": "training mean absolute error after each epoch",
    "validation_mse": "validation mean squared error",
    "train_mse": "training mean squared error after each epoch",
    "learning_rate": "learning rate at the end of each epoch",
}
CHOICES = ("accuracy", "loss", "mae", "mse", *LABELS)  # the first four leave the samples open
OF_NUMBERS = ("mae", "mse")
SUFFIXES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class History:
    """Hold what a run recorded after each of its epochs.

    Args:
        name: what charts call the run.
        run_dir: where it is.
        cost: what its loss measures.
        records: the objects of `metrics.jsonl`, at least one.
    """

    name: str
    run_dir: Path
    cost: str
    records: Sequence[Mapping[str, Any]]

    @property
    def epochs(self) -> list[int]:
        """Return the numbers of the epochs."""
        return [int(record["epoch"]) for record in self.records]

    def values(self, metric: str) -> list[float]:
        """Return one number per epoch."""
        return [record[metric] for record in self.records]

    def offers(self) -> set[str]:
        """Return the metrics for which the run has recorded a number after every epoch."""
        return {
            metric
            for metric in LABELS
            if all(is_number(record.get(metric)) for record in self.records)
        }


def read_history(name: str, run_dir: Path) -> History:
    """Read what a run has recorded so far.

    Raises:
        CheckpointError: the directory holds no run, or none of its epochs is complete.
    """
    path = run_dir / METRICS
    try:
        records = [json.loads(line) for line in read_text(path).splitlines()]
        epochs = [int(record["epoch"]) for record in records]
        demand_file(run_dir / CONFIG)
        config = load_config(str(run_dir / CONFIG))
    except BpnetError as error:
        found = [error.what, *error.details]
        raise _not_read(run_dir, [*found, *filter(None, [error.parts["found"]])]) from error
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _not_read(run_dir, str(error)) from error
    if not epochs:
        raise CheckpointError(
            "the run has completed no epoch yet", where=path, hint="resume it first"
        )
    return History(name, run_dir.absolute(), cost_of(config), records)


def _not_read(run_dir: Path, found: object) -> CheckpointError:
    return CheckpointError(
        "the learning curve cannot be read",
        where=run_dir,
        expected=f"a run directory of `bpnet train`, with {METRICS} and {CONFIG} in it",
        found=found,
    )


def is_number(value: object) -> bool:
    """Return whether a value can be drawn; JSON may hold NaN and numbers of hundreds of digits."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def cost_of(config: Config) -> str:
    """Return what distinguishes losses that cannot be compared."""
    smoothing = config.train.label_smoothing
    return config.train.loss + (f", smoothing {smoothing:g}" if smoothing else "")


def will_offer(model: Model, dataset: Dataset) -> set[str]:
    """Return the metrics that a run of this network will record."""
    is_classes = dataset.train.targets.ndim == 1 or model.network.loss.answers_questions
    validates = model.config.data.validation > 0
    return {
        metric
        for metric in LABELS
        if (is_classes or not metric.endswith("accuracy"))
        and (not is_classes or not metric.endswith(OF_NUMBERS))
        and (validates or not metric.startswith("validation"))
    }


def choose_metric(wanted: str | None, offers: Mapping[str, Collection[str]]) -> str:
    """Return the wanted metric, or the most telling one that all runs have.

    Held-out samples tell more than those that were trained on, and accuracy more than loss.

    Args:
        wanted: one of `CHOICES`, or None.
        offers: the metrics of each run, by its name.

    Raises:
        ConfigError: a run lacks the wanted one, or they have none in common.
    """
    candidates = [metric for metric in LABELS if wanted is None or metric.endswith(wanted)]
    for metric in candidates:
        if all(metric in offered for offered in offers.values()):
            return metric
    what = wanted or "metric"
    lacking = [name for name, offered in offers.items() if not {*candidates} & {*offered}]
    others = [metric for metric in LABELS if lacking and metric in offers[lacking[0]]]
    raise ConfigError(
        f"{lacking[0]} has no {what}" if lacking else f"there is no {what} that all runs have",
        where="--metric" if wanted else METRICS,
        expected=f"one of {', '.join(others)}" if others else "a number after every epoch",
        found=wanted,
    )


@dataclass(frozen=True)
class Comparison:
    """Hold the curves of several runs in units in which they can be compared.

    Args:
        metric: a key of `metrics.jsonl`.
        label: what the vertical axis shows.
        note: what a reader must know about the units; empty if there is nothing.
        curves: one per run.
    """

    metric: str
    label: str
    note: str
    curves: Sequence[Curve]

    def text(self, width: int = WIDTH) -> str:
        """Return chart and note for a terminal of so many columns."""
        chart = draw_chart(self.curves, self.label, width)
        return "\n".join(
            [chart, *(["", *textwrap.wrap(self.note, max(width, FEWEST))] if self.note else [])]
        )


def compare(histories: Sequence[History], metric: str) -> Comparison:
    """Return the curves of a metric that all runs have.

    Losses that measure different things have no common unit; each is then divided by its first
    value, so the curves show only how fast each of them falls.
    """
    costs = {history.cost for history in histories}
    is_loss = metric.endswith("loss")
    if not is_loss or len(costs) == 1:
        curves = [_curve(history, metric) for history in histories]
        label = LABELS[metric] + (f": {costs.pop()}" if is_loss else "")
        return Comparison(metric, label, "", curves)
    note = "Losses in different units: each is divided by its own first value."
    label = f"{LABELS[metric]}, relative to that of the first epoch"
    return Comparison(metric, label, note, [_part_of_first(one, metric) for one in histories])


def _curve(history: History, metric: str) -> Curve:
    """Return a curve as it was recorded; accuracies are percentages."""
    values = history.values(metric)
    end = f"after epoch {history.epochs[-1]}"
    if metric.endswith("accuracy"):
        percentages = [100 * value for value in values]
        return Curve(history.name, history.epochs, percentages, f"{percentages[-1]:.2f} % {end}")
    return Curve(history.name, history.epochs, values, f"{values[-1]:.4g} {end}")


def _part_of_first(history: History, metric: str) -> Curve:
    """Return a curve divided by its first value, or unchanged if that is 0."""
    values = history.values(metric)
    parts = [value / (values[0] or 1.0) for value in values]
    ending = f"ends at {parts[-1]:.4f} ({history.cost} {values[-1]:.3g} of {values[0]:.3g})"
    return Curve(history.name, history.epochs, parts, ending)


def check_picture(path: Path) -> None:
    """Make sure, before anything is trained, that a picture could be drawn there.

    Raises:
        ConfigError: matplotlib is missing, or the name has no known suffix.
        DataError: there is no such folder.
    """
    if path.suffix.lower() not in SUFFIXES:
        expected = "a name that ends in " + ", ".join(SUFFIXES)
        raise ConfigError(
            "this is not the name of a picture", where="-o", expected=expected, found=path
        )
    demand_place(path, "picture")
    demand_packages("drawing a picture", "-o", "matplotlib")


def draw_picture(comparison: Comparison, path: Path) -> None:
    """Draw the curves with matplotlib and put the picture in its place in one step.

    Raises:
        DataError: the file cannot be written.
    """
    figure = import_module("matplotlib.figure").Figure(
        figsize=(8, 5), dpi=120, layout="constrained"
    )
    axes = figure.add_subplot()
    for curve in comparison.curves:
        marker = "o" if len(curve.epochs) <= 50 else ""
        axes.plot(curve.epochs, curve.values, marker=marker, label=f"{curve.name}: {curve.ending}")
    axes.set_xlabel("epoch")
    axes.set_title(comparison.label, loc="left")  # a long one beside the axis would be cut off
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center")
    try:
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:].lower())
    except OSError as error:
        raise DataError(
            "the picture cannot be written",
            where=path,
            found=error.strerror or str(error),
            hint="choose another place with -o",
        ) from error
