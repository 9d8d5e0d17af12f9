"""Name what passes between a reader of pictures and the network that it asks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.image import Box, DigitPicture
from bpnet.data.reading.picture import Colours

WIDEST_BAR = 0.6  # of its height: a 1 with a foot is wider

Ask = Callable[[NDArray[np.uint8]], NDArray[np.floating]]
Prepare = Callable[[DigitPicture], DigitPicture]


@dataclass(frozen=True)
class Read:
    """Hold what was found and what the network answers.

    Args:
        digit: where it is and what it looks like.
        probabilities: of all classes; None where nothing was found.
    """

    digit: DigitPicture
    probabilities: NDArray[np.floating] | None


def at_edge(box: Box, picture: Colours) -> bool:
    """Return whether the box of a bar touches the edge of the picture (height, width, 3)."""
    height, width = picture.shape[:2]
    if box.width > WIDEST_BAR * box.height:
        return False
    ends = (box.top, box.left, height - box.bottom, width - box.right)
    return any(end <= 1 for end in ends)
