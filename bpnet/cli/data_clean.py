"""Free the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bpnet.cli import options
from bpnet.cli.command import BpnetCommand
from bpnet.cli.output import show, show_json


@click.command(
    name="clean",
    cls=BpnetCommand,
    short_help="Free the cache.",
    examples={
        "data clean --dry-run": "what would be removed",
        "data clean synthetic": "drawn digits alone",
    },
)
@click.argument("names", type=options.A_DATASET, nargs=-1, metavar="[NAME]…")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@options.data_dir
@options.as_json
def command(names: tuple[str, ...], dry_run: bool, data_dir: Path | None, as_json: bool) -> None:
    """Remove data sets from the cache.

    Without NAME, that is all that can be had again: what was downloaded or drawn, and what killed
    processes and earlier versions left. Imported data sets are removed where they are named, as is
    `synthetic`, all drawn digits. In a directory that you name, only what bpnet has drawn or
    imported there as a data set of your own is removed. No file is removed that bpnet has not
    written.
    """
    from bpnet.data.cache import chosen, kept_in, remove
    from bpnet.data.files.directory import data_directory

    directory = data_directory(data_dir).path
    kept = chosen(kept_in(data_dir), names, directory)
    size = sum(one.bytes for one in kept)
    removed: list[dict[str, Any]] = [
        {"name": one.name, "kind": one.kind, "path": str(one.path), "bytes": one.bytes}
        for one in kept
    ]
    if not dry_run:
        remove(kept)
    if as_json:
        place = str(directory)
        show_json({"data_dir": place, "removed": removed, "bytes": size, "dry_run": dry_run})
        return
    done = "would be removed" if dry_run else "removed"
    for entry in removed:
        show(f"{entry['bytes'] / 1e6:9.1f} MB  {entry['kind']:10}  {entry['path']}")
    show(f"{size / 1e6:9.1f} MB in all {done}" if kept else f"nothing to remove in {directory}")
