"""Train a network and score it on the test set."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT
from bpnet.cli.options import (
    PATH,
    ConfigCommand,
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
    StartNotes,
    advice_finds_data,
    check_usage,
    data_option,
    tell_start,
)
from bpnet.cli.run_stopped import finished, unfinished_step
from bpnet.errors import WorkerError

if TYPE_CHECKING:
    from bpnet.cli.bars import RunDisplay
    from bpnet.data.dataset import Dataset
    from bpnet.model.model import Model
    from bpnet.training.loop import Trainer


@click.command(cls=ConfigCommand)
@with_config("What to train, and how.")
@with_settings
@options.dataset
@data_dir
@mirror
@click.option(
    "--run-dir",
    type=PATH,
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
    "--epochs", metavar="N|+N", help="Epochs in total, or N more than a finished run has."
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of all random draws.")
@click.option(
    "--workers", metavar="N|KIND", help='For example 2, threads, processes, "2 threads" or auto.'
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

    The run directory holds config.ini, environment.json, metrics.jsonl and two checkpoints,
    last.npz and best.npz. Ctrl-C finishes the current step, saves, and shows how to continue.
    """
    from bpnet.cli.bars import RunDisplay
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.cli.dry_run import check
    from bpnet.cli.report import NEEDED, PAGE, write_report
    from bpnet.cli.report_data import Question
    from bpnet.config.settings import Override
    from bpnet.data.load import with_data_dir
    from bpnet.html.page import demand
    from bpnet.library.begin_run import Wanted, begun
    from bpnet.library.dataset_choice import is_folder, settings_of
    from bpnet.model.run_files import BEST
    from bpnet.training import run as runs

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
        overrides += tuple(
            Override(f"data.{name}", value, "--dataset")
            for name, value in settings_of(chosen).items()
        )
    place = None if is_folder(chosen) else data_dir
    wanted = Wanted(source, overrides, resume, weights, epochs, run_dir, place, mirror)
    check_usage(wanted)
    if dry_run:
        with advice_finds_data(place):
            wanted.demand_free_place()
            start = wanted.settled()
        check(start, with_data_dir(start.config, place), place, as_json=as_json)
        return
    with ExitStack() as held:
        with advice_finds_data(place):
            run = begun(wanted, StartNotes(), downloads=DownloadProgress())
            trainer, dataset = held.enter_context(run)
        tell_start(trainer)
        display = RunDisplay(trainer.progress.ends[-1], training_loss_name(trainer.model))
        _run(trainer, place, display)
        with finished(trainer.run_dir, place):
            score = runs.final_score(trainer.run_dir / BEST, dataset, trainer.workers)
    model, run_dir = trainer.model, trainer.run_dir
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
    from bpnet.library.begin_run import ready_to_train
    from bpnet.library.run_place import config_name, default_run_dir
    from bpnet.library.run_start import RunStart
    from bpnet.training.run_dir import claimed_run_dir

    start = RunStart(model.config)
    with (
        claimed_run_dir(default_run_dir(source), resumes=False) as run_dir,
        ready_to_train(model, dataset, run_dir, start, name=config_name(source)) as trainer,
    ):
        _run(trainer, data_dir, display)
    return run_dir


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
