"""Train a network and score it on the test set."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli import dataset_option
from bpnet.cli.checkpoints import CHECKPOINT
from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import (
    FOLDER,
    WORKERS,
    as_json,
    command_line,
    data_dir,
    mirror,
    training_loss_name,
    with_config,
    with_settings,
)
from bpnet.cli.output import note, show_json
from bpnet.cli.run_result import next_commands, tell, tell_ending
from bpnet.cli.run_start import (
    RunStart,
    advice_finds_data,
    data_option,
    goes_on_in_place,
    prepare,
    settle,
    tell_start,
)
from bpnet.cli.run_stopped import finished, unfinished_step
from bpnet.errors import WorkerError

if TYPE_CHECKING:
    from bpnet.cli.bars import RunDisplay
    from bpnet.data.dataset import Dataset
    from bpnet.model.model import Model
    from bpnet.model.score import Score
    from bpnet.training.loop import Trainer


@click.command(
    cls=BpnetCommand,
    examples={
        "train quickstart": "drawn digits: no download, done in seconds",
        "train lenet5 --epochs 3 --seed 7": "a short run on MNIST (11 MB to download)",
        "train mlp --set optimizer.learning_rate=0.1": "one setting changed",
        "train --resume last --epochs +2": "go on with the newest run",
        "train mlp --dry-run": "check everything, and write nothing",
    },
)
@with_config("What to train, and how.")
@click.option(
    "--epochs", metavar="N|+N", help="Epochs in total, or N more than a finished run has."
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of all random draws.")
@with_settings
@dataset_option.dataset
@data_dir
@mirror
@click.option(
    "--run-dir",
    type=FOLDER,
    metavar="DIR",
    help="Where to save the run; default: runs/<preset>-<time>.",
)
@click.option(
    "--resume",
    type=CHECKPOINT,
    metavar="CHECKPOINT|RUN_DIR",
    help="Continue from here; a run directory is continued in place.",
)
@click.option(
    "--from",
    "weights",
    type=CHECKPOINT,
    metavar="CHECKPOINT|RUN_DIR",
    help="Start a new run with these weights, as far as they fit; a run directory's best ones. "
    "Without --config, the settings are theirs.",
)
@click.option(
    "--workers",
    type=WORKERS,
    metavar="N|KIND",
    help='For example 2, threads, processes, "2 threads" or auto.',
)
@click.option(
    "--gradients",
    type=click.Choice(("backpropagation", "finite-differences")),
    help="How gradients are taken; by finite differences, as before backpropagation, a small "
    "network learns the same, but slowly.",
)
@click.option("--dry-run", is_flag=True, help="Check config, data and shapes; write nothing.")
@click.option(
    "--report", "writes_report", is_flag=True, help="Write the run's page, report.html, at the end."
)
@as_json
def command(
    source: str | None,
    overrides: tuple[str, ...],
    chosen: str | None,
    data_dir: Path | None,
    mirror: str | None,
    run_dir: Path | None,
    resume: Path | None,
    weights: Path | None,
    epochs: str | None,
    seed: int | None,
    workers: str | None,
    gradients: str | None,
    dry_run: bool,
    writes_report: bool,
    as_json: bool,
) -> None:
    """Train a network and score it on the test set.

    A config is a preset, a worked example (`bpnet presets` lists both) or a file (`bpnet config`
    makes one). The run directory holds config.ini, environment.json, metrics.jsonl and two
    checkpoints, last.npz and best.npz. Ctrl-C finishes the current step, saves, and shows how to
    continue.
    """
    from bpnet.background import Background
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.cli.dry_run import check
    from bpnet.cli.report import NEEDED, PAGE, write_report
    from bpnet.cli.report_data import Question
    from bpnet.config.settings import Override
    from bpnet.data.load import load_dataset, with_data_dir
    from bpnet.html.page import demand
    from bpnet.training import run as runs
    from bpnet.training.run_dir import claimed_run_dir, demand_free

    if writes_report:
        demand("--report", *NEEDED)
    given = {"workers": workers, "seed": seed}
    given["gradients"] = None if gradients is None else gradients.replace("-", "_")
    overrides += tuple(
        Override(f"train.{name}", value, f"--{name}")
        for name, value in given.items()
        if value is not None
    )
    if chosen is not None:
        settings = dataset_option.settings_of(chosen)
        overrides += tuple(
            Override(f"data.{name}", value, "--dataset") for name, value in settings.items()
        )
    place = None if dataset_option.is_folder(chosen) else data_dir
    in_place = goes_on_in_place(resume, run_dir)
    if run_dir is not None and not in_place:
        with advice_finds_data(place):
            demand_free(run_dir)
    with ExitStack() as held:
        if resume and in_place and not dry_run:  # before reading what another process may replace
            run_dir = held.enter_context(claimed_run_dir(resume, resumes=True))
        with advice_finds_data(place):
            start = settle(source, overrides, resume, weights, epochs)
        config = with_data_dir(start.config, place)
        if dry_run:
            check(start, config, place, as_json=as_json)
            return
        dataset = load_dataset(config, place, mirror=mirror, progress=DownloadProgress())
        fingerprint = Background(dataset.fingerprint)  # wanted later: it is kept
        model, origin = prepare(start, config, dataset)
        fingerprint.result()
        if run_dir is None or not in_place:
            run_dir = run_dir or default_run_dir(source or ("resumed" if resume else "retrained"))
            run_dir = held.enter_context(claimed_run_dir(run_dir, resumes=False))
        trainer, score = _train_and_score(start, model, origin, dataset, run_dir, place)
    result = {"run_dir": str(run_dir)} | runs.result(trainer, score)
    page = run_dir.absolute() / PAGE if writes_report else None
    result["report"] = None if page is None else str(page)
    if as_json:
        show_json(result)
    else:
        where = "on the table itself:" if dataset.has_no_test else "test"
        tell(result, score, where, next_commands(model, run_dir, place))
    if page is not None:  # last: no failure of the page may hide the score
        write_report([run_dir], Question(data_dir=place), page, option=None)
        note(f"report: {page}")


def default_run_dir(source: str) -> Path:
    """Make a directory, new to this run, named after the config and the time."""
    from bpnet.training.saving import writing

    first = path = Path("runs") / f"{Path(source).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    with writing("the run directory", path):
        path.parent.mkdir(exist_ok=True)
        while True:
            try:
                path.mkdir()
            except FileExistsError:  # runs may start side by side
                number += 1
                path = first.with_name(f"{first.name}-{number}")
            else:
                return path


def train_anew(
    model: Model, dataset: Dataset, source: str, data_dir: Path | None, display: RunDisplay
) -> Path:
    """Train a network in a new run directory, which is returned; the test set is not read.

    Args:
        model: with its starting weights; trained in place.
        dataset: what it learns from.
        source: names the run directory.
        data_dir: where the data set was found, for the command that resumes after a signal.
        display: shows the progress of the run.
    """
    from bpnet.machine import blas_threads
    from bpnet.training import run as runs
    from bpnet.training.run_dir import claimed_run_dir

    config = model.config
    with (
        claimed_run_dir(default_run_dir(source), resumes=False) as run_dir,
        blas_threads(config.train.blas_threads),
        runs.choose_workers(config) as pool,
    ):
        trainer = runs.build_trainer(model, dataset, run_dir, pool, None, None)
        runs.describe_run(run_dir, trainer)
        _run(trainer, data_dir, display)
    return run_dir


def _train_and_score(
    start: RunStart,
    model: Model,
    origin: dict[str, str] | None,
    dataset: Dataset,
    run_dir: Path,
    data_dir: Path | None,
) -> tuple[Trainer, Score]:
    """Train until the run is finished; return its trainer, and the test score of the best epoch."""
    from bpnet.cli.bars import RunDisplay
    from bpnet.machine import blas_threads
    from bpnet.model.run_files import BEST
    from bpnet.training import run as runs

    config = model.config
    with blas_threads(config.train.blas_threads), runs.choose_workers(config) as pool:
        trainer = runs.build_trainer(model, dataset, run_dir, pool, start.saved, start.progress)
        trainer.started_from = trainer.started_from or origin
        runs.describe_run(run_dir, trainer)
        tell_start(trainer)
        display = RunDisplay(trainer.progress.ends[-1], training_loss_name(model))
        _run(trainer, data_dir, display)
        with finished(run_dir, data_dir):
            return trainer, runs.final_score(run_dir / BEST, dataset, pool)


def _run(trainer: Trainer, data_dir: Path | None, display: RunDisplay) -> None:
    """Train and show the progress; a signal ends the run after a step, with everything saved."""
    from bpnet.cli.signals import stop_request

    trainer.observer = display
    with stop_request() as stop, advice_finds_data(data_dir):
        try:
            is_done = trainer.run(stop)
        except WorkerError as error:
            if stop():
                raise unfinished_step(stop.error(), error, trainer, data_dir) from error
            error.parts["try"] = f"{error.parts['try']}; go on with"
            error.command = ("train", "--resume", str(trainer.run_dir))
            raise
        finally:
            display.close()
    if stop() or not is_done:
        progress = trainer.progress
        place = f"epoch {min(progress.epoch + 1, progress.ends[-1])}, step {progress.step}"
        raise stop.error()(
            f"stopped at {place}; the run is saved",
            where=trainer.run_dir,
            hint=command_line("train", "--resume", trainer.run_dir, *data_option(data_dir)),
        )
    with finished(trainer.run_dir, data_dir):
        tell_ending(trainer, data_dir)
