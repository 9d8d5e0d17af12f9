"""Describe a run by its small files: what was trained, how far, with what result."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bpnet.config.ini import read_ini
from bpnet.disk import NOTHING, what_is_at
from bpnet.errors import BpnetError, CheckpointError
from bpnet.locks import is_held
from bpnet.model.run_files import (
    BEST,
    CONFIG,
    ENVIRONMENT,
    LAST,
    LOCK,
    METRICS,
    RESULT,
    read_metrics,
    read_object,
    read_text,
)
from bpnet.runs.ending import DIVERGED, STOPPED, read_ending
from bpnet.runs.note import read_note

FINISHED, INTERRUPTED, RUNNING, DAMAGED = "finished", "interrupted", "running", "damaged"
IMPORTED = "imported"  # weights that were trained elsewhere
STATES = (FINISHED, INTERRUPTED, RUNNING, STOPPED, DIVERGED, IMPORTED, DAMAGED)
NAMED = re.compile(r"(.+)-(\d{8}-\d{6})(?:-\d+)?")  # a run directory that `train` has named
DRAWN_BY = "data.synthetic_seed"
CLOCK = "%Y%m%d-%H%M%S"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class RunEntry:
    """Hold what a run directory says of itself; None stands for what it does not say.

    Args:
        name: the directory, as seen from the folder that was listed.
        path: the directory, absolute.
        state: one of `STATES`; a running one is locked by the process that trains it.
        problem: why it counts as damaged, diverged or stopped.
        config: the name of the preset or config that was trained.
        settings: the texts of all settings, by `section.key`.
        epochs: how many are complete.
        best_epoch: the one whose weights count, by validation; the last one without.
        scores: `accuracy`, `loss`, `mae` and `mse`: with `train_` before it those of the last
            epoch, with `validation_` and `test_` those of the best one.
        test_samples: how many the test score counts.
        started: when it began, in ISO 8601.
        seconds: how long it has trained.
        bytes: what its files take on the disk.
        note: what the user wrote about it.
    """

    name: str
    path: Path
    state: str
    problem: str | None = None
    config: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    epochs: int | None = None
    best_epoch: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    test_samples: int | None = None
    started: str | None = None
    seconds: float | None = None
    bytes: int = 0
    note: str | None = None

    @property
    def dataset(self) -> str | None:
        """Return what it learns from: the data set's name, with the folder of an idx one."""
        name, path = self.settings.get("data.dataset"), self.settings.get("data.path")
        return f"{name} {path}" if name == "idx" and path else name

    @property
    def seed(self) -> int | None:
        """Return the seed of all its random draws."""
        return _whole(self.settings.get("train.seed"))

    @property
    def planned(self) -> int | None:
        """Return after how many epochs it ends."""
        return _whole(self.settings.get("train.epochs"))

    @property
    def held_out(self) -> int | None:
        """Return how many samples its validation score counts."""
        return _whole(self.settings.get("data.validation"))


def read_entry(path: Path, name: str) -> RunEntry:
    """Describe the run in a directory; whatever cannot be read makes it a damaged one.

    Checkpoints are not read, so this takes a millisecond or two.
    """
    is_running = is_held(path / LOCK)
    known: dict[str, Any] = {"bytes": size_of(path), "note": None}
    try:
        known |= _origin(path, _object_if_there(path / ENVIRONMENT))
        known["note"] = read_note(path)
        if (settings := _settings_of_import(path)) is not None and not is_running:
            return RunEntry(name, path, IMPORTED, settings=settings, **known)
        settings = known["settings"] = read_settings(path)
        history = read_metrics(path / METRICS)
        known["epochs"] = _last_epoch(history)
        result = _object_if_there(path / RESULT)
        known |= _outcome(history, result)
        if not any((path / file).is_file() for file in (LAST, BEST)):
            raise CheckpointError("it has no checkpoint", where=path)
        planned = _whole(settings.get("train.epochs"))
        is_done = bool(result) or (planned is not None and known["epochs"] >= planned)
        is_done = is_done or (_can_stop_early(settings) and _has_stopped_early(path / LAST))
        ending = None if is_running else read_ending(path)
    except BpnetError as error:
        state = RUNNING if is_running else DAMAGED  # a run writes its files one after the other
        return RunEntry(name, path, state, None if is_running else brief(error), **known)
    if ending is not None:
        return RunEntry(name, path, ending.state, ending.why, **known)
    state = RUNNING if is_running else FINISHED if is_done else INTERRUPTED
    return RunEntry(name, path, state, **known)


def brief(error: BpnetError) -> str:
    """Return what is wrong in one line."""
    found = error.parts["found"]
    return f"{error.what}: {found}" if isinstance(found, str) else error.what


