"""Take the checkpoints that a command is given, and warn of those hardly trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.options import PathType
from bpnet.cli.output import note
from bpnet.library import opening
from bpnet.library.opening import BEST_RUN, NEWEST, SHIPPED, Opened

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

NAMES = {
    NEWEST: "the newest run",
    BEST_RUN: "the best run",
    SHIPPED: "the weights that ship with bpnet",
}


class CheckpointType(PathType):
    """Take a path, or `last`, `best` or `digits`; which run is the best is a message."""

    def __init__(self) -> None:
        super().__init__(".npz")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        return opening.named_place(super().convert(value, param, ctx), note)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer names, runs and checkpoint files."""
        from bpnet.cli.offers import checkpoints

        return checkpoints(incomplete)


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
