"""Keep what has come of each run of a sweep: a line of JSON each, none twice."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bpnet.config.values import LARGEST_REAL
from bpnet.errors import CheckpointError
from bpnet.files import write_text
from bpnet.model.run_files import read_text
from bpnet.sweep.settings import GOALS
from bpnet.training.saving import writing

JOURNAL = "sweep.jsonl"
FINISHED, STOPPED, DIVERGED, FAILED = STATES = ("finished", "stopped", "diverged", "failed")

History = Sequence[Sequence[float | None]]  # after each epoch the values of GOALS, in that order


@dataclass(frozen=True)
class Row:
    """Hold what has come of a run.

    Args:
        trial: the number of its combination.
        seed: of the run.
        settings: what differs from other trials.
        state: one of `STATES`; a stopped run was worse than others after some epochs.
        run_dir: the name of its directory within the sweep's.
        error: why it diverged or failed.
        epochs: how many it was trained.
        best_epoch: the one by which it counts.
        validation_accuracy: of that epoch, a fraction.
        validation_loss: likewise, mean nats per sample.
        history: both after each epoch.
        seconds: how long it has trained.
    """

    trial: int
    seed: int
    settings: Mapping[str, str]
    state: str
    run_dir: str
    error: str | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    validation_accuracy: float | None = None
    validation_loss: float | None = None
    history: History = ()
    seconds: float | None = None

    @property
    def is_final(self) -> bool:
        """Return whether the run would end in the same way again."""
        return self.state != FAILED

    def has_come_to(self, epoch: int) -> bool:
        """Return whether the run needs no more training to be known after an epoch."""
        is_over = self.state in (FINISHED, DIVERGED)
        return is_over or (self.epochs is not None and self.epochs >= epoch)

    def curve(self, goal: str) -> list[float | None]:
        """Return the goal after each epoch."""
        return [epoch[GOALS.index(goal)] for epoch in self.history]


def best_epoch(history: History) -> int:
    """Return the epoch whose weights `best.npz` holds: by accuracy, then loss; the first of equals.

    Args:
        history: of one epoch or more.
    """

    def reached(epoch: Sequence[float | None]) -> tuple[float, float]:
        accuracy, loss = epoch
        return accuracy or 0.0, -math.inf if loss is None else -loss

    return 1 + max(range(len(history)), key=lambda number: reached(history[number]))


def with_history(row: Row, history: History) -> Row:
    """Return a row with what follows from the history of its run."""
    best = best_epoch(history) if history else None
    accuracy, loss = (None, None) if best is None else history[best - 1]
    return replace(
        row,
        epochs=len(history) or None,
        best_epoch=best,
        validation_accuracy=accuracy,
        validation_loss=loss,
        history=history,
    )


class Journal:
    """Hold the rows of a sweep, and write them to its folder.

    Where the last line is torn, as a copy that was broken off leaves it, it counts as missing: its
    run is looked at again.

    Args:
        folder: of the sweep.

    Raises:
        CheckpointError: the file cannot be read, or another line is not that of a sweep's run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self.rows: dict[tuple[int, int], Row] = {}
        self.is_torn = False
        text = read_text(self.path) if self.path.exists() else ""
        lines = text.splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                row = _row(json.loads(line))
            except (ValueError, RecursionError) as error:
                is_cut = isinstance(error, json.JSONDecodeError) or not text.endswith("\n")
                self.is_torn = is_cut and number == len(lines)
                if not self.is_torn:
                    raise self._damaged(number, error) from error
            else:
                self.rows[row.trial, row.seed] = row

    def _damaged(self, number: int, error: Exception) -> CheckpointError:
        return CheckpointError(
            "a line is not that of a sweep's run",
            where=f"{self.path}:{number}",
            found=error,
            hint="remove this line: what it told is read from its run again",
        )

    def add(self, row: Row) -> None:
        """Write a row, in place of the one that the run had before.

        The file is replaced in one step: whatever ends the program, it holds whole lines.

        Raises:
            CheckpointError: the disk is full or cannot be written.
        """
        self.rows[row.trial, row.seed] = row
        lines = [json.dumps(asdict(one), allow_nan=False) for one in self.rows.values()]
        with writing("the sweep's results", self.path):
            write_text(self.path, "".join(f"{line}\n" for line in lines))


def _row(record: Any) -> Row:
    """Return the row that a line holds.

    Raises:
        ValueError: it holds anything else.
    """
    if not isinstance(record, dict):
        raise ValueError("no object")
    wrong = [key for key, fits in FIELDS.items() if key not in record or not fits(record[key])]
    if wrong or len(record) > len(FIELDS):
        raise ValueError(f"`{wrong[0]}` is missing or wrong" if wrong else "unknown keys")
    row = Row(**record)
    if row != with_history(row, row.history):
        raise ValueError("its values are not those of its `history`")
    return row


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_REAL


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_settings(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(epoch, list)
        and len(epoch) == len(GOALS)
        and all(map(_or_none(_is_number), epoch))
        for epoch in value
    )


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


FIELDS: dict[str, Callable[[Any], bool]] = {
    "trial": _is_whole,
    "seed": _is_whole,
    "settings": _are_settings,
    "state": lambda value: value in STATES,
    "run_dir": lambda value: _is_text(value) and Path(value).name == value,
    "error": _or_none(_is_text),
    "epochs": _or_none(_is_whole),
    "best_epoch": _or_none(_is_whole),
    "validation_accuracy": _or_none(_is_number),
    "validation_loss": _or_none(_is_number),
    "history": _is_history,
    "seconds": _or_none(_is_number),
}
