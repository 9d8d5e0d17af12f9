"""Write the page of one run, of several side by side, or of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT
from bpnet.cli.command import BpnetCommand
from bpnet.cli.curves import distinct
from bpnet.cli.output import note, show, show_json
from bpnet.cli.report_data import Question
from bpnet.disk import DIRECTORY, what_is_at

PAGE = "report.html"
NEEDED = ("jinja2", "matplotlib")


@click.command(
    cls=BpnetCommand,
    examples={
        "report last": "the newest run",
        "report digits -o digits.html": "the weights that ship with bpnet",
        "report last --open": "and open the page in a browser",
        "report runs/rates": "the folder of a sweep: its trials, and what came of each",
    },
)
@click.argument(
    "checkpoints", nargs=-1, required=True, type=CHECKPOINT, metavar="RUN_DIR|CHECKPOINT|SWEEP…"
)
@click.option(
    "-o",
    "--output",
    type=options.PathType(".html"),
    metavar="FILE.html",
    help="Where to write the page; default: report.html, in the run directory if there is one run.",
)
@click.option(
    "--dataset",
    type=options.A_DATASET,
    metavar="NAME|DIR",
    help="Data set, or folder of IDX files; default: the one each was trained on.",
)
@options.split
@options.data_dir
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@options.as_json
def command(
    checkpoints: tuple[Path, ...],
    output: Path | None,
    dataset: str | None,
    split: str,
    data_dir: Path | None,
    opens: bool,
    as_json: bool,
) -> None:
    """Write a page that shows a run: how it learned, what it achieved, where it goes wrong.

    The page is one file that needs no network. It holds learning curves, the confusion matrix
    with the pictures of each of its cells, calibration, the worst mistakes, what the layers look
    for, and a canvas on which the network reads what is drawn. Several runs stand side by side.
    The page of a sweep compares its trials by validation, in a table and in charts.
    """
    from bpnet.cli.sweep_page import write_sweep_page
    from bpnet.html.page import check_place, demand, open_page
    from bpnet.sweep.place import is_sweep

    path = output or default_place(checkpoints)
    check_place(path, "-o")
    demand("bpnet report", *NEEDED)
    sweeps = [place for place in checkpoints if is_sweep(place)]
    if sweeps:
        _demand_sweep_alone(checkpoints, Question(dataset, split, data_dir))
        write_sweep_page(sweeps[0], path, "-o")
    else:
        write_report(checkpoints, Question(dataset, split, data_dir), path, "-o")
    if as_json:
        show_json({"report": str(path.absolute())})
    else:
        show(str(path.absolute()))
    if opens and not open_page(path):
        note("no browser was found: open the page in one")


def _demand_sweep_alone(places: Sequence[Path], question: Question) -> None:
    """Refuse what the page of a sweep cannot show.

    Raises:
        UsageError: something else is to stand beside it, or samples are named.
    """
    if len(places) > 1:
        raise click.UsageError("a sweep has a page of its own: name one sweep, or runs.")
    if question != Question():
        options_of_samples = "--dataset, --split and --data-dir"
        message = f"the page of a sweep shows held-out scores: leave {options_of_samples} out."
        raise click.UsageError(message)


def default_place(checkpoints: Sequence[Path]) -> Path:
    """Return where the page lies if nobody says otherwise."""
    only = checkpoints[0]
    is_run = len(checkpoints) == 1 and what_is_at(only) == DIRECTORY
    return only / PAGE if is_run else Path(PAGE)


def write_report(
    checkpoints: Sequence[Path], question: Question, path: Path, option: str | None
) -> None:
    """Let each network answer some samples, and write the page of all.

    Args:
        checkpoints: run directories or files.
        question: which samples.
        path: of the page.
        option: by which another place can be chosen, if there is one.

    Raises:
        BpnetError: a checkpoint or a data set cannot be used, or the page cannot be written.
    """
    from bpnet.cli.report_data import examine
    from bpnet.html.page import write_page
    from bpnet.report.page.report import report_page

    names = distinct([name_of(checkpoint) for checkpoint in checkpoints])
    pairs = zip(names, checkpoints, strict=True)
    page = report_page([examine(name, checkpoint, question) for name, checkpoint in pairs])
    write_page(path, page, option)


def name_of(checkpoint: Path) -> str:
    """Return what a page calls a run or a file."""
    absolute = checkpoint.absolute()
    return absolute.name if what_is_at(checkpoint) == DIRECTORY else absolute.stem
