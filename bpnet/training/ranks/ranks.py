"""What a run asks of the ranks that compute it; here, of a process that is alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from bpnet.data.dataset import Samples
    from bpnet.nn.parameters import FlatArrays
    from bpnet.training.ranks.delivery import Delivery
    from bpnet.training.ranks.needs import Needs
    from bpnet.training.step.batch import Batch, Shard

Result = TypeVar("Result")


class Meeting(Protocol):
    """Bring the shards of all ranks together."""

    def meets_after(self, phase: int) -> bool:
        """Return whether shards read what others have written in the phase of this number."""

    def after(self, phase: int, batch: Batch) -> None:
        """Send what own shards have written in a phase to those who read it, and receive theirs."""

    def collect(self, groups: Sequence[FlatArrays]) -> None:
        """Complete flat arrays, of which every shard has moved some elements."""


class Ranks:
    """Compute a run in one process, with nobody to share it with.

    Every rank runs the same loop on the same batches, and computes its own shards of each. What it
    decides follows from what all ranks know, so they stay together without being led; but rank 0
    alone writes files and messages.
    """

    number = 0
    count = 1

    def __init__(self) -> None:
        self.should_stop: Callable[[], int] = lambda: 0
        self.served: Sequence[int] = ()  # ranks to which rank 0 sends samples

    @property
    def leads(self) -> bool:
        """Return whether this is the rank that writes files and messages."""
        return self.number == 0

    def own(self, shards: int, rank: int | None = None) -> range:
        """Return the numbers of the shards that a rank computes: this one, unless another is named.

        They follow each other, so what a rank moves of the flat vector does as well.
        """
        from bpnet.training.step.batch import split_evenly

        numbers = split_evenly(shards, self.count, self.number if rank is None else rank)
        return range(numbers.start, numbers.stop)

    def demand_shards(self, shards: int) -> None:
        """Make sure that every rank has a shard to compute."""

    def meeting(self, shards: Sequence[Shard], reduction: str) -> Meeting | None:
        """Return how the shards of all ranks meet; None where all are here."""
        return None

    def delivery(self, samples: Samples, most: int, needs: Needs) -> Delivery | None:
        """Return what brings samples to ranks that lack them; None where this has no part in it.

        Args:
            samples: the data set's training samples, or what stands in for them.
            most: samples of the largest batch.
            needs: which of a batch the shards look at.
        """
        return None

    def watch(self, should_stop: Callable[[], int]) -> None:
        """Take notice of who tells whether the run should stop, and by which signal."""
        self.should_stop = should_stop

    def stopped_by(self) -> int:
        """Return the signal for which all ranks stop after this step; 0 to go on."""
        return int(self.should_stop())

    def share(self, compute: Callable[[], Result]) -> Result:
        """Return on every rank what rank 0 computes."""
        return compute()

    def gather(self, value: Result) -> list[Result]:
        """Return on rank 0 what each rank has, by its number; nothing on the others."""
        return [value]

    def first(self, compute: Callable[[], Result]) -> Result:
        """Compute something on rank 0, then on the others, which find what it has written."""
        return compute()

    def name(self, rank: int) -> str:
        """Return what a rank is called in messages."""
        return f"rank {rank} of {self.count}"

    def demand_same(self, what: str, value: object) -> None:
        """Make sure that every rank has the same value of something."""


ALONE = Ranks()
