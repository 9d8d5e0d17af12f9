"""Train many settings and seeds, compare them by validation, and score the best."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bpnet.cli.command import BpnetCommand
from bpnet.cli.options import FOLDER, Offered, as_json, command_line, data_dir, mirror
from bpnet.cli.output import note, show_json
from bpnet.cli.report import PAGE
from bpnet.cli.sweep_options import SweepOptions, demand_alone
from bpnet.errors import BpnetError, CheckFailedError, DivergedError, counted

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from bpnet.cli.signals import StopRequest
    from bpnet.sweep.driver import Driver
    from bpnet.sweep.ranking import Standing
    from bpnet.sweep.settings import Sweep
    from bpnet.sweep.task import Outcome
    from bpnet.sweep.trials import Trial


@click.command(
    cls=BpnetCommand,
    examples={
        "sweep learning-rate": "an example: twelve short runs, no download",
        "sweep learning-rate --dry-run": "which runs these are",
        "sweep SWEEP.ini --jobs 4 --run-dir runs/rates": "four runs side by side",
        "sweep runs/rates": "go on after any interruption",
        "sweep SWEEP.ini --scheduler tcp://10.0.0.1:8786": "on a Dask cluster",
    },
)
@click.argument("path", type=Offered("sweeps"), metavar="SWEEP.ini|EXAMPLE|FOLDER")
@click.option(
    "--run-dir",
    type=FOLDER,
    metavar="DIR",
    help="Folder of the sweep and its runs; default: runs/sweep-<name>-<time>.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Runs side by side on this machine; default: one for each core.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Train on the workers of the Dask cluster with this scheduler; they need bpnet, the data "
    "sets, and --run-dir under the same path.",
)
@data_dir
@mirror
@click.option(
    "--report",
    "writes_report",
    is_flag=True,
    help="Write the sweep's page, report.html, at the end.",
)
@click.option("--dry-run", is_flag=True, help="Check all configs and list the runs; write nothing.")
@as_json
def command(
    path: str,
    run_dir: Path | None,
    jobs: int | None,
    scheduler: str | None,
    data_dir: Path | None,
    mirror: str | None,
    writes_report: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train many settings and seeds, and score the best by validation on the test set.

    SWEEP.ini names a config, what to vary and with which seeds, and how: a grid, drawn at random,
    or by successive halving (bpnet/README.md, "Sweeps"). Each run is a directory in the sweep's
    folder; `sweep.jsonl` there holds what came of each. A run that fails or diverges is told and
    ends nothing. Ctrl-C saves everything; `bpnet sweep FOLDER` goes on.
    """
    from bpnet.sweep.place import find_sweep
    from bpnet.sweep.trials import trials_of

    demand_alone()
    if jobs is not None and scheduler is not None:
        message = "--jobs counts runs on this machine; those of a cluster are its workers' threads."
        raise click.UsageError(message)
    sweep, folder = find_sweep(Path(path))
    if folder is not None and run_dir is not None and folder.absolute() != run_dir.absolute():
        raise click.UsageError("a sweep's folder goes on where it is: leave --run-dir out.")
    trials = trials_of(sweep)
    if dry_run:
        from bpnet.cli.sweep_text import show_plan

        show_plan(sweep, trials, as_json=as_json)
        return
    options = SweepOptions(jobs, scheduler, data_dir, mirror, writes_report)
    options.demand(sweep)
    if scheduler is None:
        _fetch_data(sweep, options)
    with options.executor() as executor:
        place = folder or run_dir or _default_folder(path)
        result, failure = _swept(sweep, trials, place, options, executor, as_json=as_json)
    if as_json:
        show_json(result)
    if writes_report:  # behind all else: no failure of the page may hide a score
        from bpnet.cli.sweep_page import write_sweep_page

        page = Path(result["report"])
        note(f"report: {write_sweep_page(page.parent, page)}")
    if failure is not None:
        raise failure


def _default_folder(path: str) -> Path:
    from bpnet.library.run_place import default_run_dir

    return default_run_dir(f"sweep-{Path(path).stem}")


