"""Find the runs below a folder, choose among them, and put them in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import CheckpointError
from bpnet.model.run_files import BEST, LAST, METRICS
from bpnet.runs.entry import RunEntry, read_entry

MARKS = frozenset((LAST, BEST, METRICS))  # any of these files makes a directory a run


@dataclass(frozen=True)
class Listing:
    """Hold the runs below a folder.

    Args:
        folder: which one, absolute.
        runs: in the order of their names.
        others: folders that hold neither a run nor, deeper, one.
    """

    folder: Path
    runs: Sequence[RunEntry]
    others: Sequence[Path]


def list_runs(folder: Path) -> Listing:
    """Describe all runs below a folder, or the one that it is.

    Raises:
        CheckpointError: there is no such folder.
    """
    if (found := what_is_at(folder)) != DIRECTORY:
        raise CheckpointError(
            "there is no folder of runs here", where=folder, expected=DIRECTORY, found=found
        )
    folder = folder.absolute()
    others: list[Path] = []
    runs = [read_entry(path, _name(path, folder)) for path in run_directories(folder, others)]
    return Listing(folder, runs, others)


def run_directories(folder: Path, others: list[Path] | None = None) -> Iterator[Path]:
    """Yield the directories of runs in the order of their names.

    Links are followed to runs, but to no other folders: they may lead in a circle.

    Args:
        folder: where to look; within a run no other is looked for.
        others: receives the folders directly within `folder` that hold no run.
    """
    if is_run(folder):
        yield folder
        return
    for child in _folders(folder):
        found = False
        for path in run_directories(child):
            found = True
            yield path
        if not found and others is not None:
            others.append(child)


def is_run(folder: Path) -> bool:
    """Return whether a directory holds files that only a run leaves."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name in MARKS and not entry.is_dir() for entry in entries)
    except OSError:  # what may not be read is passed over
        return False


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []
    folders = [folder / name for name in found if not name.startswith(".")]
    return [path for path in folders if not path.is_symlink() or is_run(path)]


def _name(path: Path, folder: Path) -> str:
    return path.name if path == folder else path.relative_to(folder).as_posix()


@dataclass(frozen=True)
class Wanted:
    """Say which runs are wanted; what is empty or None leaves all of them.

    Args:
        configs: names of presets or configs.
        datasets: names of data sets.
        seeds: their seeds.
        states: of `bpnet.runs.entry.STATES`.
        word: a part of the note, in small or capital letters.
        min_accuracy: of validation, or of the test where nothing was held out.
    """

    configs: Collection[str] = ()
    datasets: Collection[str] = ()
    seeds: Collection[int] = ()
    states: Collection[str] = ()
    word: str | None = None
    min_accuracy: float | None = None

    def __call__(self, run: RunEntry) -> bool:
        """Return whether a run is one of them."""
        dataset = run.settings.get("data.dataset")
        accuracy = accuracy_of(run)
        return (
            (not self.configs or run.config in self.configs)
            and (not self.datasets or dataset in self.datasets or run.dataset in self.datasets)
            and (not self.seeds or run.seed in self.seeds)
            and (not self.states or run.state in self.states)
            and (self.word is None or self.word.casefold() in (run.note or "").casefold())
            and (
                self.min_accuracy is None
                or (accuracy is not None and accuracy >= self.min_accuracy)
            )
        )


def accuracy_of(run: RunEntry) -> float | None:
    """Return the accuracy on held-out samples, or of the test where none were held out."""
    if run.held_out:
        return run.scores.get("validation_accuracy")
    return run.scores.get("test_accuracy")


def _score(kind: str) -> Callable[[RunEntry], Any]:
    """Return how to sort by accuracy; where targets are numbers, by the mean squared error."""

    def value(run: RunEntry) -> tuple[bool, float] | None:
        accuracy = run.scores.get(f"{kind}_accuracy")
        error = run.scores.get(f"{kind}_mse", run.scores.get(f"{kind}_loss"))
        if accuracy is not None:
            return True, accuracy
        return None if error is None else (False, -error)

    return value


SORT_KEYS: dict[str, tuple[Callable[[RunEntry], Any], bool]] = {  # and whether the largest is first
    "started": (lambda run: run.started and datetime.fromisoformat(run.started), True),
    "name": (lambda run: run.name, False),
    "config": (lambda run: run.config, False),
    "dataset": (lambda run: run.dataset, False),
    "seed": (lambda run: run.seed, False),
    "epochs": (lambda run: run.epochs, True),
    "validation": (_score("validation"), True),
    "test": (_score("test"), True),
    "seconds": (lambda run: run.seconds, True),
    "size": (lambda run: run.bytes, True),
    "state": (lambda run: run.state, False),
    "note": (lambda run: run.note, False),
}


def sort_runs(runs: Sequence[RunEntry], key: str, *, reverse: bool = False) -> list[RunEntry]:
    """Return runs in order: the newest, best or largest first, names from A to Z.

    Runs without a value come last, either way; equal ones stand in the order of their names.

    Args:
        runs: to be sorted.
        key: one of `SORT_KEYS`.
        reverse: turn the order round.
    """
    value, largest_first = SORT_KEYS[key]
    known = [run for run in runs if value(run) is not None]
    unknown = [run for run in runs if value(run) is None]
    known.sort(key=value, reverse=largest_first != reverse)
    return known + unknown
