"""Find the lines of text that pieces of ink stand in."""

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import Components

TALL = 0.45  # of the tallest usual piece: lower ones do not say where a line is
SHARED = 0.5  # of the lower of two heights: pieces of one line stand beside each other so far

Chosen = NDArray[np.int64]  # numbers of pieces


def lines_of_text(pieces: Components, chosen: Chosen) -> list[Chosen]:
    """Return the pieces of each line, the lines from top to bottom.

    Tall pieces that stand beside each other make a line; each low one joins the nearest.
    """
    if not len(chosen):
        return []
    heights = pieces.heights[chosen]
    usual = np.sort(heights)[-max(1, len(heights) // 3) :].mean()
    tall = chosen[heights >= TALL * usual]
    bands: list[tuple[float, float]] = []
    members: list[list[int]] = []
    for piece in tall[np.argsort(-pieces.heights[tall], kind="stable")]:
        top, bottom = float(pieces.top[piece]), float(pieces.bottom[piece])
        shared = [
            (min(bottom, low) - max(top, high)) / min(bottom - top, low - high)
            for high, low in bands
        ]
        best = int(np.argmax(shared)) if shared else -1
        if best >= 0 and shared[best] >= SHARED:
            members[best].append(int(piece))
            tops, bottoms = pieces.top[members[best]], pieces.bottom[members[best]]
            bands[best] = (float(np.median(tops)), float(np.median(bottoms)))
        else:
            bands.append((top, bottom))
            members.append([int(piece)])
    middles = np.array([(top + bottom) / 2 for top, bottom in bands])
    for piece in chosen[heights < TALL * usual]:
        middle = (pieces.top[piece] + pieces.bottom[piece]) / 2
        members[int(np.argmin(np.abs(middles - middle)))].append(int(piece))
    return [np.array(members[line]) for line in np.argsort(middles)]
