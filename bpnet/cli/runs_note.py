"""Show or replace what is noted about a run."""

from __future__ import annotations

from pathlib import Path

import click

from bpnet.cli.checkpoints import CHECKPOINT
from bpnet.cli.command import BpnetCommand
from bpnet.cli.output import note, show


@click.command(
    name="note",
    cls=BpnetCommand,
    short_help="Show or replace the note of a run.",
    examples={
        'runs note last "half the learning rate"': "write it",
        "runs note last": "read it",
    },
)
@click.argument("run_dir", type=CHECKPOINT, metavar="RUN_DIR")
@click.argument("text", required=False, metavar="[TEXT]")
def command(run_dir: Path, text: str | None) -> None:
    """Show the note of a run, or replace it with TEXT; an empty TEXT removes it."""
    from bpnet.errors import CheckpointError
    from bpnet.runs.listing import is_run
    from bpnet.runs.note import read_note, write_note

    if not is_run(run_dir):
        raise CheckpointError(
            "there is no run here", where=run_dir, expected="a run directory of `bpnet train`"
        )
    if text is not None:
        write_note(run_dir, text)
        return
    written = read_note(run_dir)
    if written is None:
        note(f"{run_dir} has no note")
    else:
        show(*written.split("\n"))
