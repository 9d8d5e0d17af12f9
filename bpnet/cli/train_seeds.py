"""Train the same network from several seeds, and tell how their scores lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.options import command_line
from bpnet.cli.output import note, show_json
from bpnet.cli.run_start import data_option
from bpnet.cli.seeds_text import score_text, show_seeds
from bpnet.cli.signals import StopSignal
from bpnet.errors import (
    CheckpointError,
    ConfigError,
    DivergedError,
    HungUpRunError,
    InterruptedRunError,
    TerminatedRunError,
    counted,
    listed,
)

if TYPE_CHECKING:
    from bpnet.cli.train_run import Extras
    from bpnet.library.begin_run import Wanted
    from bpnet.runs.seeds import Spread

STOPPED = (InterruptedRunError, TerminatedRunError, HungUpRunError)
SUMMED = ("test_accuracy", "test_loss", "validation_accuracy")
MAY_DIFFER = ("train.workers", "data.path")  # neither changes a result


def check_seeds_usage(wanted: Wanted, seed: int | None) -> None:
    """Refuse what goes with one run alone.

    Raises:
        UsageError: something does.
    """
    if seed is not None:
        raise click.UsageError("--seed is the seed of one run, and --seeds those of several.")
    if wanted.ranks.count > 1:
        message = "mpirun divides one run among its ranks, and --seeds trains one after the other: "
        raise click.UsageError(f"{message}leave mpirun out, or start a run for each --seed.")
    if wanted.resume is not None:
        message = "--seeds does not resume a run; to go on with several, give --seeds again, with "
        raise click.UsageError(f"{message}the folder that holds them as --run-dir.")


def train_seeds(text: str, wanted: Wanted, extras: Extras, *, as_json: bool) -> None:
    """Train a run for each seed, one after the other, in a folder of their own.

    Runs of the folder that are finished are not trained again, and an interrupted one goes on.

    Args:
        text: which seeds, as the user has named them.
        wanted: what is wanted of every run; its `run_dir` is the folder.
        extras: what else is written of each.
        as_json: print one document instead of text.

    Raises:
        DivergedError: some runs diverged; all others are trained and told first.
    """
    from bpnet.runs.seeds import read_seeds

    seeds = read_seeds(text)
    wanted.settled()  # all that is wrong with the config, before a folder is made
    folder = _folder(wanted)
    again = command_line(
        *("train", *_words(wanted), *extras.options(), "--seeds", text, "--run-dir", folder)
    )
    with _told_how_to_go_on(again, folder):
        runs, failed = _train_all(seeds, wanted, extras, folder)
    spreads = _spreads(runs)
    if as_json:
        plain = {
            name: None if spread is None else dataclasses.asdict(spread)
            for name, spread in spreads.items()
        }
        show_json({"run_dir": str(folder), "runs": runs, "failed": failed, **plain})
    else:
        show_seeds(folder, runs, spreads)
    if failed:
        raise _diverged(failed, len(seeds), folder)


def _train_all(
    seeds: Sequence[int], wanted: Wanted, extras: Extras, folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Train the runs of all seeds; return the rows of those that are finished, and of the others.

    Args:
        seeds: in the order in which they are trained.
        wanted: what is wanted of every run.
        extras: what else is written of each.
        folder: where they lie, absolute.
    """
    if extras.events is not None:
        extras = dataclasses.replace(extras, events=extras.events / folder.name)
    runs: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    wanted_of = {seed: _of_seed(wanted, seed, folder / f"seed{seed}") for seed in seeds}
    for one in wanted_of.values():
        if not _is_begun(one):
            extras.demand(one)
    for place, seed in enumerate(seeds, start=1):
        run_dir = folder / f"seed{seed}"
        note(f"seed {seed} ({place} of {len(seeds)})")
        try:
            runs.append(_trained(wanted_of[seed], extras))
            note(f"seed {seed}: test {score_text(runs[-1])}")
        except DivergedError as error:
            note(f"seed {seed}: {error.what} ({error.parts['where']}); the others go on")
            failed.append({"seed": seed, "run_dir": str(run_dir), "error": error.what})
    return runs, failed


def _diverged(failed: Sequence[dict[str, Any]], runs: int, folder: Path) -> DivergedError:
    """Return the error for runs that diverged, of so many in a folder."""
    seeds = ", ".join(str(one["seed"]) for one in failed)
    return DivergedError(
        f"{len(failed)} of {counted(runs, 'run', 'runs')} diverged, and count nowhere",
        where=folder,
        found=f"seed {seeds}" if len(failed) == 1 else f"seeds {seeds}",
        hint="train with a smaller optimizer.learning_rate, or with train.grad_clip=1",
    )


