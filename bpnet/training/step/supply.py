"""Choose what hands over the samples of each batch, where they do not lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.config.values import worker_choice
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.stored_array import is_stored
from bpnet.machine import available_cores
from bpnet.training.ranks.needs import Needs
from bpnet.training.ranks.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from bpnet.training.step.batch import Batch

NO_SAMPLES = np.empty(0, np.int64)  # samples
MOST = 16  # processes, which draw or read more than steps take


class Supply(Protocol):
    """Hand over the samples of each batch; used as a context.

    Args:
        count: processes that draw or read, or threads.
        forks: whether there may be processes.
    """

    count: int
    forks: bool

    @property
    def children(self) -> list[int]:
        """Return the processes that draw or read."""

    @property
    def samples(self) -> Samples:
        """Return the samples, of which those of the batch handed over last are there."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def watch(self, should_stop: Callable[[], bool]) -> None:
        """Wait less long for stopped processes once `should_stop` says that the run should end."""

    def hand_over(self, batch: Batch, upcoming: NDArray[np.int64] = NO_SAMPLES) -> None:
        """Wait until the samples of a batch are there; those before it may be replaced.

        Args:
            batch: whose samples are wanted.
            upcoming: numbers of those that will be wanted then, in order, where they are known.

        Raises:
            DataError: they cannot be read.
            WorkerError: a process has been killed or stopped.
        """


def supply_of(config: Config, dataset: Dataset, most: int, ranks: Ranks = ALONE) -> Supply | None:
    """Return what supplies a run; None where its samples lie in memory.

    As many processes draw or read as there are processors, or workers where the config gives their
    number, but at most `MOST`: with enough ahead they sleep.

    Args:
        config: of the run.
        dataset: what it learns from.
        most: samples of the largest batch.
        ranks: who else takes part; rank 0 that sends samples to others takes all of them from disk.
    """
    count, kind = worker_choice(config.train.workers)
    count, forks = min(count or available_cores(), MOST), kind != "threads"
    if dataset.endless is not None:
        from bpnet.training.step.drawn_ahead import DrawnAhead
        from bpnet.training.step.ring import Ring

        return DrawnAhead(Ring(dataset.endless, most), count, forks=forks)
    if is_stored(dataset.train.inputs) and not (ranks.leads and ranks.served):
        from bpnet.training.step.read_ahead import ReadAhead

        shards = config.train.shards
        # Shards of hidden units see every picture; they distort a part each for the others.
        sees_all = config.train.split == "units" and config.augment.is_identity
        needs = Needs(shards, all_inputs=sees_all)

        def needed(size: int) -> slice:
            return needs.of(ranks.own(shards), size)[0]

        return ReadAhead(dataset.train, most, count, forks=forks, needed=needed)
    return None
