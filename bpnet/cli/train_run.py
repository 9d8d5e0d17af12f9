"""Train one run to its end and score it, with all that is written beside its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bpnet.cli.options import command_line
from bpnet.cli.output import note
from bpnet.cli.run_result import tell_ending
from bpnet.cli.run_start import StartNotes, advice_finds_data, data_option, tell_start
from bpnet.cli.run_stopped import finished, unfinished_step
from bpnet.errors import WorkerError
from bpnet.library.figures import training_loss_name

if TYPE_CHECKING:
    from bpnet.cli.bars import RunDisplay
    from bpnet.library.begin_run import Wanted
    from bpnet.model.model import Model
    from bpnet.model.score import Score
    from bpnet.runs.events import EventWriter
    from bpnet.training.loop import Trainer
    from bpnet.training.observer import Observer


@dataclass(frozen=True)
class Extras:
    """Hold what else is written about a run.

    Args:
        note: what the user says about it; None leaves the note of a resumed run.
        table: write `metrics.csv`.
        events: where TensorBoard's event files go, into a folder for each run.
        report: write `report.html`.
    """

    note: str | None = None
    table: bool = False
    events: Path | None = None
    report: bool = False

    def options(self) -> list[object]:
        """Return the options that ask for all of it, for a command that is suggested."""
        return [
            *([] if self.note is None else ["--note", self.note]),
            *(["--csv"] if self.table else []),
            *self.options_to_resume(),
        ]

    def options_to_resume(self) -> list[object]:
        """Return those of them that a run directory does not remember."""
        events = [] if self.events is None else ["--tensorboard", self.events]
        return [*events, *(["--report"] if self.report else [])]

    def demand(self, wanted: Wanted) -> None:
        """Make sure, before anything is written, that all of it can be.

        Raises:
            ConfigError: a library is missing, or the note is none.
            DataError: there can be no event files in that place.
            CheckpointError: those of another run are there.
        """
        from bpnet.cli.report import NEEDED
        from bpnet.html.page import demand
        from bpnet.runs.events import demand_events
        from bpnet.runs.note import check_note

        if self.report:
            demand("--report", *NEEDED)
        if self.note is not None:
            check_note(self.note)
        if self.events is not None:
            demand_events(self.events, wanted.run_dir, resumes=wanted.resume is not None)

    def are_with(self, run_dir: Path) -> bool:
        """Return whether a run has all of it."""
        from bpnet.cli.report import PAGE
        from bpnet.model.run_files import METRICS_TABLE
        from bpnet.runs.events import event_files
        from bpnet.runs.note import check_note, read_note

        return (
            (self.note is None or read_note(run_dir) == (check_note(self.note) or None))
            and (not self.table or (run_dir / METRICS_TABLE).is_file())
            and (self.events is None or bool(event_files(self.events / run_dir.name)))
            and (not self.report or (run_dir / PAGE).is_file())
        )


class Trained(NamedTuple):
    """Hold a finished run.

    Args:
        model: what was trained.
        run_dir: where it is, absolute.
        score: that of its best checkpoint on the test set.
        result: what it came to, in plain values.
        where: words for the samples that were scored.
    """

    model: Model
    run_dir: Path
    score: Score
    result: dict[str, Any]
    where: str


def train_run(wanted: Wanted, extras: Extras) -> Trained:
    """Train until the run is finished, and score it; the progress goes to standard error."""
    from bpnet.cli.bars import RunDisplay
    from bpnet.cli.download_progress import DownloadProgress
    from bpnet.library.begin_run import begun
    from bpnet.runs.note import write_note
    from bpnet.training.run import finish_run
    from bpnet.training.saving import write_metrics_table

    place = wanted.data_dir
    with ExitStack() as held:
        with advice_finds_data(place):
            run = begun(wanted, StartNotes(), downloads=DownloadProgress())
            trainer, dataset = held.enter_context(run)
        run_dir = trainer.run_dir
        if extras.note is not None:
            write_note(run_dir, extras.note)
        if extras.table:
            write_metrics_table(run_dir, trainer.progress.history)
        events = open_events(extras, trainer, held)
        tell_start(trainer, place)
        display = RunDisplay(trainer.progress.ends[-1], training_loss_name(trainer.model))
        others = [] if events is None else [events]
        train(trainer, place, display, others, extras.options_to_resume())
        with finished(run_dir, place):
            score, result = finish_run(trainer, dataset)
            if events is not None:
                events.write_result(result)
                note(f"TensorBoard: {events.folder}")
    where = "on the table itself:" if dataset.has_no_test else "test"
    return Trained(trainer.model, run_dir, score, result, where)


def open_events(extras: Extras, trainer: Trainer, held: ExitStack) -> EventWriter | None:
    """Return what writes event files, if it is wanted; it is closed when `held` ends."""
    if extras.events is None:
        return None
    from bpnet.runs.events import EventWriter

    events = EventWriter(extras.events.absolute() / trainer.run_dir.name, trainer)
    held.callback(events.close)
    return events


def train(
    trainer: Trainer,
    data_dir: Path | None,
    display: RunDisplay,
    others: Sequence[Observer] = (),
    options: Sequence[object] = (),
) -> None:
    """Train and show the progress; a signal ends the run after a step, with everything saved.

    Args:
        trainer: of the run.
        data_dir: where the data set was found, for the command that resumes after a signal.
        display: shows the progress.
        others: watch the run as well.
        options: with which that command does as this one did.
    """
    from bpnet.cli.signals import stop_request
    from bpnet.training.observer import Observers

    trainer.observer = Observers([display, *others])
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
        stop.signal = stop() or trainer.ranks.stopped_by()  # which another rank may have received
        progress = trainer.progress
        place = f"epoch {min(progress.epoch + 1, progress.ends[-1])}, step {progress.step}"
        raise stop.error()(
            f"stopped at {place}; the run is saved",
            where=trainer.run_dir,
            hint=command_line(
                "train", "--resume", trainer.run_dir, *data_option(data_dir), *options
            ),
        )
    with finished(trainer.run_dir, data_dir):
        tell_ending(trainer, data_dir)


def write_run_page(run_dir: Path, data_dir: Path | None) -> Path:
    """Write the page of a run into its directory, and return where it is."""
    from bpnet.cli.report import PAGE, write_report
    from bpnet.cli.report_data import Question

    page = run_dir / PAGE
    write_report([run_dir], Question(data_dir=data_dir), page, option=None)
    return page
