"""Choose what ranks send each other in a step in which every shard has some samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bpnet.training.step.batch import Batch, Message, split_evenly
from bpnet.training.step.kept_statistics import statistics

if TYPE_CHECKING:
    from bpnet.training.step.sample_shard import SampleShard


class SampleMessages:
    """Find the views of memory that shards on other ranks read of what one shard writes.

    Args:
        shard: that writes.
    """

    def __init__(self, shard: SampleShard) -> None:
        self.shard = shard

    def in_order(self) -> Sequence[Message | None]:
        """Return: gradient and loss; when clipping, sums; measures of layers; the new weights."""
        update = self.shard.update
        summed = [self.totals] if update.looks_first else []
        measured = [self.measures] if update.measures_layers else []
        return [self.gradient, *summed, *measured, self.weights]

    def gradient(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return the gradient of the weights that some shards update, and all else they need."""
        shard = self.shard
        gradient = [shard.gradients.flat[span] for span in shard.spans(readers)]
        return [*self.without_gradient(batch, readers), *gradient]

    def without_gradient(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return loss, right answers, statistics, and what large gradients are made of."""
        shard = self.shard
        own = split_evenly(len(batch.index), shard.count, shard.number)
        large = [array[:, own] for weight in shard.large for array in weight.gathered]
        return [*self.totals(batch, readers), *self._statistics(batch), *large]

    def totals(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return the shard's sums."""
        return [self.shard.totals[self.shard.number]]

    def measures(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return what the shard has measured of each array."""
        return [self.shard.update.sums[self.shard.number]]

    def weights(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return the weights that the shard has updated."""
        return self.shard.moved(self.shard.model.network.parameters)

    def _statistics(self, batch: Batch) -> list[NDArray[Any]]:
        """Return mean and variance of every normalisation, from which running ones are mixed."""
        shard = self.shard
        parts = shard.micro_batches(len(batch.index))
        if shard.kept is not None:
            return shard.kept.of_first(len(parts))
        if not shard.normalises:
            return []
        caches = [shard.workspace.caches(samples.stop - samples.start) for samples in parts]
        return [array for one in caches for array in statistics(shard.model.network, one)]
