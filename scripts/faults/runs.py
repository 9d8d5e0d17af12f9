"""Start bpnet as a user does, and compare what two runs saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bpnet.errors import CheckpointError
from bpnet.model.checkpoint import Checkpoint, load_checkpoint
from bpnet.model.run_files import BEST, LAST, METRICS

TIMES = ("seconds", "epoch_seconds", "samples_per_second")  # differ from run to run
FILES = {BEST, LAST, METRICS, "config.ini", "environment.json"}
ENOUGH = 120.0  # seconds after which a command counts as hanging


@dataclass
class Tally:
    """Count what was tried, and keep what went wrong."""

    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def count(self, name: str) -> None:
        """Count one more of this name."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def expect(self, holds: bool, fault: str) -> None:
        """Note a fault where something does not hold."""
        if not holds:
            self.faults.append(fault)
            print(f"FAULT: {fault}", flush=True)

    def tell(self, title: str) -> None:
        """Print one line per part, and how many faults there were."""
        counts = ", ".join(f"{number} {name}" for name, number in sorted(self.counts.items()))
        print(f"{title}: {counts}; {len(self.faults)} faults", flush=True)


def command(*words: object) -> list[str]:
    """Return a command line of bpnet."""
    return [sys.executable, "-m", "bpnet", *map(str, words)]


def start(*words: object, **options: Any) -> subprocess.Popen[str]:
    """Start a command whose messages are kept."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command(*words), **(pipes | options))


def finish(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=ENOUGH, **options
    )


def children(process: int) -> list[int]:
    """Return the worker processes of a run (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue  # it has just ended
        if int(parent) == process:
            found.append(int(path.parent.name))
    return found


def being_written(folder: Path) -> bool:
    """Return whether a file of the folder is being written at this moment."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(".tmp") for entry in entries)
    except OSError:
        return False


def left_behind(folder: Path) -> set[str]:
    """Return the names in a run directory that are none of a run's files."""
    return {path.name for path in folder.iterdir()} - FILES


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint, if there is one, can be read."""
    try:
        return not path.exists() or bool(load_checkpoint(path))
    except CheckpointError:
        return False


def differences(one: Path, other: Path) -> Iterator[str]:
    """Yield what differs between the files of two runs, times aside."""
    for name in (LAST, BEST):
        first, second = load_checkpoint(one / name), load_checkpoint(other / name)
        if arrays_of(first) != arrays_of(second):
            yield f"the arrays of {name}"
        if timeless(first.record) != timeless(second.record):
            yield f"the record of {name}"
    if metrics_of(one) != metrics_of(other):
        yield METRICS


def arrays_of(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Return the bytes of every array."""
    return {name: array.tobytes() for name, array in checkpoint.arrays.items()}


def metrics_of(run_dir: Path) -> Any:
    """Return the epochs that a run has noted, times aside."""
    return timeless([json.loads(line) for line in (run_dir / METRICS).read_text().splitlines()])


def timeless(value: Any) -> Any:
    """Return JSON without the times, and without the workers, who may change."""
    if isinstance(value, list):
        return [timeless(item) for item in value]
    if isinstance(value, dict):
        plain = {key: timeless(item) for key, item in value.items() if key not in TIMES}
        if isinstance(plain.get("config"), str):
            lines = plain["config"].splitlines()
            plain["config"] = [line for line in lines if not line.startswith("workers =")]
        return plain
    return value
