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
ANCHORS = (0.25, 0.5, 0.75)  # of the piece's height: rows on which cuts are looked for
ASIDE = 0.1  # full ink that a step to the side counts as
APART = 0.06  # of the line's height between two cuts, on the mean
LEAST = 0.05  # of the ink on either side of a cut
CUTS = 6  # of a piece as wide as its line is high
HEAVIEST = 0.8  # of the line's height: no cut goes through more ink
SPAN = 0.4  # of the distance from the first to the last ink on a cut counts as ink
SEEN = 0.3  # of full strength


def cut_into_parts(
    pieces: Components, ink: Ink, height: float
) -> tuple[Components, NDArray[np.float64]]:
    """Cut wide pieces where a path from top to bottom meets little ink.

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
    columns = ink.shape[1]
    across = np.arange(columns)
    whole = max(float(ink.sum()), 1e-6)
    kept: list[tuple[float, NDArray[np.int64], float]] = []  # a cut's middle, path and ink
    for path in cheapest_paths(ink):
        amount = ink_on(ink, path)
        if amount >= HEAVIEST * height:
            continue
        if any(np.abs(path - other).mean() <= APART * height for _, other, _ in kept):
            continue
        share = float(ink[across >= path[:, None]].sum()) / whole
        if LEAST < share < 1 - LEAST:
            kept.append((float(path.mean()), path, amount))
        if len(kept) >= CUTS * columns / height:
            break
    kept.sort(key=lambda cut: cut[0])
    part = np.zeros(ink.shape, dtype=np.int64)
    for _, path, _ in kept:
        part += across >= path[:, None]
    return part, [amount for *_, amount in kept]


def cheapest_paths(ink: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Return paths from top to bottom (rows,) that go through less ink than those beside them.

    Each row's column differs from that above by one at most. On a row, the least ink of all paths
    through each column is that from the top to it and that from it to the bottom.
    """
    toll = ink.astype(np.float64) + 1e-3
    above, came_down = least_ink(toll)
    below, came_up = least_ink(toll[::-1])
    below, came_up = below[::-1], came_up[::-1]
    rows = len(ink)
    found = []
    for anchor in sorted({int(rows * place) for place in ANCHORS}):
        lowest = bottoms(above[anchor] + below[anchor] - toll[anchor])
        paths = np.empty((len(lowest), rows), dtype=np.int64)
        paths[:, anchor] = lowest
        for row in range(anchor, 0, -1):
            paths[:, row - 1] = paths[:, row] + came_down[row, paths[:, row]]
        for row in range(anchor, rows - 1):
            paths[:, row + 1] = paths[:, row] + came_up[row, paths[:, row]]
        found += list(paths)
    return sorted(found, key=lambda path: ink_on(ink, path))


def bottoms(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the middles of all stretches of equal values that are lower than those beside them."""
    starts = np.append(0, np.flatnonzero(values[1:] != values[:-1]) + 1)
    ends = np.append(starts[1:], len(values)) - 1
    level = np.concatenate([[-np.inf], values[starts], [-np.inf]])
    is_low = (level[1:-1] < level[:-2]) & (level[1:-1] < level[2:])
    middles: NDArray[np.int64] = (starts[is_low] + ends[is_low]) // 2
    return middles


def least_ink(toll: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the least toll of a path from the top to each pixel, and whence it came: −1, 0, 1."""
    least, came = toll.copy(), np.zeros(toll.shape, dtype=np.int64)
    for row in range(1, len(toll)):
        before = np.pad(least[row - 1], 1, constant_values=np.inf)
        ways = np.stack([before[1:-1], before[:-2] + ASIDE, before[2:] + ASIDE])
        best = ways.argmin(axis=0)
        came[row] = np.array([0, -1, 1])[best]
        least[row] += np.take_along_axis(ways, best[None], axis=0)[0]
    return least, came


def ink_on(ink: NDArray[np.float32], path: NDArray[np.int64]) -> float:
    """Return how much ink a path goes through.

    A part of the span from the first to the last ink on it counts as ink: within a digit's loop
    it is long, between two digits short.
    """
    values = ink[np.arange(len(ink)), path]
    seen = np.flatnonzero(values > SEEN)
    span = int(seen[-1] - seen[0]) + 1 if len(seen) else 0
    return float(values.sum()) + SPAN * span
