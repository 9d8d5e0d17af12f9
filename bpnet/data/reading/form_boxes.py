"""Take the boxes of a form off the ink, so that what is written into them remains."""

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import Components, components_within
from bpnet.data.reading.morphology import lines_along, within

Mask = NDArray[np.bool_]  # (height, width)

SMALLEST = 12  # pixels of both sides of a box
NEAR = 0.06  # of a box's shorter side, and two pixels: how far a wall may stray from straight
WALLED = 0.85  # of each side of a box that has ink near it
CORNERS = 3  # of a box's four that hold ink: a ring's are empty
CELLS = 1.3  # times as wide as high: more than one cell
WRITTEN = 0.35  # of a box's height: what is written into it is so high, and not an 8's middle bar
FULL = 0.92  # of a box's height that a wall between two cells runs through


def without_form_boxes(mask: Mask, pale: Mask) -> Mask:
    """Return ink (height, width) without the walls of boxes.

    Args:
        mask: the ink.
        pale: the same with the palest ink, in which thin walls have no gaps.
    """
    pieces = components_within(pale, 1)
    left = mask
    large = (pieces.heights >= SMALLEST) & (pieces.widths >= SMALLEST)
    for piece in map(int, np.flatnonzero(large)):
        place = np.s_[
            pieces.top[piece] : pieces.bottom[piece], pieces.left[piece] : pieces.right[piece]
        ]
        box = pieces.labels[place] == piece
        reach = 2 + round(NEAR * min(box.shape))
        if is_walled(box, reach) and corner_ink(box) >= CORNERS and may_be_form(pieces, piece):
            wall = walls(within(np.maximum, box, 1), reach)
            if has_cells(pieces, piece) or is_written(box & ~wall):
                left = left.copy() if left is mask else left
                left[place] &= ~wall
    return left


def is_walled(box: Mask, reach: int) -> bool:
    """Return whether a piece has ink along all four sides of the box around it."""
    sides = (box[:reach], box[-reach:], box.T[:reach], box.T[-reach:])
    return all(side.any(axis=0).mean() >= WALLED for side in sides)


def may_be_form(pieces: Components, piece: int) -> bool:
    """Return whether a box may be printed: squared paper goes on to the picture's edge."""
    return has_cells(pieces, piece) or not pieces.edge_contact()[piece]


def has_cells(pieces: Components, piece: int) -> bool:
    """Return whether a box holds other ink, or is so wide that it has several cells."""
    inside = (
        (pieces.top > pieces.top[piece])
        & (pieces.bottom < pieces.bottom[piece])
        & (pieces.left > pieces.left[piece])
        & (pieces.right < pieces.right[piece])
    )
    return bool(inside.any() or pieces.widths[piece] > CELLS * pieces.heights[piece])


def is_written(rest: Mask) -> bool:
    """Return whether what a box is left with beside its walls is ink that touches them.

    A 0 drawn with a ruler is left with nothing, an 8 with its middle bar.
    """
    rows = np.flatnonzero(rest.any(axis=1))
    return len(rows) > 0 and bool(np.ptp(rows) > WRITTEN * len(rest))


def corner_ink(box: Mask) -> int:
    """Count the corners of a piece's box in which there is ink."""
    reach = 2 + round(NEAR * min(box.shape))
    corners = (
        box[:reach, :reach],
        box[:reach, -reach:],
        box[-reach:, :reach],
        box[-reach:, -reach:],
    )
    return sum(bool(corner.any()) for corner in corners)


def walls(box: Mask, reach: int) -> Mask:
    """Mark the walls of a box: along its sides, and where ink runs from top to bottom."""
    ink = box.astype(np.float32)
    height, width = box.shape
    lying = lines_along(ink, max(4, min(height, width) * 2 // 5)) > 0
    lying[2 * reach : height - 2 * reach] = False
    standing = lines_along(ink.T, round(FULL * (height - reach) / 2)).T > 0
    marked: Mask = lying | standing
    return within(np.maximum, marked, 1)
