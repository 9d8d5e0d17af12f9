"""Answer many pictures on all cores, and show how far that has come."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

from bpnet.cli.predict import STANDARD_INPUT
from bpnet.errors import DataError
from bpnet.library.picture_reader import Answer
from bpnet.machine import available_cores, memory_bytes
from bpnet.model.forks import CAN_FORK, stream_forked

FEW = 4  # pictures that one process reads sooner than a second one is made
MOST_MEMORY = 500_000_000  # bytes that a process may take for a picture


def on_all_cores(
    read: Callable[[str | DataError], Answer | DataError], pictures: Sequence[str | DataError]
) -> Generator[Answer | DataError]:
    """Yield the answer to each picture in order, or why it cannot be read.

    Few of them are in memory at a time, however many pictures there are.
    """
    count = len(pictures)
    stream = stream_forked(lambda number: read(pictures[number]), count, processes(pictures))
    with closing(stream):
        yield from with_bar(stream, count) if sys.stderr.isatty() else stream


def processes(pictures: Sequence[str | DataError]) -> int:
    """Return how many processes read: as many as there are cores and memory for them.

    Standard input is read by this one alone.
    """
    if not CAN_FORK or len(pictures) < FEW or STANDARD_INPUT in pictures:
        return 1
    return max(1, min(available_cores(), memory_bytes() // MOST_MEMORY))


Item = TypeVar("Item")


def with_bar(items: Iterator[Item], count: int) -> Generator[Item]:
    """Yield the items under a bar, which makes room for what is written meanwhile."""
    from tqdm import tqdm  # only what draws bars pays for its import

    with tqdm(total=count, desc="reading", unit="picture", leave=False) as bar:
        for item in items:
            with tqdm.external_write_mode(file=sys.stderr):
                yield item
            bar.update()
