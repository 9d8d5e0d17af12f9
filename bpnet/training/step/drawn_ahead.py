"""Have endless digits drawn ahead of the steps that learn from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.data.synthetic import on_threads
from bpnet.machine import keep_freed_memory
from bpnet.model.forks import CAN_FORK
from bpnet.training.step.ahead import Preparers
from bpnet.training.step.batch import Batch
from bpnet.training.step.ring import Ring
from bpnet.training.step.supply import NO_SAMPLES

PAUSE = 4e-3  # seconds between two looks of a process for which the ring has no room
SHORTEST_WAIT, LONGEST_WAIT = 1e-4, 2e-3  # seconds between two looks for a block that is wanted


class DrawnAhead(Preparers):
    """Hand over the samples of each batch: digits that processes of their own draw ahead.

    Each process takes the next block that nobody has taken, draws it, and goes on as long as the
    ring has room; so all of them work while digits are missing, and sleep while there are enough.
    Pictures follow from their numbers, so it does not matter who draws them. Without processes, the
    blocks that a batch lacks are drawn when it comes, in threads.

    Use it as a context: leaving it ends the processes, and should this one die, they end on their
    own. Batches come in the order of their numbers from the first one on.

    Args:
        ring: where the digits lie.
        count: processes, or threads.
        forks: whether there may be processes.
    """

    def __init__(self, ring: Ring, count: int, *, forks: bool) -> None:
        super().__init__("a drawing process", count, forks=forks)
        self.ring = ring
        self._numbers: int | None = None  # a file, in which processes count the blocks they take

    @property
    def samples(self) -> Samples:
        """Return the samples, of which those of the batch handed over last are there."""
        return self.ring.samples

    def __enter__(self) -> Self:
        self.ring.clear()
        self.ring.digits.prepare()
        if CAN_FORK:
            self._numbers = os.memfd_create("blocks")
        self.start(self._serve)
        return self

    def __exit__(self, *error: object) -> None:
        self.end()
        if self._numbers is not None:
            os.close(self._numbers)
            self._numbers = None

    def hand_over(self, batch: Batch, upcoming: NDArray[np.int64] = NO_SAMPLES) -> None:
        """Wait until the samples of a batch are there; those before it may be replaced.

        Args:
            batch: whose samples are wanted.
            upcoming: of no interest: numbers without end follow each other.

        Raises:
            WorkerError: a process has been killed or stopped.
        """
        ring = self.ring
        blocks = ring.blocks_of(batch.index, batch.epoch)
        if self._numbers is not None and ring.first < 0:
            os.lseek(self._numbers, blocks[0], os.SEEK_SET)
        ring.want_from(blocks[0])
        if not self.children:
            self._draw_here(blocks)
        self.wait_until(lambda: all(map(ring.has, blocks)))

    def _draw_here(self, blocks: range) -> None:
        """Draw the blocks that are missing, and so many after them that all threads draw."""
        missing = [block for block in blocks if not self.ring.has(block)]
        if not missing:
            return
        stop = max(missing[-1] + 1, missing[0] + self.count)
        wanted = [block for block in range(missing[0], stop) if self.ring.has_room(block)]

        def draw(block: int) -> int:
            self.ring.draw(block)
            return block

        for _ in on_threads(draw, wanted, self.count):
            pass

    def _serve(self, number: int, pause: Callable[[], None]) -> None:
        """Draw in a process of its own, until its parent ends it or dies."""
        numbers = self._numbers
        assert numbers is not None

        def claim() -> int:
            return os.lseek(numbers, 1, os.SEEK_CUR) - 1

        keep_freed_memory()  # drawing takes twice as long otherwise
        self.ring.draw_without_end(claim, pause)
