"""Be the process of one run: read a task from standard input, and write its outcome to output."""

from __future__ import annotations

import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bpnet.errors import BpnetError, DivergedError, shorten
from bpnet.library.begin_run import Wanted, begun
from bpnet.library.run_start import StartObserver
from bpnet.locks import is_held
from bpnet.model.run_files import LAST, LOCK, RESULT, RUN_FILES, read_object
from bpnet.runs.note import read_note, write_note
from bpnet.sweep.journal import DIVERGED, FAILED, FINISHED, STOPPED
from bpnet.sweep.permit import SILENT, PermitWatch
from bpnet.sweep.task import INTERRUPTED, LONGEST, Outcome, Task
from bpnet.training.observer import Observer
from bpnet.training.run import finish_run

ANSWERS = 1  # standard output: a pipe that leads to the sweep
INTERVAL = 0.1  # seconds between two looks for a wish to stop
PATIENCE = 600.0  # seconds for a process that still holds the run: it stops after its step
TOLD = ("test_accuracy", "test_loss", "test_errors", "test_samples", "test_mae", "test_mse")


class StopWish:
    """Return whether a run should end: the sweep ends, its process is gone, or a signal came.

    Args:
        permit: the file that is there as long as the run may go on.
    """

    def __init__(self, permit: Path) -> None:
        self.watch = PermitWatch(permit)
        self.is_wished = False
        self._looked = 0.0

    def __call__(self) -> bool:
        """Return whether the run should stop."""
        now = time.monotonic()
        if not self.is_wished and now - self._looked > INTERVAL:
            self._looked = now
            self.is_wished = self.watch.has_ended() or _is_alone()
        return self.is_wished

    def receive(self, number: int, frame: object) -> None:
        """Note a signal."""
        self.is_wished = True


def _is_alone() -> bool:
    """Return whether the process that waits for this one has ended; its pipe is then closed."""
    if sys.platform == "win32":  # only sockets can be looked at there
        return False
    ready, _, _ = select.select([0], [], [], 0)
    return bool(ready) and not os.read(0, 1)


class RestReachedError(Exception):
    """Leave the loop behind the epoch after which a run rests."""


class RestAfter(Observer):
    """Let a run rest after an epoch.

    Args:
        epoch: this one; None never.
    """

    def __init__(self, epoch: int | None) -> None:
        self.epoch = epoch

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Leave the loop where the epoch is reached; it was saved."""
        if record["epoch"] == self.epoch:
            raise RestReachedError


def main() -> None:
    """Do a task."""
    task = Task(**json.loads(_first_line()))
    wish = StopWish(Path(task.permit))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, wish.receive)
    outcome = outcome_of(task, wish)
    if outcome["state"] == INTERRUPTED and wish.watch.is_silent:
        outcome["error"] = SILENT
    answer = json.dumps(outcome)
    with os.fdopen(os.dup(ANSWERS), "w", encoding="utf-8") as pipe:
        pipe.write(answer)


def outcome_of(task: Task, wish: Callable[[], bool]) -> Outcome:
    """Do a task, and return what has come of it; nothing is raised."""
    try:
        return train_until(task, wish)
    except DivergedError as error:
        return {"state": DIVERGED, "error": shorten(error.what, LONGEST)}
    except BpnetError as error:
        run_dir, where = Path(task.run_dir), error.parts["where"]
        if where == run_dir / LAST:  # it fails at every try
            where = f"{LAST}: to begin the run anew, remove {run_dir}"
        details = [*error.details, error.parts["found"], where]
        text = "; ".join([error.what, *(str(one) for one in details if one is not None)])
        return {"state": FAILED, "error": shorten(text, LONGEST)}
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return {"state": FAILED, "error": shorten(text, LONGEST)}


def _first_line() -> bytes:
    """Return a line of standard input; nothing behind it is read, so its end can be seen."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def train_until(task: Task, wish: Callable[[], bool]) -> Outcome:
    """Train a run, or go on with it, until its epoch, its end or a wish to stop.

    Raises:
        BpnetError: as `bpnet train` does.
    """
    run_dir = Path(task.run_dir)
    if wish() or not _is_free(run_dir, wish):
        return {"state": INTERRUPTED, "error": None}
    rest = RestAfter(task.until)
    with begun(_wanted(task, run_dir), StartObserver()) as (trainer, dataset):
        if read_note(run_dir) is None:  # else it is there, or the user has written another one
            write_note(run_dir, task.note)
        trainer.observer = rest
        is_done = trainer.progress.finished
        if not is_done and (task.until is None or trainer.progress.epoch < task.until):
            try:
                is_done = trainer.run(wish)
            except RestReachedError:
                is_done = trainer.progress.finished
                if trainer.config.checkpoint.every > 1:  # then this epoch may not be saved yet
                    trainer.save()
        epochs = trainer.progress.epoch
        if not is_done and (task.until is None or epochs < task.until):
            return {"state": INTERRUPTED, "error": None}
        is_whole = is_done and (task.until is None or epochs <= task.until)
        outcome: Outcome = {"state": FINISHED if is_whole else STOPPED, "error": None}
        outcome |= {"seconds": trainer.progress.seconds, "epochs": epochs}
        outcome |= {"history": brief(trainer.progress.history[: task.until])}
        if task.scores:
            if not (run_dir / RESULT).is_file():  # the test set is read once
                finish_run(trainer, dataset)
            stored = read_object(run_dir / RESULT)
            outcome |= {key: stored.get(key) for key in TOLD}
    return outcome


def brief(history: Sequence[Mapping[str, Any]]) -> list[list[float | None]]:
    """Return accuracy and loss on the held-out samples after each epoch."""
    keys = ("validation_accuracy", "validation_loss")
    return [[_finite(record[key]) for key in keys] for record in history]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _is_free(run_dir: Path, wish: Callable[[], bool]) -> bool:
    """Wait until no other process trains in a directory; return whether none does.

    One whose cluster was lost still finishes its step and saves.
    """
    give_up = time.monotonic() + PATIENCE
    while is_held(run_dir / LOCK) and time.monotonic() < give_up:
        if wish():
            return False
        time.sleep(INTERVAL)
    return True


def _wanted(task: Task, run_dir: Path) -> Wanted:
    """Return what to begin: the run in the directory, or a new one where it has no checkpoint."""
    place = None if task.data_dir is None else Path(task.data_dir)
    if (run_dir / LAST).is_file():
        return Wanted(overrides=task.overrides, resume=run_dir, data_dir=place, mirror=task.mirror)
    for name in RUN_FILES:  # of a run that was killed before its first checkpoint
        (run_dir / name).unlink(missing_ok=True)
    return Wanted(task.config, task.overrides, run_dir=run_dir, data_dir=place, mirror=task.mirror)


if __name__ == "__main__":
    main()
