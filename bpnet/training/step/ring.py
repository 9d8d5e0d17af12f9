"""Keep the next digits of an endless set in a ring of memory that forked processes share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.data.endless import BLOCK, EndlessDigits
from bpnet.data.placement import PICTURE
from bpnet.nn.memory import shared_zeros

AHEAD = 32  # blocks beyond those of a batch: 6 MB of pictures, a pause of an epoch's end long
NO_BLOCK = -1  # the first block that is wanted, while none is


@dataclass(frozen=True)
class RingSamples(Samples):
    """Hold the samples of an endless set that a ring has at the moment.

    Args:
        repeat: samples of an epoch.
    """

    repeat: int

    def __len__(self) -> int:
        """Return how many samples an epoch has."""
        return self.repeat

    def places(self, numbers: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Return the rows that hold the samples with these numbers in an epoch."""
        return (numbers + epoch * self.repeat) % len(self.inputs)


class Ring:
    """Hold some blocks of endless digits at a time, each in the slot of its number.

    Whoever learns tells which block is the first that is still wanted; those who draw fill the
    slots from it on, and note each block behind its pictures. So a slot is written only once its
    old block is no longer wanted, and read only once its new one is noted: on processors that keep
    the order of writes, as those of x86 do, nobody needs a lock.

    Args:
        digits: what is drawn.
        most: samples of the largest batch.
    """

    def __init__(self, digits: EndlessDigits, most: int) -> None:
        self.digits = digits
        of_batch = -(-(most - 1) // BLOCK) + 1  # blocks that a batch can touch
        self.slots = of_batch + AHEAD
        rows = self.slots * BLOCK
        pixels = shared_zeros(rows * PICTURE * PICTURE, np.uint8).view(np.uint8)
        labels = shared_zeros(rows, np.int64).view(np.int64)
        self.samples = RingSamples(
            pixels.reshape(rows, PICTURE, PICTURE), labels, repeat=digits.repeat
        )
        self._noted = shared_zeros(self.slots, np.int64).data.cast("B").cast("q")
        self._first = shared_zeros(1, np.int64).data.cast("B").cast("q")
        self.clear()

    def clear(self) -> None:
        """Hold no block, and want none."""
        self._first[0] = NO_BLOCK
        for slot in range(self.slots):
            self._noted[slot] = NO_BLOCK

    @property
    def first(self) -> int:
        """Return the first block that is still wanted; `NO_BLOCK` before any is."""
        return self._first[0]

    def blocks_of(self, numbers: NDArray[np.int64], epoch: int) -> range:
        """Return the blocks that hold the samples of an epoch with these rising numbers."""
        start = epoch * self.digits.repeat
        return range((start + int(numbers[0])) // BLOCK, (start + int(numbers[-1])) // BLOCK + 1)

    def want_from(self, block: int) -> None:
        """Want this block and those after it, and none before it."""
        assert block >= self.first, "endless digits pass by once"
        self._first[0] = block

    def has_room(self, block: int) -> bool:
        """Return whether a block may be drawn now: its slot holds none that is wanted."""
        return self.first != NO_BLOCK and block < self.first + self.slots

    def has(self, block: int) -> bool:
        """Return whether a block is there."""
        return self._noted[block % self.slots] == block

    def draw(self, block: int) -> None:
        """Draw a block into its slot."""
        images, labels = self.digits.draw(block)
        slot = block % self.slots
        rows = slice(slot * BLOCK, (slot + 1) * BLOCK)
        self.samples.inputs[rows] = images
        self.samples.targets[rows] = labels
        self._noted[slot] = block

    def draw_without_end(self, claim: Callable[[], int], pause: Callable[[], None]) -> None:
        """Draw one block after the other, each once there is room, until `pause` ends the process.

        Args:
            claim: returns a block that nobody else draws; called once some are wanted.
            pause: waits a little, and ends the process when nobody wants digits any more.
        """
        while True:
            while self.first == NO_BLOCK:
                pause()
            block = claim()
            while not self.has_room(block):
                pause()
            self.draw(block)
