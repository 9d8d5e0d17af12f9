"""Write the page of one run, or of several side by side."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT, open_checkpoint
from bpnet.cli.curves import distinct
from bpnet.cli.output import note, show, show_json
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import BpnetError

if TYPE_CHECKING:
    from bpnet.report.page.examined import Examined

PAGE = "report.html"
NEEDED = ("jinja2", "matplotlib")


@click.command()
@click.argument(
    "checkpoints", nargs=-1, required=True, type=CHECKPOINT, metavar="RUN_DIR|CHECKPOINT…"
)
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    metavar="FILE.html",
    help="Where to write the page; default: report.html, in the run directory if there is one run.",
)
@click.option(
    "--dataset",
    metavar="NAME|DIR",
    help="Data set, or folder of IDX files; default: the one each was trained on.",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    default="test",
    show_default=True,
    help="Samples to score.",
)
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
    """
    from bpnet.html.page import check_place, demand, open_page

    path = output or default_place(checkpoints)
    check_place(path, "-o")
    demand("bpnet report", *NEEDED)
    write_report(checkpoints, path, dataset, split, data_dir)
    if as_json:
        show_json({"report": str(path.absolute())})
    else:
        show(str(path.absolute()))
    if opens and not open_page(path):
        note("no browser was found: open the page in one")


def default_place(checkpoints: Sequence[Path]) -> Path:
    """Return where the page lies if nobody says otherwise."""
    only = checkpoints[0]
    is_run = len(checkpoints) == 1 and what_is_at(only) == DIRECTORY
    return only / PAGE if is_run else Path(PAGE)


def write_report(
    checkpoints: Sequence[Path], path: Path, dataset: str | None, split: str, data_dir: Path | None
) -> None:
    """Let each network answer the samples of a split, and write the page of all.

    Raises:
        BpnetError: a checkpoint or a data set cannot be used, or the page cannot be written.
    """
    from bpnet.html.page import write_page
    from bpnet.report.page.report import report_page

    names = distinct([name_of(checkpoint) for checkpoint in checkpoints])
    runs = [
        examine(name, checkpoint, dataset, split, data_dir)
        for name, checkpoint in zip(names, checkpoints, strict=True)
    ]
    write_page(path, report_page(runs), "-o")


def name_of(checkpoint: Path) -> str:
    """Return what the page calls a run or a file."""
    absolute = checkpoint.absolute()
    return absolute.name if what_is_at(checkpoint) == DIRECTORY else absolute.stem


def examine(
    name: str, given: Path, chosen: str | None, split: str, data_dir: Path | None
) -> Examined:
    """Return a network with its answers to the samples of a split."""
    from bpnet.cli.eval import score_together
    from bpnet.cli.eval_data import choose_dataset, choose_samples, load_data
    from bpnet.machine import available_cores, blas_threads
    from bpnet.model.blocks import answers_to
    from bpnet.model.ensemble import Ensemble
    from bpnet.model.workers import Workers
    from bpnet.report.page.examined import Examined

    opened = open_checkpoint(given)
    checkpoint = opened.checkpoint
    model = checkpoint.model()
    if chosen is not None:
        model = dataclasses.replace(model, config=choose_dataset(model, chosen))
    data = load_data([checkpoint], [model], chosen, split, data_dir)
    samples, index = choose_samples(model.config, data, split)
    score = score_together([model], [checkpoint.path], 1, samples, index)
    inputs = samples.inputs if index is None else samples.inputs[index]
    targets = samples.targets if index is None else samples.targets[index]
    threads = model.config.train.blas_threads
    with blas_threads(threads), Workers(max(1, available_cores() // threads)) as workers:
        answers = answers_to(Ensemble([model]), inputs, workers)
    return Examined(
        name=name,
        checkpoint=checkpoint,
        model=checkpoint.model(fast=False),
        dataset=data.name,
        split=split,
        score=score,
        inputs=inputs,
        targets=targets,
        answers=answers,
        environment=environment_of(checkpoint.path.parent),
        commands=commands_of(given),
    )


def environment_of(run_dir: Path) -> dict[str, Any]:
    """Return what a run was trained with; nothing where that is not known."""
    from bpnet.model.run_files import ENVIRONMENT, read_text

    try:
        found = json.loads(read_text(run_dir / ENVIRONMENT))
    except (BpnetError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def commands_of(given: Path) -> list[tuple[str, str]]:
    """Return commands that repeat what the page shows, with what each does."""
    from bpnet.model.run_files import CONFIG

    commands = [(f"bpnet eval {options.quoted(str(given))}", "scores it again")]
    if what_is_at(given) == DIRECTORY:
        config = options.quoted(str(given / CONFIG))
        commands.insert(0, (f"bpnet train --config {config}", "trains it again"))
        verify = f"bpnet verify-run {options.quoted(str(given))}"
        commands.append((verify, "trains it again, and compares every epoch"))
    return commands
