"""Remove a frame drawn or photographed around a picture."""

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.resample import Plane

OUTER = 0.25  # the fraction of each side in which a frame is looked for
COVERED = 0.85  # of a row or column that belongs to a frame
STANDS_OUT = 0.3  # of the picture's contrast, from its middle value


def inside_frame(grey: Plane) -> tuple[slice, slice]:
    """Return the rows and columns that lie inside a frame, or all of them.

    A frame is darker or brighter than the picture's middle value along all four sides. Inside
    it there is paper with something on it: otherwise it may be a 0 drawn with a ruler.
    """
    everything = (slice(0, grey.shape[0]), slice(0, grey.shape[1]))
    lowest, middle, highest = np.percentile(grey, [1, 50, 99])
    contrast = highest - lowest
    for marked in (grey < middle - STANDS_OUT * contrast, grey > middle + STANDS_OUT * contrast):
        top, bottom = frame_ends(marked.mean(axis=1) > COVERED)
        left, right = frame_ends(marked.mean(axis=0) > COVERED)
        if min(top, left, grey.shape[0] - bottom, grey.shape[1] - right) == 0:
            continue
        rest = marked[top:bottom, left:right]
        rim = np.concatenate([rest[0], rest[-1], rest[:, 0], rest[:, -1]])
        if rim.mean() < 0.3 and np.ptp(grey[top:bottom, left:right]) > 0.5 * contrast:
            return slice(top, bottom), slice(left, right)
    return everything


def frame_ends(covered: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first line after a frame's near side and the first line of its far side."""
    reach = int(OUTER * len(covered))
    near = np.flatnonzero(covered[:reach])
    far = np.flatnonzero(covered[len(covered) - reach :])
    begin = int(near[-1]) + 1 if len(near) else 0
    end = len(covered) - reach + int(far[0]) if len(far) else len(covered)
    return begin, end
