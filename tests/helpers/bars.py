"""Pictures of bars, such as those that the run of the fixture `digit_run` has learned from."""

import numpy as np
from numpy.typing import NDArray


def bars(count: int, side: int = 28) -> NDArray[np.uint8]:
    """Draw bars at random heights and of random greys, light on dark."""
    rng = np.random.default_rng(3)
    images = np.zeros((count, side, side), np.uint8)
    for image in images:
        top = int(rng.integers(2, side - 4))
        image[top : top + 3, 3:-3] = rng.integers(100, 256)
    return images
