"""Show what a sweep will train, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.cli.options import command_line
from bpnet.cli.output import note, show, show_json
from bpnet.cli.seeds_text import spread_text
from bpnet.cli.tables import show_table
from bpnet.errors import counted
from bpnet.runs.seeds import spread_of
from bpnet.sweep.goal import Goal

if TYPE_CHECKING:
    from bpnet.sweep.ranking import Standing
    from bpnet.sweep.settings import Sweep
    from bpnet.sweep.task import Outcome
    from bpnet.sweep.trials import Trial

MOST_SHOWN = 30  # trials in the table


def show_plan(sweep: Sweep, trials: Sequence[Trial], *, as_json: bool) -> None:
    """Print which trials a sweep has, and with which seeds."""
    seeds = list(sweep.settings.seeds)
    if as_json:
        plan = [{"trial": one.number, "settings": one.settings} for one in trials]
        show_json({"method": sweep.settings.method, "seeds": seeds, "trials": plan})
        return
    headers = ("trial", "epochs", *sweep.varied)
    rows = [
        [str(one.number), str(one.epochs), *(_in_line(text) for text in one.settings.values())]
        for one in trials
    ]
    show_table(headers, rows, right=(0, 1))
    runs = counted(len(trials) * len(seeds), "run", "runs")
    note(f"{runs}: {counted(len(trials), 'trial', 'trials')}, seeds {', '.join(map(str, seeds))}")


def document(
    sweep: Sweep,
    folder: Path,
    standings: Sequence[Standing],
    best: Standing | None,
    scores: Sequence[Outcome],
) -> dict[str, Any]:
    """Return all that came of a sweep in plain values."""
    rows = sorted((row for one in standings for row in one.rows), key=lambda r: (r.trial, r.seed))
    return {
        "folder": str(folder),
        "method": sweep.settings.method,
        "goal": sweep.settings.goal,
        "runs": [asdict(row) | {"run_dir": str(folder / row.run_dir)} for row in rows],
        "trials": [
            {
                "trial": one.trial.number,
                "settings": dict(one.trial.settings),
                "runs": len(one.rows),
                "is_complete": one.is_complete,
                sweep.settings.goal: None if one.spread is None else asdict(one.spread),
            }
            for one in standings
        ],
        "chosen": None if best is None else _chosen(best, folder, scores),
    }


def _chosen(best: Standing, folder: Path, scores: Sequence[Outcome]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "trial": best.trial.number,
        "settings": dict(best.trial.settings),
        "run_dirs": [str(folder / row.run_dir) for row in best.rows],
    }
    for key in ("test_accuracy", "test_loss"):
        spread = spread_of([one.get(key) for one in scores])
        found[key] = None if spread is None else asdict(spread)
    return found


def show_result(
    sweep: Sweep,
    folder: Path,
    standings: Sequence[Standing],
    best: Standing | None,
    scores: Sequence[Outcome],
    options: Sequence[object],
) -> None:
    """Print the trials, the best first, the test score of that one, and commands to try next."""
    spreads = ("± s.e.", "s.d.") if len(sweep.settings.seeds) > 1 else ()
    headers = ("trial", *sweep.varied, Goal(sweep.settings).label, *spreads, "runs", "epochs", "")
    rows = [_cells(sweep, one) for one in standings[:MOST_SHOWN]]
    numbers = [0, *range(1 + len(sweep.varied), len(headers) - 1)]
    show_table(headers, rows, right=numbers)
    if len(standings) > MOST_SHOWN:
        note(f"{len(standings) - MOST_SHOWN:,} other trials are in {folder / 'sweep.jsonl'}")
    if best is None:
        return
    show("", *result_lines(best, scores))
    show("", "next:")
    show(f"  {command_line('runs', folder, '--sort', 'validation')}")
    show(f"  {command_line('eval', folder / best.rows[0].run_dir, *_data(options))}")


def result_lines(best: Standing | None, scores: Sequence[Outcome]) -> list[str]:
    """Return what the chosen trial is, and its score on the test set."""
    if best is None:
        return ["no trial has finished all of its runs"]
    lines = [f"chosen: trial {best.trial.number}, {best.trial.words}"]
    accuracy = spread_of([one.get("test_accuracy") for one in scores])
    loss = spread_of([one.get("test_loss") for one in scores])
    if accuracy is not None:
        lines.append(f"test accuracy {spread_text(accuracy, 100, '.2f', ' %')}")
    elif loss is not None:
        lines.append(f"test loss {spread_text(loss, 1, '.6g', '')}")
    return lines


def _data(options: Sequence[object]) -> list[object]:
    """Return the option that says where data sets lie, if it was given."""
    place = list(options).index("--data-dir") if "--data-dir" in options else None
    return [] if place is None else list(options[place : place + 2])


def _cells(sweep: Sweep, one: Standing) -> list[str]:
    goal, spread, seeds = Goal(sweep.settings), one.spread, len(sweep.settings.seeds)
    values = [goal.text(None if spread is None else spread.mean)]
    if seeds > 1:
        around = None if spread is None else (spread.standard_error, spread.standard_deviation)
        values += map(goal.width, around or (None, None))
    epochs = {row.epochs for row in one.rows if row.epochs is not None}
    states = {row.state for row in one.rows} - {"finished"}
    return [
        str(one.trial.number),
        *(_in_line(text) for text in one.trial.settings.values()),
        *values,
        f"{len(one.rows)}/{seeds}",
        str(max(epochs)) if epochs else "–",
        ", ".join(sorted(states)),
    ]


def _in_line(text: str) -> str:
    return ", ".join(text.split("\n"))


def tell_failed(standings: Sequence[Standing], folder: Path, options: Sequence[object]) -> None:
    """Write to standard error how many runs failed, and which command tries them again."""
    rows = [row for one in standings for row in one.rows]
    failed = sum(row.state == "failed" for row in rows)
    if failed:
        again = command_line("sweep", folder, *options)
        note(f"{counted(failed, 'run', 'runs')} failed; to try again: {again}")
