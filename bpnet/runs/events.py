"""Write TensorBoard's event files while a run is trained.

The library is tensorboardX: it needs neither TensorFlow nor PyTorch, and a tenth of the space that
TensorBoard itself takes, which only those need who look at the files. Its `RecordWriter` writes at
once; its `SummaryWriter` would start a thread, which does not go with processes that are copied.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.disk import DIRECTORY, NOTHING, reason, what_is_at
from bpnet.errors import CheckpointError, DataError
from bpnet.packages import demand_packages
from bpnet.training.observer import Observer

if TYPE_CHECKING:
    from bpnet.training.loop import Trainer

OPTION = "--tensorboard"
PREFIX = "events.out.tfevents."
VERSION = "brain.Event:2"
POINTS = 50  # of the batches' loss in an epoch
TAGS = {  # what an epoch has recorded, and what TensorBoard calls it
    "epoch": "epoch",
    "learning_rate": "learning_rate",
    "samples_per_second": "samples_per_second",
    **{
        f"{samples}_{what}": f"{what}/{samples}"
        for samples in ("train", "validation")
        for what in ("loss", "accuracy", "mae", "mse")
    },
}
OF_TEST = {f"test_{what}": f"{what}/test" for what in ("loss", "accuracy", "mae", "mse")}


def demand_events(folder: Path, run_dir: Path | None, *, resumes: bool) -> None:
    """Make sure, before anything is trained, that event files can be written.

    Args:
        folder: the one that was named; each run has a folder of its own in it.
        run_dir: of the run, if it is known already.
        resumes: the run goes on, and so do its curves.

    Raises:
        ConfigError: tensorboardX is missing.
        DataError: there can be no folder here.
        CheckpointError: another run's curves are where those of this one would be.
    """
    demand_packages("writing TensorBoard's event files", OPTION, "tensorboardX")
    if (found := what_is_at(folder)) not in (DIRECTORY, NOTHING):
        raise DataError("there can be no event files here", where=folder, found=found)
    if run_dir is not None and not resumes and event_files(folder / run_dir.name):
        raise CheckpointError(
            "the folder holds the curves of another run already",
            where=folder / run_dir.name,
            hint=f"choose another place with {OPTION} or --run-dir",
        )


def event_files(folder: Path) -> list[Path]:
    """Return the event files of a folder."""
    return sorted(folder.glob(f"{PREFIX}*"))


class EventWriter(Observer):
    """Write what happens in a run to an event file.

    A point's step is that of training. Each start of a run has a file of its own; that of a resumed
    one tells TensorBoard to forget what was written of later steps, which are taken anew.

    Args:
        folder: for this run alone; made if need be.
        trainer: at the run's first step, or where it goes on.

    Raises:
        DataError: the file cannot be written.
    """

    def __init__(self, folder: Path, trainer: Trainer) -> None:
        from tensorboardX import RecordWriter
        from tensorboardX.proto.event_pb2 import SessionLog

        self.folder = folder
        self._trainer = trainer
        self._losses: list[float] = []
        self._steps_between = 1
        self._step = trainer.progress.step
        before = event_files(folder)
        name = f"{PREFIX}{int(time.time()):010d}.{socket.gethostname()}.{len(before):04d}"
        with self._writing():
            folder.mkdir(parents=True, exist_ok=True)
            self._file = RecordWriter(str((folder / name).absolute()))
        self._write(file_version=VERSION)
        if before:
            log = SessionLog(status=SessionLog.START)
            self._write(step=self._step + 1, session_log=log)
        else:
            self._write_text("config", f"```ini\n{_config_text(trainer)}```")
            for record in trainer.progress.history:
                self.write_epoch(record)
        self.flush()

    def epoch_started(self, epoch: int, steps: int, done: int) -> None:
        """Note how many steps there will be."""
        self._step = (epoch - 1) * steps + done
        self._steps_between = max(1, steps // POINTS)
        self._losses.clear()

    def step_done(self, loss: float) -> None:
        """Write the mean loss of the last batches now and then."""
        self._step += 1
        self._losses.append(loss)
        if len(self._losses) == self._steps_between:
            self._write_numbers({"loss/batch": sum(self._losses) / len(self._losses)}, self._step)
            self._losses.clear()

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Write the epoch's metrics."""
        self.write_epoch(record)
        self.flush()

    def write_epoch(self, record: Mapping[str, Any]) -> None:
        """Write the metrics of an epoch at its last step."""
        numbers = {tag: record[key] for key, tag in TAGS.items() if record.get(key) is not None}
        self._write_numbers(numbers, int(record["step"]))

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the test score, and the settings beside it for TensorBoard's table of runs."""
        from tensorboardX.summary import hparams

        step = self._trainer.progress.step
        numbers = {tag: result[key] for key, tag in OF_TEST.items() if result.get(key) is not None}
        self._write_numbers(numbers, step)
        for summary in hparams(_settings(self._trainer), numbers):
            self._write(step=step, summary=summary)
        self.flush()

    def flush(self) -> None:
        """Bring all that was written to the disk."""
        with self._writing():
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        with self._writing():
            self._file.close()

    def _write_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in numbers.items()]
        self._write(step=step, summary=Summary(value=values))

    def _write_text(self, tag: str, text: str) -> None:
        from tensorboardX.summary import text as summary_of

        self._write(step=self._step, summary=summary_of(tag, text))

    def _write(self, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        event = Event(wall_time=time.time(), **content)
        with self._writing():
            self._file.write(event.SerializeToString())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what the system reports into a DataError."""
        try:
            yield
        except OSError as error:
            raise DataError(
                "the event file cannot be written",
                where=self.folder,
                found=reason(error),
                hint=f"choose another place with {OPTION}",
            ) from error


def _config_text(trainer: Trainer) -> str:
    from bpnet.config.writer import format_config

    return format_config(trainer.config)


def _settings(trainer: Trainer) -> dict[str, Any]:
    """Return the settings that differ from the defaults, and the seed, as plain values."""
    from bpnet.config.ini import read_ini
    from bpnet.config.writer import format_changes

    sections = read_ini(format_changes(trainer.config)).sections
    changed = {
        f"{section}.{key}": _value(entry.values)
        for section, entries in sections.items()
        for key, entry in entries.items()
    }
    return {"train.seed": trainer.config.train.seed} | changed


def _value(lines: Sequence[str]) -> str | float:
    """Return a number where a setting is one."""
    text = ", ".join(lines)
    try:
        return float(text)
    except ValueError:
        return text
