"""Have endless digits drawn ahead of the steps that learn from them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.data.synthetic import on_threads
from bpnet.machine import keep_freed_memory
from bpnet.model.forks import fork, may_fork
from bpnet.training.step.batch import Batch
from bpnet.training.step.children import Children
from bpnet.training.step.ring import Ring
from bpnet.training.step.supply import NONE, WITHOUT

PAUSE = 4e-3  # seconds between two looks of a process for which the ring has no room
SHORTEST_WAIT, LONGEST_WAIT = 1e-4, 2e-3  # seconds between two looks for a block that is wanted


class DrawnAhead:
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
        self.ring = ring
        self.count = count
        self.forks = forks
        self._children = Children("a drawing process", WITHOUT)
        self._numbers: int | None = None  # a file, in which processes count the blocks they take

    @property
    def samples(self) -> Samples:
        """Return the samples, of which those of the batch handed over last are there."""
        return self.ring.samples

    @property
    def children(self) -> list[int]:
        """Return the processes that draw."""
        return self._children.processes

    def watch(self, should_stop: Callable[[], bool]) -> None:
        """Wait less long for stopped processes once `should_stop` says that the run should end."""
        self._children.should_stop = should_stop

    def __enter__(self) -> Self:
        self.ring.clear()
        self.ring.digits.prepare()
        if self.forks and may_fork():
            self._numbers = os.memfd_create("blocks")
            try:
                while len(self.children) < self.count:
                    self.children.append(fork(partial(self._serve, os.getpid())))
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        """End the processes at once: nothing of what they hold is wanted."""
        self._children.end(patience=0.0)
        if self._numbers is not None:
            os.close(self._numbers)
            self._numbers = None

    def hand_over(self, batch: Batch, upcoming: NDArray[np.int64] = NONE) -> None:
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
        if self._numbers is None:
            self._draw_here(blocks)
            return
        for block in blocks:
            if not ring.has(block):
                self._wait_for(block)

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

    def _wait_for(self, block: int) -> None:
        pause = SHORTEST_WAIT
        while not self.ring.has(block):
            self._children.demand()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)

    def _serve(self, parent: int) -> None:
        """Draw in a process of its own, until its parent ends it or dies."""
        numbers = self._numbers
        assert numbers is not None

        def claim() -> int:
            return os.lseek(numbers, 1, os.SEEK_CUR) - 1

        def pause() -> None:
            if os.getppid() != parent:
                os._exit(0)
            time.sleep(PAUSE)

        keep_freed_memory()  # drawing takes twice as long otherwise
        self.ring.draw_without_end(claim, pause)
