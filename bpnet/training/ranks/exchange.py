"""Send arrays to all other ranks and receive theirs, in one collective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.memory import LINE, aligned_zeros

if TYPE_CHECKING:
    from bpnet.training.ranks.mpi import MpiRanks


class Parcels:
    """Hold one parcel for each rank: arrays, one after the other in one buffer.

    Args:
        arrays: those of each rank, views of memory that stays where it is.
    """

    def __init__(self, arrays: Sequence[Sequence[NDArray[Any]]]) -> None:
        self.counts: list[int] = []
        self.starts: list[int] = []
        ends: list[list[int]] = []
        total = 0
        for views in arrays:
            self.starts.append(total)
            ends.append([])
            for view in views:
                total += view.nbytes + -view.nbytes % 8
                ends[-1].append(total)
            self.counts.append(total - self.starts[-1])
            total += -total % LINE
        self.buffer = aligned_zeros(total, np.uint8)
        self.pairs: list[
            tuple[NDArray[Any], NDArray[Any]]
        ] = []  # an array, and its place in the buffer
        for views, stops in zip(arrays, ends, strict=True):
            for view, stop in zip(views, stops, strict=True):
                start = stop - view.nbytes - -view.nbytes % 8
                place = self.buffer[start : start + view.nbytes].view(view.dtype)
                self.pairs.append((view, place.reshape(view.shape)))

    def pack(self) -> None:
        """Copy the arrays into the buffer."""
        for view, place in self.pairs:
            np.copyto(place, view)

    def unpack(self) -> None:
        """Copy the buffer into the arrays."""
        for view, place in self.pairs:
            np.copyto(view, place)

    def specification(self, kind: Any) -> list[Any]:
        """Return the buffer as MPI's collectives take it."""
        return [self.buffer, (self.counts, self.starts), kind]


class Exchange:
    """Send arrays to every other rank and receive theirs, again and again, as MPI_Alltoallv does.

    Each parcel also tells whether its sender has been asked to stop, so that all ranks learn it at
    the same step.

    Args:
        ranks: all of them.
        sends: what each rank is to get, by its number; nothing for this one.
        receives: where each rank's arrays go; nothing from this one.
    """

    def __init__(
        self,
        ranks: MpiRanks,
        sends: Sequence[Sequence[NDArray[Any]]],
        receives: Sequence[Sequence[NDArray[Any]]],
    ) -> None:
        self._ranks, flags = ranks, ranks.flags
        own = ranks.number
        others = [number != own for number in range(ranks.count)]
        self.out = Parcels(
            [[flags[own : own + 1], *sends[n]] if other else [] for n, other in enumerate(others)]
        )
        self.back = Parcels(
            [[flags[n : n + 1], *receives[n]] if other else [] for n, other in enumerate(others)]
        )

    @property
    def sent_bytes(self) -> int:
        """Return how much this rank sends each time."""
        return sum(self.out.counts)

    def run(self) -> None:
        """Exchange what the arrays hold now.

        Raises:
            RankError: another rank has failed.
        """
        ranks = self._ranks
        ranks.flags[ranks.number] = ranks.should_stop()
        self.out.pack()
        kind = ranks.byte
        ranks.wait(
            ranks.communicator.Ialltoallv(
                self.out.specification(kind), self.back.specification(kind)
            )
        )
        self.back.unpack()
