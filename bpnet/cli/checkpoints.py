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
        """Return the path; a rank that reads no checkpoint leaves a name as it is."""
        path = super().convert(value, param, ctx)
        return opening.named_place(path, note) if _reads_checkpoints(ctx) else path

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer names, runs and checkpoint files."""
        from bpnet.cli.offers import checkpoints

        return checkpoints(incomplete)


def _reads_checkpoints(ctx: click.Context | None) -> bool:
    """Return whether this process reads what a name stands for: of several ranks, rank 0 alone."""
    from bpnet.training.ranks.ranks import Ranks

    ranks = None if ctx is None else ctx.find_object(Ranks)
    return ranks is None or ranks.leads


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
