"""Begin a run: its data, its network, its directory, and all that computes it.

`bpnet train` and `bpnet.train` both begin here; they differ in how they watch a run and end it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpnet.errors import CheckpointError, DivergedError
from bpnet.library.run_place import config_name, default_run_dir
from bpnet.library.run_start import RunStart, StartObserver, goes_on_in_place, prepare, settle
from bpnet.training.ranks.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from bpnet.config.settings import Config
    from bpnet.data.dataset import Dataset
    from bpnet.data.files.remote import DownloadObserver
    from bpnet.model.model import Model
    from bpnet.training.loop import Trainer


@dataclass(frozen=True)
class Wanted:
    """Hold what is wanted of a run.

    Args:
        source: a config file, a preset or an example; None where an old run has the config.
        overrides: `section.key=value` each.
        resume: a checkpoint, or a run directory, that goes on; the latter in place.
        weights: one whose weights a new run takes.
        epochs: in total, or those that are added, such as `+3`.
        run_dir: where the run is saved; by default, a new directory below `runs`.
        data_dir: where data sets lie.
        mirror: where they are downloaded from first.
        config: one that was read already, with its overrides, instead of `source`.
        ranks: who else takes part in the run.
        data_from: where a rank takes samples from, `disk` or `rank0`; None to look what is there.
    """

    source: str | None = None
    overrides: tuple[str, ...] = ()
    resume: Path | None = None
    weights: Path | None = None
    epochs: str | None = None
    run_dir: Path | None = None
    data_dir: Path | None = None
    mirror: str | None = None
    config: Config | None = None
    ranks: Ranks = ALONE
    data_from: str | None = None

    @property
    def is_in_place(self) -> bool:
        """Return whether a run directory goes on, and not into another one."""
        return goes_on_in_place(self.resume, self.run_dir)

    @property
    def name(self) -> str:
        """Return what the run is named after."""
        if self.source is not None:
            return self.source
        return "resumed" if self.resume else "retrained" if self.weights else "settings"

    def demand_free_place(self) -> None:
        """Make sure that a new run would replace no file.

        Raises:
            CheckpointError: it would.
        """
        from bpnet.training.run_dir import demand_free

        if self.run_dir is not None and not self.is_in_place:
            demand_free(self.run_dir)

    def settled(self) -> RunStart:
        """Return what the run begins with: see `settle`."""
        if self.config is None:
            return settle(self.source, self.overrides, self.resume, self.weights, self.epochs)
        if self.weights is None:
            return RunStart(self.config)
        from bpnet.training.transfer import load_for_transfer

        return RunStart(self.config, weights=load_for_transfer(self.weights, None, ())[1])


class Begun(NamedTuple):
    """Hold a run that is ready to train.

    Args:
        trainer: at its first step, or where the run goes on.
        dataset: what it learns from.
    """

    trainer: Trainer
    dataset: Dataset


@contextmanager
def begun(
    wanted: Wanted,
    observer: StartObserver,
    *,
    dataset: Dataset | None = None,
    downloads: DownloadObserver | None = None,
) -> Iterator[Begun]:
    """Yield the trainer of a run, at its first step or where it goes on, and its data set.

    Until the block ends, the run's directory is held, its workers are ready, and matrix products
    have the threads that the config says.

    Args:
        wanted: what is wanted of it.
        observer: watches how it is prepared.
        dataset: what it learns from; by default, what the config names.
        downloads: watches how the data set is fetched.

    Raises:
        ConfigError: the config is wrong, or does not fit the data.
        DataError: the data set cannot be had.
        CheckpointError: the directory is not free, or the old run cannot go on.
    """
    from bpnet.background import Background
    from bpnet.data.aside import with_test_aside
    from bpnet.data.load import load_dataset, with_data_dir
    from bpnet.data.presence import is_here
    from bpnet.fast.sizes import describe_choice
    from bpnet.training.ranks.sources import load_on_ranks
    from bpnet.training.run_dir import claimed_run_dir

    ranks = wanted.ranks
    if ranks.leads:
        wanted.demand_free_place()
    run_dir, in_place = wanted.run_dir, ranks.leads and wanted.is_in_place
    with ExitStack() as held:
        if wanted.resume and in_place:  # before reading what another process may replace
            run_dir = held.enter_context(claimed_run_dir(wanted.resume, resumes=True))
        start = ranks.share(wanted.settled)
        config = start.config
        ranks.demand_shards(config.train.shards)
        if dataset is None:
            place, mirror = wanted.data_dir, wanted.mirror
            dataset = load_on_ranks(
                ranks,
                wanted.data_from,
                partial(is_here, config, place),
                partial(load_dataset, config, place, mirror=mirror, progress=downloads),
            )
            if ranks.served and dataset.endless is None:
                observer.sends_samples([ranks.name(rank) for rank in ranks.served])
            if ranks.number not in ranks.served:
                config = with_data_dir(config, place)
        dataset = with_test_aside(dataset)
        fingerprint = Background(dataset.fingerprint)  # wanted later: it is kept
        model, origin = prepare(start, config, dataset, observer, ranks)
        ranks.demand_same("data set", fingerprint.result())
        ranks.demand_same("sizes for the processor", describe_choice())
        if ranks.leads and (run_dir is None or not in_place):
            run_dir = run_dir or default_run_dir(wanted.name)
            run_dir = held.enter_context(claimed_run_dir(run_dir, resumes=False))
        agreed = ranks.share(lambda: run_dir)
        assert agreed is not None
        name = config_name(wanted.source, wanted.weights)
        ready = ready_to_train(model, dataset, agreed, start, origin, name, ranks)
        yield Begun(held.enter_context(ready), dataset)


@contextmanager
def ready_to_train(
    model: Model,
    dataset: Dataset,
    run_dir: Path,
    start: RunStart,
    origin: dict[str, str] | None = None,
    name: str | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Trainer]:
    """Yield a trainer whose workers are ready until the block ends.

    Args:
        model: with its starting weights; trained in place.
        dataset: what it learns from.
        run_dir: where the run is saved; held by this process.
        start: what the run begins with.
        origin: where its weights come from, if from another run.
        name: of the preset or config that is trained, for those who list runs.
        ranks: who else takes part in the run; rank 0 alone writes files.
    """
    from bpnet.machine import blas_threads
    from bpnet.training.run import build_trainer, choose_workers, describe_run

    config = model.config
    with blas_threads(config.train.blas_threads), choose_workers(config) as workers:
        saved, progress = start.saved, start.progress
        trainer = build_trainer(model, dataset, run_dir, workers, saved, progress, ranks)
        trainer.started_from = trainer.started_from or origin
        if ranks.leads:
            describe_run(run_dir, trainer, name, None if saved is None else saved.path.parent)
        try:
            yield trainer
        except DivergedError as error:
            if ranks.leads:
                _note_divergence(run_dir, error)
            raise


def _note_divergence(run_dir: Path, error: DivergedError) -> None:
    """Note for those who list runs that one diverged; a full disk hides no other error."""
    from bpnet.runs.ending import DIVERGED, Ending, write_ending

    with suppress(CheckpointError):
        write_ending(run_dir, Ending(DIVERGED, f"{error.what} ({error.parts['where']})"))
