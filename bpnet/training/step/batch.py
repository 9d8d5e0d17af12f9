"""Name the batch of one step, and the shards that compute it in phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.parameters import FlatArrays


@dataclass(slots=True)
class Batch:
    """Hold what one step is about.

    Args:
        index: numbers of the batch's samples in the data set.
        epoch: number of the epoch, from 0.
        step: number of the step, from 0; with seed and epoch it fixes all random draws.
        learning_rate: of this step.
    """

    index: NDArray[np.int64]
    epoch: int
    step: int
    learning_rate: float


Phase = Callable[[Batch], None]
Message = Callable[[Batch, range], list[NDArray[Any]]]  # for the shards with these numbers


class Shard(Protocol):
    """Compute one shard of every step.

    All shards of a step have the same number of phases, and a phase may read what other shards
    have written in the phases before. So the same shards give the same bits, no matter what
    computes them.
    """

    @property
    def phases(self) -> Sequence[Phase]:
        """Return what is to be done, in order."""
        ...

    @property
    def messages(self) -> Sequence[Message | None]:
        """Return, for each phase, what shards elsewhere read of what this one writes in it.

        These are views of memory that every rank has, and hold what this shard has written there.
        None where nobody reads anything.
        """
        ...

    def moved(self, arrays: FlatArrays) -> list[NDArray[Any]]:
        """Return the elements of a flat array that this shard alone updates."""
        ...

    def rest(self) -> None:
        """Give memory back until the next step; what the last one left behind is lost."""
        ...

    def kinks(self, batch_size: int) -> Sequence[NDArray[np.bool_]] | None:
        """Return on which side of its kinks the last step was; None where not all were kept."""
        ...


def split_evenly(whole: int, count: int, number: int) -> slice:
    """Return which of `whole` elements number `number` of `count` has, larger slices first.

    The slices are nearly equal; with fewer elements than `count` the last ones are empty.
    """
    size, larger = divmod(whole, count)
    start = number * size + min(number, larger)
    return slice(start, start + size + (number < larger))
