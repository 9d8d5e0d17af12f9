"""Store activations without their scale and offset, which the next product takes in for free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST_SHIFT = 1e4  # of an offset, in stored units: beyond it, rounding would show

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Meaning:
    """State that stored numbers x stand for activations `s x + o`.

    The next product takes both in, `W (s x + o) + b = (s W) x + (W o + b)`, and leaves its bias
    to be the offset of what it stores. Neither maximum pooling nor ReLU minds:

        max_k (x_k + o) = max_k x_k + o,   max(x + o, 0) = max(x, −o) + o.

    Args:
        offset: o, one number for each channel or feature.
        scale: s, above 0.
    """

    offset: Numbers
    scale: float = 1.0

    @property
    def is_plain(self) -> bool:
        """Return whether x is the activation itself."""
        return self.scale == 1 and not self.offset.any()

    @property
    def zero(self) -> Numbers:
        """Return the x that stands for 0, channel by channel: `−o / s`."""
        zero: Numbers = -self.offset / self.scale
        return zero

    @property
    def is_safe(self) -> bool:
        """Return whether numbers of ordinary size keep their digits beside the offset."""
        return bool((np.abs(self.offset) <= LARGEST_SHIFT * self.scale).all())


def plain(channels: int) -> Meaning:
    """Return the meaning of activations that are stored as they are."""
    return Meaning(np.zeros(channels))
