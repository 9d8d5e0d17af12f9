"""Show every number of the first training steps of a small network."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli.options import ConfigCommand, as_json, data_dir, mirror, with_settings
from bpnet.cli.output import show, show_json
from bpnet.config.presets import find_config
from bpnet.teach.trace.selection import PARTS, select

if TYPE_CHECKING:
    from bpnet.teach.trace.step_trace import StepTrace

NARROWEST = 80  # columns of the narrowest page


@click.command(
    cls=ConfigCommand, short_help="Show every number of a small network's first training steps."
)
@click.argument("source", metavar="FILE|PRESET|EXAMPLE")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many training steps to show; a shorter run is made longer.",
)
@click.option(
    "--only",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Show this part of each step; may be given several times.",
)
@click.option("--weight", metavar="NAME", help="Show the paths of this weight: '1.weight[2,1]'.")
@click.option("--brief", is_flag=True, help="Show values and gradients without formulas and paths.")
@with_settings
@data_dir
@mirror
@as_json
def command(
    source: str,
    steps: int,
    parts: tuple[str, ...],
    weight: str | None,
    brief: bool,
    overrides: tuple[str, ...],
    data_dir: Path | None,
    mirror: str | None,
    as_json: bool,
) -> None:
    """Show every number of the first training steps of a small network.

    Forward values, loss, local derivatives, the chain rule's products on the way back, gradients
    and updates, with their formulas; the four equations of backpropagation, and every path from a
    weight to the loss. The steps are those that training takes, in float64 and as one shard.

    Samples and places, as in 1.weight[2,1] (row 2, column 1), are counted from 1. Large arrays are
    summarised; --json prints all their numbers. A small convolutional network, such as
    quickstart, needs --set train.batch_size=1.
    """
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.config.loading import load_config
    from bpnet.data.load import load_dataset
    from bpnet.teach.trace.trace import trace

    is_part = bool(parts or weight or brief)
    if is_part and as_json:
        raise click.UsageError("--json shows all: leave out --only, --weight and --brief")
    load = partial(load_dataset, data_dir=data_dir, mirror=mirror, progress=DownloadProgress())
    traced = trace(load_config(source, overrides), steps, load)
    if as_json:
        show_document(source, traced)
    else:
        from bpnet.cli.trace_text import trace_lines

        width = max(NARROWEST, shutil.get_terminal_size().columns)
        selection = select(traced, parts, weight, is_brief=brief)
        for line in trace_lines(traced, width, selection):
            show(line)


def show_document(source: str, steps: list[StepTrace]) -> None:
    """Print all steps as one document."""
    from bpnet.teach.trace.as_json import as_json_values

    document = {"config": str(find_config(source).absolute()), "steps": as_json_values(steps)}
    show_json(document)
