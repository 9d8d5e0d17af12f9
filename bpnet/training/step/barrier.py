"""Let processes wait for each other without the system's help."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable

LINE = 64  # bytes of a cache line, which only one processor can write at a time
SPINS = 2000  # looks before others may have the processor: some 100 µs
YIELDING = 2e-3  # seconds of more looks before this process sleeps
LONGEST_SLEEP = 1e-3  # seconds


class Barrier:
    """Hold every process until all have come, in memory that forked processes share.

    Each process counts its own arrivals and looks at the others' counts: half a microsecond,
    where a pipe or a lock takes 20 to 60. A process that waits long sleeps between its looks, so an
    idle one costs nothing. What a process wrote before it came is seen by all after the barrier,
    on processors that keep the order of writes, as those of x86 do.

    Args:
        count: processes.
        is_alive: raises where it makes no sense to wait any longer; asked between sleeps.
    """

    def __init__(self, count: int, is_alive: Callable[[], None]) -> None:
        self.counts = memoryview(mmap.mmap(-1, LINE * count)).cast("q")
        self.places = [number * LINE // 8 for number in range(count)]
        self.is_alive = is_alive
        self.number = 0

    def arrive(self) -> int:
        """Come to the barrier without waiting; return how often this process has come."""
        counts, own = self.counts, self.places[self.number]
        arrivals = counts[own] + 1
        counts[own] = arrivals
        return arrivals

    def wait(self) -> None:
        """Come to the barrier, and go on when all others have come."""
        counts, arrivals = self.counts, self.arrive()
        for place in self.places:
            spins = SPINS
            while counts[place] < arrivals and spins:
                spins -= 1
            if counts[place] < arrivals:
                self._wait_long(place, arrivals)

    def _wait_long(self, place: int, arrivals: int) -> None:
        """Let others have the processor, and sleep when that takes long."""
        end = time.perf_counter() + YIELDING
        while time.perf_counter() < end:
            if self.counts[place] >= arrivals:
                return
            os.sched_yield()
        pause = LONGEST_SLEEP / 16
        while self.counts[place] < arrivals:
            self.is_alive()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_SLEEP)
