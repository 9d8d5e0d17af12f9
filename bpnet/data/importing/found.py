"""Hold what was found at a place, before its labels become classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 1 << 30  # of the pictures of a data set, a byte per pixel

Progress = Callable[[int, int], None]  # receives how much is done, and of how much


@dataclass(frozen=True)
class Wanted:
    """Hold what the user said about the data.

    Args:
        size: height and width of the pictures, where the files do not show it, or to which pictures
            of different sizes are brought.
        transpose: whether rows and columns of the pictures are to be exchanged; None: where the
            pictures are known to lie on their side.
    """

    size: tuple[int, int] | None = None
    transpose: bool | None = None


@dataclass(frozen=True)
class Labelled:
    """Pair pictures with labels.

    Args:
        images: (samples, height, width) in uint8.
        labels: (samples,), whole numbers or texts.
    """

    images: NDArray[np.uint8]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.images)

    def taken(self, index: NDArray[np.int64]) -> "Labelled":
        """Return the samples with these numbers."""
        return Labelled(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Found:
    """Hold the samples that some files hold.

    Args:
        train: what is there to train on.
        test: what is there to score on; None where the files make no difference.
        names: of the classes, one for each label in order, or for each number from 0 on; may be
            empty.
        notes: what the user should know of how the files were read.
    """

    train: Labelled
    test: Labelled | None
    names: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)
