"""Settle what a run begins with: a config, and perhaps an old run or its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import ConfigError
from bpnet.training.ranks.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from bpnet.config.settings import Config
    from bpnet.data.dataset import Dataset
    from bpnet.model.checkpoint import Checkpoint
    from bpnet.model.model import Model
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


class StartObserver:
    """Watch how a run is prepared: these methods are called; by default they do nothing."""

    def resumes(self, checkpoint: Checkpoint) -> None:
        """Receive the checkpoint from which the run goes on."""

    def sends_samples(self, ranks: Sequence[str]) -> None:
        """Receive the names of the ranks to which rank 0 will send samples."""

    def weights_from(self, checkpoint: Checkpoint) -> None:
        """Receive the checkpoint of another run whose weights will be taken."""

    def weights_taken(self, taken: str) -> None:
        """Receive which of them fitted."""


def settle(
    source: str | None,
    overrides: tuple[str, ...],
    resume: Path | None,
    weights: Path | None,
    epochs: str | None,
) -> RunStart:
    """Return what a run begins with.

    Args:
        source: a config file, a preset or an example.
        overrides: `section.key=value` each.
        resume: a checkpoint, or a run directory, that goes on.
        weights: one whose weights a new run takes.
        epochs: in total, or those that are added, such as `+3`.

    Raises:
        ConfigError: these contradict each other, or something is wrong with the config.
        CheckpointError: there is no usable checkpoint.
    """
    from bpnet.config.loading import load_config
    from bpnet.config.settings import Override
    from bpnet.training.resume import load_for_resume, read_epochs
    from bpnet.training.transfer import load_for_transfer

    if resume is not None and weights is not None:
        raise ConfigError("a run goes on, or a new one starts from old weights: give one of them")
    if resume is not None:
        return RunStart(*load_for_resume(resume, source, overrides, epochs))
    if epochs is not None:
        adds, number = read_epochs(epochs)
        if adds:
            raise ConfigError("epochs are added to a run that goes on; name it", found=epochs)
        overrides = (*overrides, Override("train.epochs", number, "--epochs"))
    if weights is not None:
        config, checkpoint = load_for_transfer(weights, source, overrides)
        return RunStart(config, weights=checkpoint)
    if source is None:
        raise ConfigError("nothing says what to train", expected="a config, a preset or an example")
    return RunStart(load_config(source, overrides))


def goes_on_in_place(resume: Path | None, run_dir: Path | None) -> bool:
    """Return whether a run directory is resumed, and not into another one."""
    if resume is None or what_is_at(resume) != DIRECTORY:
        return False
    return run_dir is None or (what_is_at(run_dir) == DIRECTORY and run_dir.samefile(resume))


def prepare(
    start: RunStart,
    config: Config,
    dataset: Dataset,
    observer: StartObserver,
    ranks: Ranks = ALONE,
) -> tuple[Model, dict[str, str] | None]:
    """Build the model for a data set; return it, and where its weights come from if from a run.

    Raises:
        ConfigError: the network does not fit the data or this machine.
        CheckpointError: the run was trained on other data, or none of the old weights fits.
        DataError: validation would leave nothing to train on.
    """
    from bpnet.data.split import samples_per_epoch
    from bpnet.training.resume import demand_same_data
    from bpnet.training.run import prepare_model
    from bpnet.training.shard_sizes import check_shard_sizes

    if start.saved is not None:
        demand_same_data(start.saved, dataset.fingerprint())
        observer.resumes(start.saved)
    model = prepare_model(config, dataset, ranks)
    if start.saved is None:
        check_shard_sizes(model, samples_per_epoch(config, dataset))
    return model, take_weights(model, start.weights, observer)


def take_weights(
    model: Model, weights: Checkpoint | None, observer: StartObserver
) -> dict[str, str] | None:
    """Give a model the weights of a checkpoint that fit, and return their origin."""
    from bpnet.training import transfer

    if weights is None:
        return None
    observer.weights_from(weights)
    observer.weights_taken(str(transfer.take_weights(model.network, weights)))
    return transfer.origin(weights)
