"""Find and open the checkpoints that a user names, with what to mind about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.disk import DIRECTORY, NOTHING, what_is_at
from bpnet.model.run_files import BEST, WEIGHTS

if TYPE_CHECKING:
    from bpnet.model.checkpoint import Checkpoint

RUNS = Path("runs")  # where runs lie unless the user says otherwise
NEWEST, BEST_RUN, SHIPPED = "last", "best", "digits"
Tell = Callable[[str], object]


def named_place(path: Path, tell: Tell = str) -> Path:
    """Return the path, or what a name stands for, unless something of that name is there.

    `last` is the newest run in `runs`, and `best` the best one; `FOLDER/last` and `FOLDER/best` are
    those in another folder. `digits` stands for the shipped weights.

    Args:
        path: what the user has given.
        tell: receives which run is the best, and why.

    Raises:
        CheckpointError: there is no such run yet.
    """
    if path.name not in (NEWEST, BEST_RUN, SHIPPED) or what_is_at(path) != NOTHING:
        return path
    is_plain = path.parent == Path()
    if path.name == SHIPPED:
        return WEIGHTS if is_plain else path
    from bpnet.runs.choice import best_run, newest_run
    from bpnet.runs.listing import is_run

    folder = RUNS if is_plain else path.parent
    if not is_plain and (what_is_at(folder) != DIRECTORY or is_run(folder)):
        return path
    if path.name == NEWEST:
        return newest_run(folder)
    best = best_run(folder)
    tell(f"{path}: {best}")
    return best.run.path


def named_unless_config(source: str, tell: Tell = str) -> Path:
    """Return what a name stands for where a config may stand as well.

    There, the name of a preset is the preset, and `runs/best` is the best run.
    """
    from bpnet.config.presets import example_paths, preset_paths

    if source not in preset_paths() | example_paths():
        return named_place(Path(source), tell)
    if source == BEST_RUN and what_is_at(RUNS) == DIRECTORY:
        tell(f"{source} is the preset of this name; the best run is {RUNS / BEST_RUN}")
    return Path(source)


@dataclass(frozen=True, eq=False)
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
    """Read a checkpoint, or that of a run directory.

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
    return Opened(checkpoint, warnings)


def described(name: str, epoch: int | None) -> str:
    """Return a checkpoint's name with its epoch, where a run recorded one."""
    return name if epoch is None else f"{name}, epoch {epoch}"
