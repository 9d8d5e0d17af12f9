"""Tell a bar of ink from the edge between bright and dark."""

import numpy as np

from bpnet.data.reading.image import DigitPicture
from bpnet.data.reading.paper import most_telling_grey

INK = 0.25  # of the ink's usual strength
BESIDE = 3  # pixels from the ink
FEWEST = 0.3  # of a bar's rows must show what is on both sides of it
UNLIKE = 0.6  # of the bar's contrast: on real 1s 0.22 at most, on edges of shadows 1 and more


def has_two_sides(digit: DigitPicture) -> bool:
    """Return whether there is the same paper on the left and on the right of a bar.

    Along the edge of a shadow there is bright paper on one side and dark paper on the other, and
    what lies between them is as dark as one of the two.

    Args:
        digit: a bar in its picture.

    Returns:
        True, too, where too little of both sides lies within the picture.
    """
    rows = slice(digit.box.top, digit.box.bottom)
    grey, ink = most_telling_grey(digit.picture[rows]), digit.ink[rows] > INK
    width = ink.shape[1]
    left = ink.argmax(axis=1) - BESIDE
    right = width - 1 - ink[:, ::-1].argmax(axis=1) + BESIDE
    seen = np.flatnonzero(ink.any(axis=1) & (left >= 0) & (right < width))
    if len(seen) < max(1, FEWEST * len(ink)):
        return True
    at_left, at_right = grey[seen, left[seen]], grey[seen, right[seen]]
    bar = (grey * ink).sum(axis=1)[seen] / ink.sum(axis=1)[seen]
    contrast = np.median(np.maximum(np.abs(bar - at_left), np.abs(bar - at_right)))
    return bool(np.abs(np.median(at_left - at_right)) <= UNLIKE * contrast)
