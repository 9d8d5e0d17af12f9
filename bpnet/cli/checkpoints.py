"""Open the checkpoints that a command is given, and warn of those that are hardly trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.cli.output import note

if TYPE_CHECKING:
    from bpnet.model.checkpoint import Checkpoint


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
    from bpnet.model.run_files import BEST, checkpoint_path

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
