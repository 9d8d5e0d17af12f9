"""Draw what layers need at random, whatever way a batch is split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.seeding import derive_rng

GROUP = 32  # samples that one generator serves: to make one takes as long as to draw 9,000 words
WORDS = GROUP // 8  # random words for each feature, a byte for each sample


@dataclass(frozen=True, slots=True)
class Draws:
    """Give layers random bytes that follow from (seed, epoch, step) and a sample's place alone.

    Shards, micro-batches and workers change none of them: each layer has a generator of its own
    for every 32 samples of the batch, and a call takes from it what concerns its own samples.

    Args:
        seed: of the run.
        epoch: number of the epoch, from 0.
        step: number of the step, from 0.
        first: place in the batch of the call's first sample.
        units: the features that the calling shard has; None where it has them all.
        all_units: how many features the layer has in all shards together, where it is split.
    """

    seed: int
    epoch: int
    step: int
    first: int = 0
    units: slice | None = None
    all_units: int | None = None

    def bytes(self, layer: int, features: int, samples: int) -> NDArray[np.uint8]:
        """Return one random byte for each feature and sample (features, samples).

        Args:
            layer: its position in the network.
            features: of a sample, in the calling shard.
            samples: in the call.
        """
        start = self.first % GROUP
        groups = range(self.first // GROUP, -(-(self.first + samples) // GROUP))
        drawn = [self._of_group(layer, features, group) for group in groups]
        together = drawn[0] if len(drawn) == 1 else np.concatenate(drawn, axis=1)
        return together[:, start : start + samples]

    def _of_group(self, layer: int, features: int, group: int) -> NDArray[np.uint8]:
        """Draw one byte for each feature and each of the 32 samples of a group."""
        rng = derive_rng(self.seed, "layers", self.epoch, self.step, layer, group)
        shape = (self.all_units or features, WORDS)
        words = rng.integers(2**64 - 1, size=shape, dtype=np.uint64, endpoint=True)
        return (words if self.units is None else words[self.units]).view(np.uint8)