def _swept(
    sweep: Sweep,
    trials: list[Trial],
    place: Path,
    options: SweepOptions,
    executor: Executor,
    *,
    as_json: bool,
) -> tuple[dict[str, Any], BpnetError | None]:
    """Train all runs, score the chosen ones, and tell what came of it.

    Returns:
        The document, and the error with which the command ends, if no trial could be chosen.
    """
    from bpnet.cli.signals import stop_request
    from bpnet.cli.sweep_display import display_for
    from bpnet.cli.sweep_text import document, show_result, tell_failed
    from bpnet.sweep.driver import Driver, Surroundings
    from bpnet.sweep.place import claimed_folder
    from bpnet.sweep.ranking import chosen, ranked

    with claimed_folder(place, sweep) as folder:
        seeds = counted(len(sweep.settings.seeds), "seed", "seeds")
        note(f"{counted(len(trials), 'trial', 'trials')} with {seeds} each, in {folder}")
        around = Surroundings(folder, options.workers, options.data_dir, options.mirror)
        with (
            _told_how_to_go_on(folder, options),
            stop_request() as stop,
            display_for(sweep.settings, folder) as display,
        ):
            driver = Driver(sweep.settings, trials, around, executor, display)
            if driver.journal.is_torn:
                note(f"warning: the last line of {driver.journal.path} is torn, and left out")
            is_done = driver.run(lambda: bool(stop()))
            standings = ranked(sweep.settings, trials, driver.journal.rows)
            best = chosen(standings)
            scores = _scores(driver, best, is_done, stop, folder)
    result = document(sweep, folder, standings, best, scores)
    result["report"] = str(folder / PAGE) if options.report else None
    if not as_json:
        show_result(sweep, folder, standings, best, scores, options.words)
    tell_failed(standings, folder, options.words)
    return result, _failure(standings, best, scores, folder)


def _scores(
    driver: Driver, best: Standing | None, is_done: bool, stop: StopRequest, folder: Path
) -> list[Outcome]:
    """Return what the test set says of the chosen trial's runs.

    Raises:
        BpnetError: the sweep was ended before.
    """
    scores = None
    if is_done:
        if best is not None:
            _tell_scored(driver, best)
        scores = driver.score(best.rows, lambda: bool(stop())) if best is not None else []
    if stop():
        ended = len(driver.journal.rows)
        saved = "those under way are saved"
        if driver.under_way:
            left = counted(len(driver.under_way), "run is", "runs are")
            saved = f"{left} still under way, and will save after the step"
        what = f"stopped after {counted(ended, 'run', 'runs')}; {saved}"
        raise stop.error()(what, where=folder)
    if scores is None:
        raise BpnetError("some runs were given up by what computed them", where=folder)
    return scores


def _tell_scored(driver: Driver, best: Standing) -> None:
    """Warn where runs of other trials have read the test set, before the sweep grew or by hand."""
    from bpnet.model.run_files import RESULT

    numbers = {
        row.trial
        for row in driver.journal.rows.values()
        if row.trial != best.trial.number
        and (driver.around.folder / row.run_dir / RESULT).is_file()
    }
    if numbers:
        trials = ", ".join(map(str, sorted(numbers)))
        note(f"warning: the test set was read before, by trial {trials}: it is no longer unseen")


@contextmanager
def _told_how_to_go_on(folder: Path, options: SweepOptions) -> Iterator[None]:
    """Add to what ends a sweep early by which command it goes on."""
    from bpnet.cli.signals import StopSignal

    hint = f"to go on: {command_line('sweep', folder, *options.words)}"
    try:
        yield
    except BpnetError as error:
        if error.parts["try"] is None:
            error.parts["try"] = hint
        raise
    except StopSignal as stop:
        raise stop.error(str(stop), where=folder, hint=hint) from stop


def _fetch_data(sweep: Sweep, options: SweepOptions) -> None:
    """Fetch or draw the data set once, before several runs want it at the same time."""
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.config.loading import load_config
    from bpnet.data.load import load_dataset, with_data_dir

    config = load_config(sweep.base, sweep.overrides(sweep.fixed))
    config = with_data_dir(config, options.data_dir)
    load_dataset(config, options.data_dir, mirror=options.mirror, progress=DownloadProgress())


def _failure(
    standings: list[Standing], best: Standing | None, scores: list[Outcome], folder: Path
) -> BpnetError | None:
    """Return the error for a sweep of which no trial can be chosen, or the chosen one scored."""
    from bpnet.sweep.journal import DIVERGED

    if best is None:
        what = "no trial has finished all of its runs"
        ends = [(row.state, row.error) for one in standings for row in one.rows]
    else:
        what = "the chosen trial could not be scored"
        unscored = [score for score in scores if score.get("test_loss") is None]
        ends = [(score["state"], score["error"]) for score in unscored]
        if not unscored:
            return None
    kind = DivergedError if any(state == DIVERGED for state, _ in ends) else CheckFailedError
    return kind(what, where=folder, found=next((error for _, error in ends if error), None))
