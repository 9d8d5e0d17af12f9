"""Show what sets runs apart: settings, environment, results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.checkpoints import CHECKPOINT
from bpnet.cli.command import BpnetCommand
from bpnet.cli.narrow import fitted_text
from bpnet.cli.options import as_json
from bpnet.cli.output import show, show_json
from bpnet.cli.runs_text import duration, when
from bpnet.cli.tables import show_table
from bpnet.errors import shorten
from bpnet.library.figures import loss_text, percent

if TYPE_CHECKING:
    from bpnet.runs.comparison import Comparison
    from bpnet.runs.entry import RunEntry

LONGEST = 60  # characters of a value in a table


@click.command(
    name="compare",
    cls=BpnetCommand,
    short_help="Show what differs between runs.",
    examples={"runs compare last best": "the newest run and the best one"},
)
@click.argument("run_dirs", nargs=-1, required=True, type=CHECKPOINT, metavar="RUN_DIR RUN_DIR…")
@as_json
def command(run_dirs: tuple[Path, ...], as_json: bool) -> None:
    """Show in which settings, in what environment and by how much in score runs differ.

    Test accuracies are compared with the first run's, with the 95 % interval of the difference
    (Newcombe's, of two Wilson intervals). It treats both test sets as independent: runs scored on
    the same pictures differ more surely than it says.
    """
    from bpnet.runs.comparison import compare_runs

    if len(run_dirs) < 2:
        raise click.UsageError("name at least two runs; `last` and `best` stand for runs, too.")
    comparison = compare_runs(run_dirs)
    if as_json:
        show_json(document(comparison))
    else:
        show_text(comparison)


def document(comparison: Comparison) -> dict[str, Any]:
    """Return everything in plain values."""
    from bpnet.runs.table import row_of

    runs = [
        row_of(run)
        | {
            "test_accuracy_low": None if bounds is None else bounds[0],
            "test_accuracy_high": None if bounds is None else bounds[1],
        }
        for run, bounds in zip(comparison.runs, comparison.intervals, strict=True)
    ]
    return {
        "runs": runs,
        "settings": dict(comparison.settings),
        "environment": dict(comparison.environment),
        "differences": [
            {
                "run_dir": runs[one.run]["run_dir"],
                "than": runs[one.over]["run_dir"],
                "accuracy": one.accuracy,
                "low": one.low,
                "high": one.high,
                "clear": one.is_clear,
            }
            for one in comparison.advantages
        ],
    }


def show_text(comparison: Comparison) -> None:
    """Print results, settings and environment, one column per run, and the differences."""
    names = names_of(comparison.runs)
    show("results")
    results = [outcome(run) for run in comparison.runs]
    for place, bounds in enumerate(comparison.intervals):
        if bounds is not None:
            low, high = (f"{100 * bound:.2f}" for bound in bounds)
            results[place]["test accuracy"] += f" ({low}–{high})"
    keys = [key for key in results[0] if any(one[key] != "–" for one in results)]
    show_table(["", *names], [[key, *(one[key] for one in results)] for key in keys])
    for title, values in (
        ("settings", comparison.settings),
        ("environment", comparison.environment),
    ):
        show("", f"{title}, where different" if values else f"{title}: no difference")
        rows = [[key, *map(shown, row)] for key, row in values.items()]
        if rows:
            show_table(["", *names], rows)
    if comparison.advantages:
        show("", *fitted_text(f"test accuracy, compared with {names[0]}"))
    for one in comparison.advantages:
        low, high = (f"{100 * bound:+.2f}" for bound in (one.low, one.high))
        clear = "a difference" if one.is_clear else "no clear difference"
        points = f"{100 * one.accuracy:+.2f} points ({low} to {high})"
        show(*fitted_text(f"  {names[one.run]}  {points}: {clear}"))


def names_of(runs: Sequence[RunEntry]) -> list[str]:
    """Return what the columns are called: as little of each path as tells them apart."""
    short = [run.path.name for run in runs]
    longer = [f"{run.path.parent.name}/{run.path.name}" for run in runs]
    for names in (short, longer):
        if len(set(names)) == len(names):
            return names
    return [str(run.path) for run in runs]


def outcome(run: RunEntry) -> dict[str, str]:
    """Return what a run came to, by the words for it; – stands for what is not known."""
    scores: Any = run.scores

    def of(name: str) -> str:
        value = scores.get(name)
        if value is None:
            return "–"
        return percent(value) if name.endswith("accuracy") else loss_text(value)

    return {
        "state": run.state,
        "epochs": "–" if run.epochs is None else f"{run.epochs} of {run.planned or '?'}",
        "best epoch": "–" if run.best_epoch is None else str(run.best_epoch),
        "train loss": of("train_loss"),
        "train accuracy": of("train_accuracy"),
        "validation loss": of("validation_loss"),
        "validation accuracy": of("validation_accuracy"),
        "validation mse": of("validation_mse"),
        "test loss": of("test_loss"),
        "test accuracy": of("test_accuracy"),
        "test mse": of("test_mse"),
        "started": when(run.started),
        "took": duration(run.seconds),
        "note": shown(run.note),
    }


def shown(value: object) -> str:
    """Return a value in one short line."""
    if value is None or value == "":
        return "–"
    return shorten(", ".join(str(value).split("\n")), LONGEST)
