"""Tell a ring of ink from the edge of a bright or dark thing."""

import numpy as np

from bpnet.data.reading.components import connected_components
from bpnet.data.reading.image import DigitPicture
from bpnet.data.reading.paper import most_telling_grey

INK = 0.3  # of the ink's usual strength
UNLIKE = 0.5  # of the ink's contrast: by less, paper differs from place to place
LEAST = 0.1  # of white: likewise


def surrounds_paper(digit: DigitPicture, contrast: float) -> bool:
    """Return whether the inside of a ring is as light as its outside.

    The paper in a 0 is the paper around it. Inside the dark edge of a lamp, a coin or a cell is
    something else.

    Args:
        digit: in its picture.
        contrast: by how much ink differs from paper, as a fraction of white.

    Returns:
        True, too, if there is no inside or no outside.
    """
    box = digit.box
    place = slice(box.top, box.bottom), slice(box.left, box.right)
    bare = np.pad(digit.ink[place] <= INK, 1, constant_values=True)
    around = connected_components(bare).labels
    outside = (around == around[0, 0])[1:-1, 1:-1]
    inside = bare[1:-1, 1:-1] & ~outside
    if not (inside.any() and outside.any()):
        return True
    grey = most_telling_grey(digit.picture[place])
    differs = abs(float(np.median(grey[inside]) - np.median(grey[outside])))
    return differs <= max(UNLIKE * contrast, LEAST)
