"""Write a table of runs, or of their epochs, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import FOLDER, PathType, as_json
from bpnet.cli.output import json_text, note, show
from bpnet.errors import ConfigError, counted

SUFFIXES = CSV, JSON = (".csv", ".json")


@click.command(
    name="export",
    cls=BpnetCommand,
    short_help="Write a table of runs, or of all their epochs.",
    examples={
        "runs export -o runs.csv": "a row for each run",
        "runs export --per-epoch -o epochs.csv": "a row for each epoch",
        "runs export experiments --json": "those in another folder",
    },
)
@click.argument("folder", type=FOLDER, required=False, metavar="[FOLDER]")
@click.option(
    "-o",
    "--output",
    type=PathType(*SUFFIXES),
    metavar="FILE.csv|FILE.json",
    help="Write there instead of to standard output: CSV or JSON, as the name ends.",
)
@click.option(
    "--per-epoch", is_flag=True, help="A row for each epoch of each run, with all its metrics."
)
@as_json
def command(folder: Path | None, output: Path | None, per_epoch: bool, as_json: bool) -> None:
    """Write a row for each run below FOLDER (default: runs), as CSV or as JSON.

    CSV has a column for each setting in which the runs differ; JSON has all settings of each run.
    """
    from bpnet.cli.runs import listed_below
    from bpnet.disk import reason
    from bpnet.errors import DataError
    from bpnet.files import demand_place, write_text
    from bpnet.runs.table import epoch_rows, epochs_csv, full_row, runs_csv

    if output is not None:
        as_json = is_json(output, as_json=as_json)
        demand_place(output, "table")
    listing = listed_below(folder)
    if as_json:
        rows = epoch_rows(listing.runs) if per_epoch else list(map(full_row, listing.runs))
        text = "\n".join(json_text(rows)) + "\n"
    else:
        text = (epochs_csv if per_epoch else runs_csv)(listing.runs)
    if output is None:
        show(*text.removesuffix("\n").split("\n"))
        return
    try:
        write_text(output, text)
    except OSError as error:
        raise DataError(
            "the table cannot be written",
            where=output,
            found=reason(error),
            hint="choose another place with -o",
        ) from error
    note(f"{counted(len(listing.runs), 'run', 'runs')} in {output.absolute()}")


def is_json(output: Path, *, as_json: bool) -> bool:
    """Return whether a file of this name holds JSON.

    Raises:
        ConfigError: neither JSON nor CSV goes by this name, or not what `--json` asks for.
    """
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES or (as_json and suffix != JSON):
        ends = JSON if as_json else " or ".join(SUFFIXES)
        hint = "spreadsheets open .csv files" if suffix.startswith((".xls", ".ods")) else None
        raise ConfigError(
            "the table is not written in this format",
            where="-o",
            expected=f"a name that ends in {ends}",
            found=output,
            hint=hint,
        )
    return suffix == JSON
