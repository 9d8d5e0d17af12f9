"""Add the gradients of all ranks as MPI does, in an order that depends on how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bpnet.nn.memory import aligned_zeros
from bpnet.training.ranks.meeting import OrderedMeeting
from bpnet.training.step.batch import Batch, Message, Shard
from bpnet.training.step.sample_messages import SampleMessages
from bpnet.training.step.sample_shard import SampleShard

if TYPE_CHECKING:
    from bpnet.training.ranks.mpi import MpiRanks


class FastMeeting(OrderedMeeting):
    """Bring shards of samples together with a sum that is not taken in shard order.

    Every rank adds up its own shards first, and MPI_Reduce_scatter the ranks: it is the first half
    of an allreduce, whose second half is the allgather of the weights after the update. A rank that
    has several shards sends one gradient instead of one from each. The sum's last bits then depend
    on the number of ranks.

    Args:
        ranks: all of them.
        shards: of all ranks.
    """

    def __init__(self, ranks: MpiRanks, shards: Sequence[Shard]) -> None:
        self._samples = [shard for shard in shards if isinstance(shard, SampleShard)]
        super().__init__(ranks, shards)
        if not self._samples:  # shards of units have no gradients to add
            return
        for shard in self._samples:
            shard.expect_sum()
        gradients = self._samples[0].gradients.flat
        spans = [self._spans(numbers) for numbers in self.numbers]
        self._counts = [sum(s.stop - s.start for s in of_rank) for of_rank in spans]
        self._all_spans = [span for of_rank in spans for span in of_rank]
        self._own_spans = spans[ranks.number]
        self._sent = aligned_zeros(sum(self._counts), gradients.dtype)
        self._received = aligned_zeros(self._counts[ranks.number], gradients.dtype)

    def messages(self, shard: Shard) -> Sequence[Message | None]:
        """Return what others read of what a shard writes, without its gradients."""
        if not isinstance(shard, SampleShard):
            return shard.messages
        return [SampleMessages(shard).without_gradient, *shard.messages[1:]]

    def after(self, phase: int, batch: Batch) -> None:
        """Let shards meet as ever, and add up the gradients after the phase that computes them.

        Raises:
            RankError: another rank has failed.
        """
        super().after(phase, batch)
        if phase == 0 and self._samples:
            self._reduce(batch)

    def _reduce(self, batch: Batch) -> None:
        """Write the sum of all shards' gradients into the first one's, where own shards read it."""
        own = self.numbers[self.ranks.number]
        seen = [self._samples[number].gradients.flat for number in own if number < len(batch.index)]
        start = 0
        for span in self._all_spans:
            place = self._sent[start : start + span.stop - span.start]
            start += place.size
            if not seen:
                place.fill(0)
                continue
            np.copyto(place, seen[0][span])
            for other in seen[1:]:
                place += other[span]
        self.ranks.wait(
            self.ranks.communicator.Ireduce_scatter(self._sent, self._received, self._counts)
        )
        start = 0
        for span in self._own_spans:
            stop = start + span.stop - span.start
            np.copyto(self._samples[0].gradients.flat[span], self._received[start:stop])
            start = stop

    def _spans(self, numbers: range) -> list[slice]:
        """Return which spans of the flat vector some shards move."""
        return self._samples[0].spans(numbers)
