"""Keep what has come of each run of a sweep: a line of JSON each, none twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bpnet.errors import CheckpointError
from bpnet.files import write_text
from bpnet.model.run_files import read_metrics
from bpnet.training.saving import writing

JOURNAL = "sweep.jsonl"
FINISHED, STOPPED, DIVERGED, FAILED = STATES = ("finished", "stopped", "diverged", "failed")


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
        curve: the goal after each epoch.
        seconds: how long it has trained.
    """

    trial: int
    seed: int
    settings: dict[str, str]
    state: str
    run_dir: str
    error: str | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    validation_accuracy: float | None = None
    validation_loss: float | None = None
    curve: Sequence[float] = ()
    seconds: float | None = None

    @property
    def is_final(self) -> bool:
        """Return whether the run would end in the same way again."""
        return self.state != FAILED

    def has_come_to(self, epoch: int) -> bool:
        """Return whether the run needs no more training to be known after an epoch."""
        is_over = self.state in (FINISHED, DIVERGED)
        return is_over or (self.epochs is not None and self.epochs >= epoch)


class Journal:
    """Hold the rows of a sweep, and write them to its folder.

    Args:
        folder: of the sweep.

    Raises:
        CheckpointError: the file cannot be read, or is not that of a sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self.rows: dict[tuple[int, int], Row] = {}
        if self.path.exists():
            for record in read_metrics(self.path):
                row = self._read(record)
                self.rows[row.trial, row.seed] = row

    def _read(self, record: dict[str, Any]) -> Row:
        try:
            return Row(**record)
        except TypeError as error:
            raise CheckpointError(
                "a line is not that of a sweep's run", where=self.path, found=error
            ) from error

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
