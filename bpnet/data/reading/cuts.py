"""Cut ink into parts that are at most one digit each: rather too many than too few.

Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), section V:
heuristic over-segmentation.
"""

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import Components, components_of
from bpnet.data.reading.paper import Ink

WIDE = 0.45  # of its line's height: a piece this wide may be two digits
FLAT = 0.35  # likewise: a piece this low is none
SLANTS = (-0.25, 0.0, 0.25, 0.5)  # columns per row, to the right towards the top
APART = 0.09  # of the line's height between two cuts
CUTS = 6  # of a piece as wide as its line is high
HEAVIEST = 0.8  # of the line's height: no cut goes through more ink
SPAN = 0.4  # of the distance from the first to the last ink on a cut counts as ink
SEEN = 0.3  # of full strength


def cut_into_parts(
    pieces: Components, ink: Ink, height: float
) -> tuple[Components, NDArray[np.float64]]:
    """Cut wide pieces where a slanted cut meets little ink.

    Args:
        pieces: of one line.
        ink: from which they come.
        height: of the line, in pixels.

    Returns:
        The parts, and how much ink, in pixels of full strength, the cut at the right of each part
        goes through; 0 where there is none.
    """
    labels = pieces.labels.copy()
    values = np.clip(ink.strength / max(ink.level, 1e-6), 0, 1)
    crossed = [0.0] * len(pieces)
    is_wide = (pieces.widths > WIDE * height) & (pieces.heights > FLAT * height)
    for piece in np.flatnonzero(is_wide):
        rows = slice(int(pieces.top[piece]), int(pieces.bottom[piece]))
        columns = slice(int(pieces.left[piece]), int(pieces.right[piece]))
        place = labels[rows, columns]
        mine = place == piece
        part, inks = parts_of(np.where(mine, values[rows, columns], 0), height)
        later = mine & (part > 0)
        place[later] = len(crossed) + part[later] - 1
        crossed[piece], *others = [*inks, 0.0]
        crossed += others
    used, numbered = np.unique(labels, return_inverse=True)
    parts = components_of(numbered.reshape(labels.shape) - int(used[0] < 0))
    return parts, np.array(crossed)[used[used >= 0]]


def parts_of(ink: NDArray[np.float32], height: float) -> tuple[NDArray[np.int64], list[float]]:
    """Return which part (rows, columns) each pixel of a piece is in, and the ink on each cut.

    Parts are numbered from left to right.
    """
    rows, columns = ink.shape
    down = np.arange(rows)[:, None] - rows / 2
    across = np.arange(columns) + 0 * down
    kept: list[tuple[float, float, float]] = []  # a cut's column, slant and ink
    edge = APART * height
    for amount, column, slant in sorted(possible_cuts(ink, down, across, HEAVIEST * height)):
        right = across + slant * down >= column
        share = float(ink[right].sum()) / max(float(ink.sum()), 1e-6)
        apart = all(abs(column - other) > edge for other, *_ in kept)
        if apart and edge < column < columns - edge and 0.05 < share < 0.95:
            kept.append((column, slant, amount))
        if len(kept) >= CUTS * columns / height:
            break
    part = np.zeros(ink.shape, dtype=np.int64)
    for column, slant, _ in kept:
        part += across + slant * down >= column
    return part, [amount for *_, amount in sorted(kept)]


def possible_cuts(
    ink: NDArray[np.float32],
    down: NDArray[np.float64],
    across: NDArray[np.float64],
    most: float,
) -> list[tuple[float, float, float]]:
    """Return the ink, the column and the slant of all cuts with less ink than those beside them.

    A part of the span from the first to the last ink on the cut counts as ink: within a digit's
    loop it is long, between two digits short.
    """
    found = []
    is_ink = ink > SEEN
    row = np.nonzero(is_ink)[0]
    for slant in SLANTS:
        level = np.rint(across + slant * down).astype(np.int64)
        low = int(level.min())
        level -= low
        amount = np.bincount(level.ravel(), ink.ravel().astype(np.float64))
        top, bottom = np.full(len(amount), len(ink)), np.full(len(amount), -1)
        np.minimum.at(top, level[is_ink], row)
        np.maximum.at(bottom, level[is_ink], row)
        amount += SPAN * np.maximum(bottom + 1 - top, 0)
        smooth = np.convolve(amount, [0.25, 0.5, 0.25], mode="same")
        inner = np.arange(2, len(smooth) - 2)
        is_lowest = (smooth[inner] <= smooth[inner - 1]) & (smooth[inner] <= smooth[inner + 1])
        found += [
            (float(smooth[column]), float(column + low), slant)
            for column in inner[is_lowest & (smooth[inner] < most)]
        ]
    return found
