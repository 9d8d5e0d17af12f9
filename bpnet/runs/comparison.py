"""Find what sets runs apart: settings, environment, results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpnet.config.ini import read_ini
from bpnet.config.loading import load_config
from bpnet.config.settings import Config
from bpnet.config.writer import format_config
from bpnet.disk import DIRECTORY, NOTHING, what_is_at
from bpnet.errors import CheckpointError, ConfigError
from bpnet.model.run_files import CONFIG, ENVIRONMENT, demand_file, read_object
from bpnet.model.score import wilson_interval
from bpnet.runs.entry import DAMAGED, IMPORTED, RunEntry, read_entry, without_derived

OWN = ("started", "config")  # of every run; neither is a reason for another result
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Advantage:
    """Hold by how much a run's test accuracy exceeds that of another.

    Args:
        run: its place among the runs, from 0.
        over: the place of the other.
        accuracy: the difference of both accuracies.
        low: the lower bound of its 95 % interval.
        high: the upper bound.
    """

    run: int
    over: int
    accuracy: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Return whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """Hold what sets runs apart; every list has one value per run.

    Args:
        runs: in the order given.
        settings: those that differ, by `section.key`, as texts; None where a run has none.
        environment: what differs of the machine and its libraries.
        intervals: 95 % intervals of the test accuracies; None where there is none.
        advantages: of every later run over the first one, as far as both have a test score.
    """

    runs: Sequence[RunEntry]
    settings: Mapping[str, list[str | None]]
    environment: Mapping[str, list[Any]]
    intervals: Sequence[Bounds | None]
    advantages: Sequence[Advantage]


def compare_runs(paths: Sequence[Path]) -> Comparison:
    """Compare run directories.

    Raises:
        CheckpointError: one of them is no run, or is damaged.
    """
    runs = [_read(path) for path in paths]
    intervals = [interval_of(run) for run in runs]
    return Comparison(
        runs,
        differing([settings_of(run.path) for run in runs]),
        differing([_environment_of(run.path) for run in runs]),
        intervals,
        [
            _advantage(runs, intervals, place)
            for place in range(1, len(runs))
            if intervals[0] is not None and intervals[place] is not None
        ],
    )


def _read(path: Path) -> RunEntry:
    if (found := what_is_at(path)) != DIRECTORY:
        raise CheckpointError(
            "there is no run directory here",
            where=path,
            expected="a run directory of `bpnet train`",
            found=found,
        )
    run = read_entry(path.absolute(), path.resolve().name)
    if run.state in (DAMAGED, IMPORTED):
        raise CheckpointError(
            "the run cannot be read",
            where=path,
            expected="a run directory of `bpnet train`",
            found=run.problem or "imported weights, which were trained elsewhere",
        )
    return run


def settings_of(run_dir: Path) -> dict[str, str]:
    """Return the texts of all settings of a run, checked and with the defaults of newer keys.

    Raises:
        CheckpointError: its config cannot be read.
    """
    path = run_dir / CONFIG
    demand_file(path)
    try:
        config = load_config(str(path))
    except ConfigError as error:
        raise CheckpointError(
            "the run's config.ini cannot be read", where=path, found=[error.what, *error.details]
        ) from error
    return texts_of(config)


def texts_of(config: Config) -> dict[str, str]:
    """Return the texts of all settings by `section.key`, as `config.ini` writes them."""
    sections = read_ini(format_config(config)).sections
    texts = {
        f"{section}.{key}": entry.text
        for section, entries in sections.items()
        for key, entry in entries.items()
    }
    return without_derived(texts)


def differing(values: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the keys that do not have the same value everywhere, with all values."""
    keys = dict.fromkeys(key for one in values for key in one)
    rows = {key: [one.get(key) for one in values] for key in keys}
    return {key: row for key, row in rows.items() if any(value != row[0] for value in row)}


def _environment_of(run_dir: Path) -> dict[str, Any]:
    """Return what a run was trained with, nested objects by `key.key`."""
    path = run_dir / ENVIRONMENT
    stored = {} if what_is_at(path) == NOTHING else read_object(path)
    return {key: value for key, value in _flat(stored).items() if key not in OWN}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, dict):
            found |= _flat(one, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = json.dumps(one) if isinstance(one, list) else one
    return found


def interval_of(run: RunEntry) -> Bounds | None:
    """Return the 95 % interval of a run's test accuracy, if it has one."""
    accuracy, samples = run.scores.get("test_accuracy"), run.test_samples
    if accuracy is None or not samples or not 0 <= accuracy <= 1:
        return None
    return wilson_interval(round(accuracy * samples), samples)


def _advantage(runs: Sequence[RunEntry], intervals: Sequence[Bounds | None], run: int) -> Advantage:
    """Return by how much a run is better than the first one.

    With p₁ and p₂ in the Wilson intervals (l₁, u₁) and (l₂, u₂), and d = p₂ − p₁:
    `d − √((p₂ − l₂)² + (u₁ − p₁)²)` to `d + √((u₂ − p₂)² + (p₁ − l₁)²)`. Both count as measured on
    samples of their own. Runs that are scored on the same pictures mostly fail on the same ones, so
    that their difference is known better than this says.

    Source: Newcombe, 1998, method 10.
    """
    first, second = intervals[0], intervals[run]
    assert first is not None
    assert second is not None
    p1, p2 = runs[0].scores["test_accuracy"], runs[run].scores["test_accuracy"]
    low = p2 - p1 - math.hypot(p2 - second[0], first[1] - p1)
    high = p2 - p1 + math.hypot(second[1] - p2, p1 - first[0])
    return Advantage(run, 0, p2 - p1, low, high)
