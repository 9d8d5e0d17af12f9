"""Take the checkpoints that a command is given, and warn of those hardly trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bpnet.cli.options import PathType
from bpnet.cli.output import note
from bpnet.library import opening
from bpnet.library.opening import Opened


class CheckpointType(PathType):
    """Take a path, or `last`, `best` or `digits`; which run is the best is a message."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        return opening.named_place(super().convert(value, param, ctx), note)


CHECKPOINT = CheckpointType()


def open_checkpoint(given: Path) -> Opened:
    """Read a checkpoint, or that of a run directory, and write its warnings to standard error.

    Raises:
        CheckpointError: there is none that can be used.
    """
    opened = opening.open_checkpoint(given)
    for warning in opened.warnings:
        note(f"warning: {warning}")
    return opened
