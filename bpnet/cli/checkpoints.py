"""Find and open the checkpoints that a command is given, and warn of those hardly trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.options import PathType
from bpnet.cli.output import note
from bpnet.disk import NOTHING, what_is_at
from bpnet.errors import ConfigError
from bpnet.model.run_files import BEST, LAST, WEIGHTS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from bpnet.model.checkpoint import Checkpoint

RUNS = Path("runs")  # where runs lie unless the user says otherwise
NEWEST, SHIPPED = "last", "digits"
NAMES = {NEWEST: "the newest run", SHIPPED: "the weights that ship with bpnet"}


class CheckpointType(PathType):
    """Take a path, `last` for the newest run or `digits` for the shipped weights.

    A file or folder of such a name comes first.
    """

    def __init__(self) -> None:
        super().__init__(".npz")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        path = super().convert(value, param, ctx)
        is_shipped = str(value) == SHIPPED and what_is_at(path) == NOTHING
        return WEIGHTS if is_shipped else newest_if_named(path)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer names, runs and checkpoint files."""
        from bpnet.cli.offers import checkpoints

        return checkpoints(incomplete)


def newest_if_named(path: Path) -> Path:
    """Return the newest run directory for `last`, unless something of that name is there.

    Raises:
        ConfigError: there is no run yet.
    """
    if str(path) != NEWEST or what_is_at(path) != NOTHING:
        return path
    written = [
        found for name in (LAST, BEST) for found in RUNS.glob(f"*/{name}") if found.is_file()
    ]
    if not written:
        raise ConfigError(
            "there is no run yet",
            where=NEWEST,
            expected=f"a run directory in {RUNS.absolute()}",
            hint="train a network first, with",
            command=("train", "quickstart"),
        )
    return max(written, key=lambda path: path.stat().st_mtime_ns).parent


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
