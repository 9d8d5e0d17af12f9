"""Name what passes between a reader of pictures and the network that it asks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.image import DigitPicture

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
