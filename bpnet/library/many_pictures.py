"""Answer many pictures on all cores."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from bpnet.machine import available_cores, memory_bytes
from bpnet.model.forks import may_fork, stream_forked

FEW = 4  # pictures that one process reads sooner than a second one is made
MOST_MEMORY = 500_000_000  # bytes that a process may take for a picture

Result = TypeVar("Result")


def on_all_cores(
    read: Callable[[int], Result], count: int, *, alone: bool = False
) -> Generator[Result]:
    """Yield `read(0) … read(count − 1)` in order.

    Few of the pictures are in memory at a time, however many there are.

    Args:
        read: what is done with the picture of a number; it may be called in a forked process.
        count: how many pictures there are.
        alone: whether this process has to do all of it.
    """
    if not count:
        return
    yield read(0)  # loads what all need: forked while another thread loads it, it is never loaded
    yield from stream_forked(
        lambda number: read(number + 1), count - 1, 1 if alone else processes(count)
    )


def processes(count: int) -> int:
    """Return how many processes read pictures: as many as there are cores and memory for them."""
    if not may_fork() or count < FEW:
        return 1
    return max(1, min(available_cores(), memory_bytes() // MOST_MEMORY))
