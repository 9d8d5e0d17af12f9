"""Tell what a run begins with, and refuse options that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpnet.cli.command import MissingWordError
from bpnet.cli.options import as_on, command_line
from bpnet.cli.output import note
from bpnet.errors import BpnetError, counted, listed
from bpnet.library.opening import described
from bpnet.library.run_start import StartObserver

if TYPE_CHECKING:
    from bpnet.library.begin_run import Wanted
    from bpnet.model.checkpoint import Checkpoint
    from bpnet.training.loop import Trainer


def check_usage(wanted: Wanted) -> None:
    """Refuse options that contradict each other, or say too little.

    Raises:
        UsageError: they do.
        ConfigError: --epochs is no number.
    """
    from bpnet.training.resume import read_epochs

    if wanted.resume is not None:
        if wanted.weights is not None:
            message = "--resume goes on with a run and --from starts a new one; give one of them."
            raise click.UsageError(message)
        return
    if wanted.epochs is not None and read_epochs(wanted.epochs)[0]:
        raise click.UsageError("--epochs +N extends a run; name it with --resume.")
    if wanted.weights is None and wanted.source is None:
        message = "name a config, FILE|PRESET|EXAMPLE: a plain word, or after --config; "
        message += "or --resume a run, or start --from its weights."
        raise MissingWordError(message)


class StartNotes(StartObserver):
    """Write to standard error what the user should know before a run begins."""

    def resumes(self, checkpoint: Checkpoint) -> None:
        """Warn where the run goes on with sizes that fit another processor than before."""
        from bpnet.training.stored_run import other_processor

        if other := other_processor(checkpoint.path.parent):
            note(
                f"warning: the sizes of this run were chosen for another processor, {other}: it "
                "goes on, but rounds differently; to go on as before, begin the command with "
                f"{as_on(other)}"
            )

    def sends_samples(self, ranks: Sequence[str]) -> None:
        """Tell which ranks lack the data set, or want to be sent it."""
        note(f"rank 0 sends samples to {'; '.join(listed(ranks))}")

    def weights_from(self, checkpoint: Checkpoint) -> None:
        """Tell whose weights are taken, and why not to trust them."""
        for warning in checkpoint.warnings():
            note(f"warning: {warning}")
        note(f"weights of {described(str(checkpoint.path.absolute()), checkpoint.epoch)}")

    def weights_taken(self, taken: str) -> None:
        """Tell which of them were taken."""
        note(taken)


def tell_start(trainer: Trainer, data_dir: Path | None = None) -> None:
    """Write to standard error what is trained on what, and where the run is, in one line.

    Of a finished run a second line tells how it is extended.
    """
    network, data, progress = trainer.model.network, trainer.config.data, trainer.progress
    begins = "training"
    if progress.finished:
        begins = f"finished after epoch {progress.epoch}:"
    elif progress.step:
        begins = f"resuming in epoch {progress.epoch + 1} of {progress.ends[-1]}:"
    layers = counted(len(network.layers), "layer", "layers")
    parameters = counted(network.parameters.flat.size, "parameter", "parameters")
    samples = counted(len(trainer.training), "sample", "samples")
    name = {"idx": data.path, "table": "the table"}.get(data.dataset, data.dataset)
    if trainer.dataset.endless is not None:
        samples, name = f"{samples} an epoch", "endless digits"
    held_out = f" ({len(trainer.validation):,} held out)" if len(trainer.validation) else ""
    what = f"{layers} with {parameters} on {samples} of {name}{held_out}"
    note(f"{begins} {what}, in {trainer.run_dir}")
    if progress.finished:
        words = ("--resume", trainer.run_dir, "--epochs", "+2", *data_option(data_dir))
        note(f"nothing is left to train; to extend the run: {command_line('train', *words)}")


def data_option(data_dir: Path | None) -> list[object]:
    """Return the options by which a suggested command finds the same data."""
    return ["--data-dir", data_dir] if data_dir else []


@contextmanager
def advice_finds_data(data_dir: Path | None) -> Iterator[None]:
    """Let the training that an error advises find the same data."""
    try:
        yield
    except BpnetError as error:
        if error.command[:1] == ("train",):
            error.command = (*error.command, *map(str, data_option(data_dir)))
        raise
