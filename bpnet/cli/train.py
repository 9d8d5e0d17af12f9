"""Train a network and score it on the test set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli import options
from bpnet.cli.checkpoints import CHECKPOINT
from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import (
    FOLDER,
    WORKERS,
    as_json,
    data_dir,
    mirror,
    with_config,
    with_settings,
)
from bpnet.cli.output import note, show_json
from bpnet.cli.run_result import next_commands, tell
from bpnet.cli.run_start import (
    advice_finds_data,
    check_usage,
)

if TYPE_CHECKING:
    from bpnet.cli.bars import RunDisplay
    from bpnet.data.dataset import Dataset
    from bpnet.model.model import Model


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
@options.dataset
@data_dir
@mirror
@click.option(
    "--data-from",
    type=click.Choice(("disk", "rank0")),
    help="Under mpirun, where a rank takes its samples from; default: its own disk if the data set "
    "is there, else rank 0.",
)
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
@click.option("--note", "note_text", metavar="TEXT", help="What `bpnet runs` shows beside the run.")
@click.option("--csv", "writes_table", is_flag=True, help="Keep the metrics in metrics.csv, too.")
@click.option(
    "--tensorboard",
    "events",
    type=FOLDER,
    metavar="DIR",
    help="Also write TensorBoard's event files, to a folder in DIR for each run; needs "
    "tensorboardX (pip install tensorboardX).",
)
@click.option(
    "--seeds",
    metavar="A-B",
    help="Train a run for each seed, such as 1-5 or 1,3,7-9, and tell mean and standard error; "
    "--run-dir is then their folder.",
)
@as_json
def command(
    source: str | None,
    overrides: tuple[str, ...],
    chosen: str | None,
    data_dir: Path | None,
    mirror: str | None,
    data_from: str | None,
    run_dir: Path | None,
    resume: Path | None,
    weights: Path | None,
    epochs: str | None,
    seed: int | None,
    workers: str | None,
    gradients: str | None,
    dry_run: bool,
    writes_report: bool,
    note_text: str | None,
    writes_table: bool,
    events: Path | None,
    seeds: str | None,
    as_json: bool,
) -> None:
    """Train a network and score it on the test set.

    A config is a preset, a worked example (`bpnet presets` lists both) or a file (`bpnet config`
    makes one). The run directory holds config.ini, environment.json, metrics.jsonl, result.json and
    two checkpoints, last.npz and best.npz. Ctrl-C finishes the current step, saves, and shows how
    to continue.
    """
    from bpnet.cli.dry_run import check
    from bpnet.cli.ranks import take_part
    from bpnet.cli.report import PAGE
    from bpnet.cli.train_run import Extras, train_run, write_run_page
    from bpnet.cli.train_seeds import check_seeds_usage, train_seeds
    from bpnet.config.settings import Override
    from bpnet.data.load import with_data_dir
    from bpnet.library.begin_run import Wanted
    from bpnet.library.dataset_choice import is_folder, settings_of
    from bpnet.machine import return_freed_memory
    from bpnet.training.ranks.ranks import ALONE, Ranks

    return_freed_memory()
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
    ranks = click.get_current_context().find_object(Ranks) or ALONE
    if data_from is not None and ranks.count == 1:
        raise click.UsageError("--data-from goes with several ranks, which mpirun starts")
    wanted = Wanted(
        source, overrides, resume, weights, epochs, run_dir, place, mirror,
        ranks=ranks, data_from=data_from,
    )  # fmt: skip
    extras = Extras(note_text, writes_table, events, writes_report)
    if seeds is not None:
        check_seeds_usage(wanted, seed)
    check_usage(wanted)
    if not ranks.leads:
        take_part(wanted)
        return
    extras.demand(wanted)
    if dry_run:
        with advice_finds_data(place):
            if seeds is None:
                wanted.demand_free_place()
            start = wanted.settled()
        check(start, with_data_dir(start.config, place), place, as_json=as_json)
        return
    if seeds is not None:
        train_seeds(seeds, wanted, extras, as_json=as_json)
        return
    trained = train_run(wanted, extras)
    page = trained.run_dir / PAGE if writes_report else None
    result = {"run_dir": str(trained.run_dir)} | trained.result
    result["report"] = None if page is None else str(page)
    if as_json:
        show_json(result)
    else:
        commands = next_commands(trained.model, trained.run_dir, place)
        tell(result, trained.score, trained.where, commands)
    if page is not None:  # last: no failure of the page may hide the score
        note(f"report: {write_run_page(trained.run_dir, place)}")


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
    from bpnet.cli.train_run import train
    from bpnet.library.begin_run import ready_to_train
    from bpnet.library.run_place import config_name, default_run_dir
    from bpnet.library.run_start import RunStart
    from bpnet.training.run_dir import claimed_run_dir

    start = RunStart(model.config)
    with (
        claimed_run_dir(default_run_dir(source), resumes=False) as run_dir,
        ready_to_train(model, dataset, run_dir, start, name=config_name(source)) as trainer,
    ):
        train(trainer, data_dir, display)
    return run_dir