def _folder(wanted: Wanted) -> Path:
    """Return the folder of the runs, made if need be.

    Raises:
        CheckpointError: it is a run itself, or cannot be made.
    """
    from bpnet.library.run_place import default_run_dir, demand_no_run
    from bpnet.training.claim import RUNS, made

    if wanted.run_dir is None:
        return default_run_dir(wanted.name).absolute()
    demand_no_run(wanted.run_dir, "with --seeds, --run-dir is a folder for several runs")
    return made(wanted.run_dir, RUNS)


@contextmanager
def _told_how_to_go_on(again: str, folder: Path) -> Iterator[None]:
    """Add to what ends the runs early by which command they go on; leave no empty folder."""
    hint = f"to go on, without training finished seeds again: {again}"
    try:
        yield
    except STOPPED as error:
        error.parts["try"] = hint
        raise
    except StopSignal as stop:  # between two runs
        raise stop.error(str(stop), where=folder, hint=hint) from stop
    finally:
        with suppress(OSError):
            folder.rmdir()  # only an empty one goes


def _words(wanted: Wanted) -> list[object]:
    """Return the words of a command that wants the same of every run."""
    settings = [word for one in wanted.overrides for word in ("--set", one)]
    source = [] if wanted.source is None else [wanted.source]
    weights = [] if wanted.weights is None else ["--from", wanted.weights]
    epochs = [] if wanted.epochs is None else ["--epochs", wanted.epochs]
    mirror = [] if wanted.mirror is None else ["--mirror", wanted.mirror]
    return [*source, *weights, *epochs, *settings, *data_option(wanted.data_dir), *mirror]


def _of_seed(wanted: Wanted, seed: int, run_dir: Path) -> Wanted:
    """Return what is wanted of the run of a seed."""
    from bpnet.config.settings import Override

    overrides = (*wanted.overrides, Override("train.seed", seed, "--seeds"))
    return dataclasses.replace(wanted, overrides=overrides, run_dir=run_dir)


def _is_begun(wanted: Wanted) -> bool:
    from bpnet.runs.listing import is_run

    return wanted.run_dir is not None and is_run(wanted.run_dir)


def _trained(wanted: Wanted, extras: Extras) -> dict[str, Any]:
    """Train a run, or go on with it, unless it is finished; return its row, as in `bpnet runs`.

    A finished run is scored again where small files of it are damaged, or wanted and missing.

    Raises:
        CheckpointError: what was trained cannot be read.
    """
    from bpnet.cli.train_run import train_run, write_run_page
    from bpnet.runs.entry import FINISHED, read_entry
    from bpnet.runs.table import row_of

    run_dir = wanted.run_dir
    assert run_dir is not None
    if _is_begun(wanted):
        _demand_same_settings(wanted, run_dir)
        run = read_entry(run_dir, run_dir.name)
        is_scored = run.state == FINISHED and "test_loss" in run.scores
        if is_scored and extras.are_with(run_dir):
            note(f"finished before, in {run_dir}")
            return row_of(run)
        wanted = dataclasses.replace(
            wanted, source=None, overrides=(), weights=None, epochs=None, resume=run_dir
        )
    train_run(wanted, extras)
    if extras.report:
        note(f"report: {write_run_page(run_dir, wanted.data_dir)}")
    run = read_entry(run_dir, run_dir.name)
    if run.state != FINISHED:
        raise CheckpointError("the run cannot be read", where=run_dir, found=run.problem)
    return row_of(run)


def _demand_same_settings(wanted: Wanted, run_dir: Path) -> None:
    """Make sure that a run was begun with the settings that are wanted now.

    Raises:
        ConfigError: it was not.
    """
    from bpnet.runs.comparison import differing, settings_of, texts_of

    differences = differing([settings_of(run_dir), texts_of(wanted.settled().config)])
    others = {key: row for key, row in differences.items() if key not in MAY_DIFFER}
    if others:
        details = [f"{key} is {row[0]} there, but {row[1]} now" for key, row in others.items()]
        raise ConfigError(
            "the runs in this folder were begun with other settings",
            details=listed(details),
            where=run_dir,
            hint="choose another folder with --run-dir, or give the same settings",
        )


def _spreads(runs: Sequence[dict[str, Any]]) -> dict[str, Spread | None]:
    from bpnet.runs.seeds import spread_of

    return {name: spread_of([run[name] for run in runs]) for name in SUMMED}
