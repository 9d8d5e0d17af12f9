"""Show a sweep while it is trained: a live table on a terminal, a line for each run elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.cli.output import as_written, note
from bpnet.cli.runs_text import duration
from bpnet.errors import escaped
from bpnet.library.figures import loss_text, percent
from bpnet.model.run_files import LOCK, METRICS
from bpnet.sweep.driver import SweepObserver, run_name
from bpnet.sweep.goal import Goal

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from bpnet.sweep.journal import Row
    from bpnet.sweep.settings import SweepSettings
    from bpnet.sweep.trials import Trial

INTERVAL = 0.5  # seconds between two drawings of the table
AROUND = 6  # lines of the terminal that the table leaves free


class SweepLines(SweepObserver):
    """Write a line for each run that ends.

    Args:
        settings: of the sweep.
    """

    def __init__(self, settings: SweepSettings) -> None:
        self.settings = settings
        self.trials: dict[int, Trial] = {}
        self.rows: dict[tuple[int, int], Row] = {}

    @property
    def runs(self) -> int:
        """Return the number of all runs."""
        return len(self.trials) * len(self.settings.seeds)

    def begins(self, trials: Sequence[Trial], rows: Sequence[Row]) -> None:
        """Write how many runs ended earlier."""
        self.trials = {trial.number: trial for trial in trials}
        self.rows = {(row.trial, row.seed): row for row in rows}
        if rows:
            note(f"{len(rows):,} of {self.runs:,} runs ended before")

    def run_ended(self, row: Row) -> None:
        """Write the line of a run."""
        self.rows[row.trial, row.seed] = row
        what = f"{self.trials[row.trial].words}, seed {row.seed}"
        note(f"run {len(self.rows):,} of {self.runs:,}: {what}: {outcome_text(row)}")


def outcome_text(row: Row) -> str:
    """Return what came of a run in words."""
    if row.epochs is None:
        return f"{row.state}: {row.error}"
    told = f"validation {score_text(row.validation_accuracy, row.validation_loss)}"
    ends = "stopped after" if row.state == "stopped" else "in"
    epochs = "1 epoch" if row.epochs == 1 else f"{row.epochs:,} epochs"
    return f"{told} {ends} {epochs}, {duration(row.seconds)}"


def score_text(accuracy: float | None, loss: float | None) -> str:
    """Return an accuracy, or the loss where there is none."""
    if accuracy is not None:
        return percent(accuracy)
    return "–" if loss is None else f"loss {loss_text(loss)}"


class SweepTable(SweepLines):
    """Draw a table of the best trials so far, which follows the sweep; lines tell what fails.

    Args:
        settings: of the sweep.
        folder: likewise; the metrics in it tell how far runs have come.
        live: what draws.
    """

    def __init__(self, settings: SweepSettings, folder: Path, live: Live) -> None:
        super().__init__(settings)
        self._folder = folder
        self._live = live
        self._under_way: dict[int, list[str]] = {}  # by trial
        self._drawn = 0.0
        self._began = time.monotonic()

    def run_ended(self, row: Row) -> None:
        """Draw the table with the run."""
        self.rows[row.trial, row.seed] = row
        if row.epochs is None:
            what = f"{self.trials[row.trial].words}, seed {row.seed}"
            self._live.console.print(safe(f"{what}: {outcome_text(row)}"), markup=False)
        self._under_way.pop(row.trial, None)
        self._live.update(self.table(), refresh=True)

    def waits(self, runs: Iterable[tuple[Trial, int]]) -> None:
        """Draw the table from time to time."""
        if time.monotonic() - self._drawn > INTERVAL:
            self._drawn = time.monotonic()
            self._under_way = {}
            for trial, seed in runs:
                if (epochs := self._epochs_of(trial.number, seed)) is not None:
                    told = f"seed {seed}: epoch {epochs} of {trial.epochs}"
                    self._under_way.setdefault(trial.number, []).append(told)
            self._live.update(self.table(), refresh=True)

    def _epochs_of(self, trial: int, seed: int) -> int | None:
        """Return how many epochs a run has had that has begun and not ended."""
        run_dir = self._folder / run_name(trial, seed)
        if (trial, seed) in self.rows or not (run_dir / LOCK).exists():
            return None
        try:
            return (run_dir / METRICS).read_bytes().count(b"\n")
        except OSError:  # it has just begun
            return 0

    def table(self) -> Table:
        """Return the table as it is now."""
        from rich.table import Table
        from rich.text import Text

        from bpnet.sweep.ranking import ranked

        standings = ranked(self.settings, list(self.trials.values()), self.rows)
        room = max(3, shutil.get_terminal_size().lines - AROUND)
        ended = f"{len(self.rows):,} of {self.runs:,} runs"
        table = Table(box=None, pad_edge=False, title_justify="left")
        table.title = Text(f"{ended}, {duration(time.monotonic() - self._began)}", "bold")
        goal = Goal(self.settings)
        for header in ("trial", "settings", "runs", goal.label, "state"):
            table.add_column(Text(header), justify="left" if header == "settings" else "right")
        under_way = [one for one in standings if one.trial.number in self._under_way]
        others = [one for one in standings if one.rows and one not in under_way]
        for one in [*others[: max(3, room - len(under_way))], *under_way]:
            mean = goal.text(None if one.spread is None else one.spread.mean)
            states = sorted({row.state for row in one.rows})
            states += self._under_way.get(one.trial.number, [])
            runs = f"{len(one.rows)}/{len(self.settings.seeds)}"
            cells: list[Any] = [str(one.trial.number), one.trial.words, runs, mean]
            table.add_row(*(Text(safe(cell)) for cell in [*cells, ", ".join(states)]))
        return table


def safe(text: str) -> str:
    """Return a text as it can be written to standard error."""
    return as_written(escaped(text), sys.stderr)


@contextmanager
def display_for(settings: SweepSettings, folder: Path) -> Iterator[SweepLines]:
    """Yield what shows a sweep; on a terminal it draws until the block ends, if rich is there."""
    can_draw = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if not can_draw or find_spec("rich") is None:
        yield SweepLines(settings)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=sys.stderr, no_color=bool(os.environ.get("NO_COLOR")))
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield SweepTable(settings, folder, live)
