"""Let shards on several ranks read what the others have written, phase after phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays
from bpnet.training.ranks.exchange import Exchange
from bpnet.training.step.batch import Batch, Message, Shard

if TYPE_CHECKING:
    from bpnet.training.ranks.mpi import MpiRanks


class OrderedMeeting:
    """Bring the shards of all ranks together so that they compute the same bits as on one machine.

    Every rank has memory for all shards, and computes its own ones. After a phase each receives
    what the others' shards have written into the same places, as far as its own shards read it;
    so the next phase goes on as if all had been computed here. Of the gradients that is what
    concerns the weights that own shards move, one gradient from every shard: a reduce-scatter whose
    sums are taken in shard order. After the update, the weights come back: an allgather.

    Args:
        ranks: all of them.
        shards: of all ranks.
    """

    def __init__(self, ranks: MpiRanks, shards: Sequence[Shard]) -> None:
        self.ranks = ranks
        self.shards = shards
        self.numbers = [ranks.own(len(shards), rank) for rank in range(ranks.count)]
        self._messages = [self.messages(shard) for shard in shards]
        self._exchanges: dict[tuple[int, int], Exchange] = {}
        self._collections: dict[int, Exchange] = {}

    def messages(self, shard: Shard) -> Sequence[Message | None]:
        """Return what others read of what a shard writes, phase by phase."""
        return shard.messages

    def meets_after(self, phase: int) -> bool:
        """Return whether shards read what others have written in the phase of this number."""
        return self._messages[0][phase] is not None

    def after(self, phase: int, batch: Batch) -> None:
        """Send what own shards have written in a phase to those who read it, and receive theirs.

        Raises:
            RankError: another rank has failed.
        """
        if self.meets_after(phase):
            self.exchange(phase, batch).run()

    def exchange(self, phase: int, batch: Batch) -> Exchange:
        """Return the exchange after a phase, which batches of the same size share."""
        place = phase, len(batch.index)
        if place not in self._exchanges:
            own = self.numbers[self.ranks.number]
            self._exchanges[place] = Exchange(
                self.ranks,
                [self._written(own, phase, batch, readers) for readers in self.numbers],
                [self._written(writers, phase, batch, own) for writers in self.numbers],
            )
        return self._exchanges[place]

    def _written(self, writers: range, phase: int, batch: Batch, readers: range) -> list[Array]:
        """Return what some shards have written in a phase that others read."""
        found: list[Array] = []
        for number in writers:
            message = self._messages[number][phase]
            assert message is not None
            found += message(batch, readers)
        return found

    def collect(self, groups: Sequence[FlatArrays]) -> None:
        """Complete flat arrays, of which every shard has moved some elements.

        Raises:
            RankError: another rank has failed.
        """
        for arrays in groups:
            if id(arrays) not in self._collections:
                moved = [
                    [view for number in numbers for view in self.shards[number].moved(arrays)]
                    for numbers in self.numbers
                ]
                own = moved[self.ranks.number]
                self._collections[id(arrays)] = Exchange(self.ranks, [own] * len(moved), moved)
            self._collections[id(arrays)].run()