def read_settings(path: Path) -> dict[str, str]:
    """Return the texts of all settings of a run by `section.key`, unchecked.

    Raises:
        CheckpointError: its config cannot be read.
    """
    return _texts(read_text(path / CONFIG), path)


def _texts(config: str, path: Path) -> dict[str, str]:
    """Return the texts of all settings of a config."""
    ini = read_ini(config)
    if ini.problems or not ini.sections:
        found = ini.problems[0].message if ini.problems else "no settings"
        raise CheckpointError("the run's config.ini cannot be read", where=path, found=found)
    return {
        f"{section}.{key}": entry.text
        for section, entries in ini.sections.items()
        for key, entry in entries.items()
    }


def without_derived(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings without the seed of drawn digits where it is that of training, the usual."""
    follows = settings.get(DRAWN_BY) == settings.get("train.seed")
    return {key: text for key, text in settings.items() if key != DRAWN_BY or not follows}


def size_of(folder: Path) -> int:
    """Return how many bytes the files of a folder hold, those of folders in it included."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
            except OSError:  # it has just been removed
                continue
    return total


def _object_if_there(path: Path) -> dict[str, Any]:
    return {} if what_is_at(path) == NOTHING else read_object(path)


def _last_epoch(history: Sequence[Record]) -> int:
    """Return the number of the last epoch that is complete.

    Raises:
        CheckpointError: the metrics do not count epochs.
    """
    numbers = [record.get("epoch") for record in history]
    if numbers != list(range(1, len(history) + 1)):
        what = "the metrics cannot be read"
        raise CheckpointError(what, expected="epochs from 1 on", found="other numbers")
    return len(history)


def _origin(path: Path, environment: Record) -> dict[str, Any]:
    """Return from which config a run comes and when it began; its directory's name may tell."""
    config, started = environment.get("config"), environment.get("started")
    named = NAMED.fullmatch(path.name) or NAMED.fullmatch(path.parent.name)
    if not isinstance(config, str):
        config = named[1] if named else None
    began = None
    with suppress(ValueError):
        if isinstance(started, str):
            began = datetime.fromisoformat(started)
        elif named:
            began = datetime.strptime(named[2], CLOCK)
    began = began and _local(began)
    return {"config": config, "started": began and began.isoformat(timespec="seconds")}


def _local(time: datetime) -> datetime | None:
    """Return a time with the local offset; None beyond what the calendar can convert."""
    try:
        return time.astimezone(UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _outcome(history: Sequence[Record], result: Record) -> dict[str, Any]:
    """Return scores of the best epoch and of the test, and how long the run took."""
    best = best_of(history)
    record, last = (history[best - 1], history[-1]) if best else ({}, {})
    scores = {
        name: number
        for source, start in ((last, "train_"), (record, "validation_"), (result, "test_"))
        for end in ("accuracy", "loss", "mae", "mse")
        if (number := number_of(source.get(name := f"{start}{end}"))) is not None
    }
    seconds = number_of(result.get("seconds"))
    if seconds is None:  # without what validation took
        seconds = math.fsum(number_of(record.get("seconds")) or 0.0 for record in history)
    samples = number_of(result.get("test_samples"))
    return {
        "best_epoch": best,
        "scores": scores,
        "seconds": seconds,
        "test_samples": None if samples is None else int(samples),
    }


def best_of(history: Sequence[Record]) -> int | None:
    """Return the epoch whose weights are kept: by validation accuracy, then loss; else the last."""
    if not history:
        return None

    def reached(record: Record) -> tuple[float, float]:
        loss = number_of(record.get("validation_loss"))
        accuracy = number_of(record.get("validation_accuracy")) or 0.0
        return accuracy, -math.inf if loss is None else -loss

    best = max(history, key=reached)  # of equal ones, the first
    is_validated = number_of(best.get("validation_loss")) is not None
    return int((best if is_validated else history[-1])["epoch"])


def number_of(value: object) -> float | None:
    """Return a finite number of a JSON file, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,19}", text) else None


def _settings_of_import(path: Path) -> dict[str, str] | None:
    """Return the settings of weights that were trained elsewhere; None where a run was trained."""
    if not (path / BEST).is_file() or any((path / one).exists() for one in (LAST, METRICS, CONFIG)):
        return None
    from bpnet.model.checkpoint import load_record  # slow to import, and seldom needed

    record = load_record(path / BEST)
    return _texts(record["config"], path) if record.get("progress") is None else None


def _can_stop_early(settings: Mapping[str, str]) -> bool:
    return settings.get("train.early_stopping", "0") != "0"


def _has_stopped_early(checkpoint: Path) -> bool:
    """Return whether early stopping has ended a run that left no result."""
    from bpnet.model.checkpoint import load_record  # slow to import, and seldom needed

    return bool(load_record(checkpoint).get("progress", {}).get("stopped_early"))
