"""Open a canvas on which digits are drawn and read at once."""

from __future__ import annotations

from pathlib import Path

import click

from bpnet.cli.checkpoints import CHECKPOINT, open_checkpoint
from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import PathType
from bpnet.cli.output import note, show
from bpnet.disk import reason
from bpnet.errors import ConfigError, DataError
from bpnet.model.run_files import WEIGHTS


@click.command(
    cls=BpnetCommand,
    examples={
        "draw": "with the weights that ship with bpnet",
        "draw --checkpoint last": "with the newest run",
    },
)
@click.option(
    "--checkpoint",
    type=CHECKPOINT,
    metavar="CHECKPOINT|RUN_DIR",
    help="The network that answers; default: the weights that ship with bpnet.",
)
@click.option(
    "-o",
    "--output",
    type=PathType(".html"),
    metavar="FILE.html",
    help="Where to write the page; default: the user's cache directory.",
)
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.")
def command(checkpoint: Path | None, output: Path | None, opens: bool) -> None:
    """Open a canvas in the browser: draw a digit, and see at once what the network answers.

    The page is one file that needs no network; the weights are in it. It runs the network itself,
    in a few hundred lines of JavaScript, and shows what comes out of every layer.
    """
    from bpnet.cli.report import name_of
    from bpnet.html.page import check_place, open_page, write_page
    from bpnet.report.canvas.draw_page import draw_page
    from bpnet.report.canvas.drawn_examples import drawn_examples
    from bpnet.report.canvas.page_network import obstacle, page_networks

    path = output or default_place()
    check_place(path, "-o")
    opened = open_checkpoint(checkpoint or WEIGHTS)
    model = opened.checkpoint.model(fast=False)
    if (found := obstacle(model)) is not None:
        raise ConfigError("nothing can be drawn for this network", where=opened.name, found=found)
    name = name_of(checkpoint or WEIGHTS)
    networks = page_networks([model], [name], [drawn_examples(model)])
    write_page(path, draw_page("Draw a digit", networks), "-o")
    show(str(path.absolute()))
    if opens and not open_page(path):
        note("no browser was found: open the page in one")


def default_place() -> Path:
    """Return where the page lies if nobody says otherwise."""
    from bpnet.data.cache import PAGE
    from bpnet.data.files.directory import cache_directory

    folder = cache_directory()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            "the cache directory cannot be made",
            where=folder,
            found=reason(error),
            hint="choose another place with -o",
        ) from error
    return folder / PAGE
