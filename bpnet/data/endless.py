"""Number digits that are drawn without end, and draw those of any block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.synthetic import hand_of, write_digits
from bpnet.seeding import derive_rng

BLOCK = 250  # pictures drawn together: few enough for a core's cache, and 25 of each digit
MEASURED = 6000  # that are kept beside them: what all of them are like is measured on these
PURPOSE = "endless digits"


@dataclass(frozen=True)
class EndlessDigits:
    """Describe digits that are numbered 0, 1, 2 … and never end.

    A picture and its label follow from its number, the seed and the variety alone, so whoever draws
    them, and in whatever order, draws the same. Every block of `BLOCK` numbers has each digit
    equally often. Epoch e (from 0) takes the numbers from e · repeat on.

    Args:
        seed: 0 or above; every seed gives other pictures.
        variety: how much writers differ; see `Variation.scaled`.
        repeat: digits of an epoch.
    """

    seed: int
    variety: float
    repeat: int

    def draw(self, block: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the pictures (BLOCK, 28, 28) of a block, ink bright on black, and their labels."""
        ordered = np.arange(BLOCK) % 10
        labels = derive_rng(self.seed, f"{PURPOSE}, labels", block).permutation(ordered)
        rng = derive_rng(self.seed, PURPOSE, block)
        return write_digits(labels, hand_of(self.variety), rng), labels

    def prepare(self) -> None:
        """Get ready to draw, so that processes that are forked afterwards are."""
        hand_of(self.variety)

    def description(self) -> str:
        """Return what all pictures follow from besides their numbers."""
        return f"{PURPOSE}, seed {self.seed}, variety {self.variety!r}"
