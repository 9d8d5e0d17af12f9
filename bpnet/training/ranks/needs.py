"""Know which samples of a batch a rank looks at."""

from __future__ import annotations

from dataclasses import dataclass

from bpnet.training.step.batch import split_evenly


@dataclass(frozen=True)
class Needs:
    """Know which samples of a batch some shards look at.

    Args:
        shards: how many there are, on all ranks.
        all_inputs: whether each shard sees all samples, as those of hidden units do.
        all_targets: whether each looks at what the network should answer to all of them.
    """

    shards: int
    all_inputs: bool = False
    all_targets: bool = False

    def of(self, numbers: range, batch_size: int) -> tuple[slice, slice]:
        """Return whose inputs, and whose targets, the shards with these numbers look at."""
        first, last = (
            split_evenly(batch_size, self.shards, number) for number in (numbers[0], numbers[-1])
        )
        own, whole = slice(first.start, last.stop), slice(0, batch_size)
        return whole if self.all_inputs else own, whole if self.all_targets else own
