"""Settle what a run begins with: a config, and perhaps an old run or its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from bpnet.cli.checkpoints import described
from bpnet.cli.command import MissingWordError
from bpnet.cli.options import as_on
from bpnet.cli.output import note
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import BpnetError, counted

if TYPE_CHECKING:
    from bpnet.config.settings import Config
    from bpnet.data.dataset import Dataset
    from bpnet.model.checkpoint import Checkpoint
    from bpnet.model.model import Model
    from bpnet.training.loop import Trainer
    from bpnet.training.progress import Progress


class RunStart(NamedTuple):
    """Hold what a run begins with.

    Args:
        config: of the run.
        saved: the state from which a resumed run goes on.
        progress: how far that had come.
        weights: the checkpoint from which a new run takes its weights.
    """

    config: Config
    saved: Checkpoint | None = None
    progress: Progress | None = None
    weights: Checkpoint | None = None


def settle(
    source: str | None,
    overrides: tuple[str, ...],
    resume: Path | None,
    weights: Path | None,
    epochs: str | None,
) -> RunStart:
    """Return what the options of `bpnet train` mean together."""
    from bpnet.config.loading import load_config
    from bpnet.config.settings import Override
    from bpnet.training.resume import load_for_resume, read_epochs
    from bpnet.training.transfer import load_for_transfer

    if resume is not None and weights is not None:
        message = "--resume goes on with a run and --from starts a new one; give one of them."
        raise click.UsageError(message)
    if resume is not None:
        return RunStart(*load_for_resume(resume, source, overrides, epochs))
    if epochs is not None:
        adds, number = read_epochs(epochs)
        if adds:
            raise click.UsageError("--epochs +N extends a run; name it with --resume.")
        overrides = (*overrides, Override("train.epochs", number, "--epochs"))
    if weights is not None:
        config, checkpoint = load_for_transfer(weights, source, overrides)
        return RunStart(config, weights=checkpoint)
    if source is None:
        message = "name a config, FILE|PRESET|EXAMPLE: a plain word, or after --config; "
        message += "or --resume a run, or start --from its weights."
        raise MissingWordError(message)
    return RunStart(load_config(source, overrides))


def goes_on_in_place(resume: Path | None, run_dir: Path | None) -> bool:
    """Return whether a run directory is resumed, and not into another one."""
    if resume is None or what_is_at(resume) != DIRECTORY:
        return False
    return run_dir is None or (what_is_at(run_dir) == DIRECTORY and run_dir.samefile(resume))


def prepare(
    start: RunStart, config: Config, dataset: Dataset
) -> tuple[Model, dict[str, str] | None]:
    """Build the model for a data set; return it, and where its weights come from if from a run."""
    from bpnet.training.resume import demand_same_data
    from bpnet.training.run import prepare_model
    from bpnet.training.shard_sizes import check_shard_sizes

    if start.saved is not None:
        demand_same_data(start.saved, dataset.fingerprint())
        warn_of_other_sizes(start.saved.path.parent)
    model = prepare_model(config, dataset)
    if start.saved is None:
        check_shard_sizes(model, len(dataset.train) - config.data.validation)
    return model, take_weights(model, start.weights)


def warn_of_other_sizes(run_dir: Path) -> None:
    """Warn where a run goes on with sizes that fit another processor than before."""
    from bpnet.training.stored_run import other_processor

    if other := other_processor(run_dir):
        note(
            f"warning: the sizes of this run were chosen for another processor, {other}: it goes "
            f"on, but rounds differently; to go on as before, begin the command with {as_on(other)}"
        )


def tell_start(trainer: Trainer) -> None:
    """Write to standard error what is trained on what, and where the run is, in one line."""
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
    held_out = f" ({len(trainer.validation):,} held out)" if len(trainer.validation) else ""
    what = f"{layers} with {parameters} on {samples} of {name}{held_out}"
    note(f"{begins} {what}, in {trainer.run_dir}")


def take_weights(model: Model, weights: Checkpoint | None) -> dict[str, str] | None:
    """Give a model the weights of a checkpoint that fit, and tell which; return their origin."""
    from bpnet.training import transfer

    if weights is None:
        return None
    for warning in weights.warnings():
        note(f"warning: {warning}")
    note(f"weights of {described(str(weights.path.absolute()), weights.epoch)}")
    note(str(transfer.take_weights(model.network, weights)))
    return transfer.origin(weights)


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
