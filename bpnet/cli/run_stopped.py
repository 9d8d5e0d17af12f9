"""Report how far a run had come when a signal ended it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.cli.options import command_line
from bpnet.cli.run_start import data_option
from bpnet.cli.signals import StopSignal
from bpnet.errors import BpnetError, WorkerError

if TYPE_CHECKING:
    from bpnet.training.loop import Trainer


def unfinished_step(
    kind: type[BpnetError], error: WorkerError, trainer: Trainer, data_dir: Path | None
) -> BpnetError:
    """Return the error for a signal after which the step under way cannot be finished."""
    return kind(
        f"ended in the middle of a step: {error.what}",
        details=["the last checkpoint stays as it was; what came after it is lost"],
        where=trainer.run_dir,
        hint=command_line("train", "--resume", trainer.run_dir, *data_option(data_dir)),
    )


@contextmanager
def finished(run_dir: Path, data_dir: Path | None) -> Iterator[None]:
    """Say that the run is saved where a signal ends what follows its last epoch."""
    try:
        yield
    except StopSignal as stop:
        raise stop.error(
            f"{stop} before the test score was known; the run is finished and saved",
            where=run_dir,
            hint=command_line("eval", run_dir, *data_option(data_dir)),
        ) from stop
