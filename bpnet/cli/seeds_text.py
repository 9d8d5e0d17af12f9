"""Show the runs of several seeds, and how their scores lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.cli.options import command_line
from bpnet.cli.output import show
from bpnet.cli.runs_text import duration
from bpnet.cli.tables import show_table
from bpnet.library.figures import percent

if TYPE_CHECKING:
    from bpnet.runs.seeds import Spread


def show_seeds(
    folder: Path, runs: Sequence[dict[str, Any]], spreads: dict[str, Spread | None]
) -> None:
    """Print a row for each run, how their scores lie, and commands to try next."""
    if not runs:
        return
    headers = ("seed", "validation", "test", "test loss", "epochs", "took")
    rows = [
        [
            str(run["seed"]),
            _percent(run["validation_accuracy"]),
            _percent(run["test_accuracy"]),
            _loss(run["test_loss"]),
            str(run["epochs"]),
            duration(run["seconds"]),
        ]
        for run in runs
    ]
    show_table(headers, rows, right=range(len(headers)))
    show("")
    accuracy, loss = spreads["test_accuracy"], spreads["test_loss"]
    if accuracy is not None:
        show(f"test accuracy {spread_text(accuracy, 100, '.2f', ' %')}")
    elif loss is not None:
        show(f"test loss {spread_text(loss, 1, '.6g', '')}")
    show("", "next:")
    show(f"  {command_line('runs', folder, '--sort', 'test')}")
    show(f"  {command_line('curves', *(run['run_dir'] for run in runs))}")


def score_text(run: dict[str, Any]) -> str:
    """Return the test score of a run in words."""
    accuracy = run["test_accuracy"]
    return (
        f"loss {_loss(run['test_loss'])}" if accuracy is None else f"accuracy {percent(accuracy)}"
    )


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else percent(fraction)


def _loss(loss: float | None) -> str:
    return "–" if loss is None else f"{loss:.6g}"


def spread_text(spread: Spread, factor: float, form: str, unit: str) -> str:
    """Return mean ± standard error of the mean, and beside it how the single runs lie."""

    def number(value: float, places: str = form) -> str:
        return format(factor * value, places)

    finer = ".3f" if form == ".2f" else form  # an error has a digit more than what it is of
    if spread.standard_error is None or spread.standard_deviation is None:
        return f"{number(spread.mean)}{unit} (a single run)"
    return (
        f"{number(spread.mean)} ± {number(spread.standard_error, finer)}{unit} "
        f"(mean ± standard error of {spread.runs} runs; standard deviation "
        f"{number(spread.standard_deviation)}, from {number(spread.lowest)} to "
        f"{number(spread.highest)}{unit})"
    )
