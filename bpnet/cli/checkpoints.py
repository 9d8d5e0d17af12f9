"""Find and open the checkpoints that a command is given, and warn of those hardly trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.options import PathType
from bpnet.cli.output import note
from bpnet.disk import DIRECTORY, NOTHING, what_is_at
from bpnet.model.run_files import BEST, WEIGHTS

if TYPE_CHECKING:
    from bpnet.model.checkpoint import Checkpoint

RUNS = Path("runs")  # where runs lie unless the user says otherwise
NEWEST, BEST_RUN, SHIPPED = "last", "best", "digits"


class CheckpointType(PathType):
    """Take a path, or one of the names that stand for a run or for the shipped weights.

    A file or folder of such a name comes first.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        path = super().convert(value, param, ctx)
        is_shipped = str(value) == SHIPPED and what_is_at(path) == NOTHING
        return WEIGHTS if is_shipped else run_if_named(path)


def run_if_named(path: Path) -> Path:
    """Return the run directory that a name stands for, unless something of that name is there.

    `last` is the newest run in `runs`, and `best` the best one; `FOLDER/last` and `FOLDER/best` are
    those in another folder. Which run is the best is said on standard error.

    Raises:
        ConfigError: there is no such run yet.
    """
    if path.name not in (NEWEST, BEST_RUN) or what_is_at(path) != NOTHING:
        return path
    from bpnet.runs.choice import best_run, newest_run
    from bpnet.runs.listing import is_run

    folder = RUNS if path.parent == Path() else path.parent
    if folder != RUNS and (what_is_at(folder) != DIRECTORY or is_run(folder)):
        return path
    if path.name == NEWEST:
        return newest_run(folder)
    best = best_run(folder)
    note(f"{path}: {best}")
    return best.run.path


def run_unless_config(source: str) -> str:
    """Return the run directory that a name stands for where a config may stand as well.

    There, the name of a preset is the preset: `runs/best` is the best run.
    """
    from bpnet.config.presets import example_paths, preset_paths

    known = preset_paths() | example_paths()
    return source if source in known else str(run_if_named(Path(source)))


CHECKPOINT = CheckpointType()


@dataclass(frozen=True)
class Opened:
    """Hold a checkpoint with what a user must know about it.

    Args:
        checkpoint: its record and its weights.
        warnings: why its answers should not be trusted.
    """

    checkpoint: Checkpoint
    warnings: list[str]

    @property
    def name(self) -> str:
        """Return its absolute path."""
        return str(self.checkpoint.path.absolute())

    @property
    def epoch(self) -> int | None:
        """Return how many epochs the run had finished; None for weights without a run."""
        return self.checkpoint.epoch


def open_checkpoint(given: Path) -> Opened:
    """Read a checkpoint, or that of a run directory, and write its warnings to standard error.

    Raises:
        CheckpointError: there is none that can be used.
    """
    from bpnet.model.checkpoint import load_checkpoint
    from bpnet.model.run_files import checkpoint_path

    path = checkpoint_path(given)
    checkpoint = load_checkpoint(path, weights_only=True)
    warnings = checkpoint.warnings()
    if path != given and path.name != BEST:
        place = described(str(path.absolute()), checkpoint.epoch)
        warnings.insert(0, f"{given} holds no {BEST}; used instead: {place}")
    for warning in warnings:
        note(f"warning: {warning}")
    return Opened(checkpoint, warnings)


def described(name: str, epoch: int | None) -> str:
    """Return a checkpoint's name with its epoch, where a run recorded one."""
    return name if epoch is None else f"{name}, epoch {epoch}"
