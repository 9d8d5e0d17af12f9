"""Decide which pieces of ink make up a digit."""

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import Components, connected_parts

SPECK = 0.04  # a piece with less ink than this fraction of the main one is dirt
LEANING = 0.65  # shadows and page edges have this fraction of their box on the picture's edge
FILLS = 0.75  # of both sides of a picture that was cut close around its digit
SMALLEST = 0.04  # of the picture's longer side: anything less is not a digit
SLIM = 0.12  # of the picture's height or width: a line that runs along the other from edge to edge
LARGE = 0.25  # of the picture's height or width: what makes such a line a line
TALL = 0.75  # pieces whose heights are as alike as this are two digits side by side, if apart
APART = 0.04  # gap between two tall pieces, in heights of the taller
NEAR = 0.3  # gap between a digit and its detached part, in heights of the taller

Chosen = NDArray[np.bool_]  # (pieces,)


def group_into_digits(pieces: Components, mass: NDArray[np.float64]) -> list[Chosen]:
    """Group pieces of ink into digits, the one with the most ink first.

    Args:
        pieces: the connected pieces of the picture's ink.
        mass: how much ink each piece holds.

    Returns:
        For each digit the pieces that make it up; empty if there is no digit at all.
    """
    eligible = without_dirt(pieces, mass)
    index = np.flatnonzero(eligible)
    one, other = np.triu_indices(len(index), 1)
    joined = belong_together(pieces, index[one], index[other])
    part = connected_parts(len(index), one[joined], other[joined])
    groups = []
    for number in range(int(part.max(initial=-1)) + 1):
        chosen = np.zeros(len(pieces), dtype=bool)
        chosen[index[part == number]] = True
        groups.append(chosen)
    return sorted(groups, key=lambda chosen: -float(mass[chosen].sum()))


def without_dirt(pieces: Components, mass: NDArray[np.float64]) -> Chosen:
    """Choose the pieces that are not specks, shadows, page edges or frames."""
    height, width = pieces.labels.shape
    longest = np.maximum(pieces.heights, pieces.widths)
    eligible: Chosen = longest >= max(3, SMALLEST * max(height, width))
    contact = pieces.edge_contact()
    fills = (pieces.heights > FILLS * height) & (pieces.widths > FILLS * width)
    eligible &= fills | (contact <= LEANING * (pieces.heights + pieces.widths))
    eligible = without_spanning_lines(pieces, eligible)
    inner = eligible & (contact == 0)
    main = mass[inner].max(initial=0)
    if main < 0.15 * mass[eligible].max(initial=0):
        main = mass[eligible].max(initial=0)
    clean: Chosen = eligible & (mass > SPECK * main) & (mass > 0)
    return clean


def without_spanning_lines(pieces: Components, chosen: Chosen) -> Chosen:
    """Leave out thin pieces that run from edge to edge, if there are others of some size.

    Where those are as long, the picture was cut close around all of them, and none is a line.
    """
    height, width = pieces.labels.shape
    lying = (pieces.left <= 1) & (pieces.right >= width - 1) & (pieces.heights < SLIM * height)
    standing = (pieces.top <= 1) & (pieces.bottom >= height - 1) & (pieces.widths < SLIM * width)
    others = chosen & ~lying & ~standing
    large = (pieces.heights >= LARGE * height) | (pieces.widths >= LARGE * width)
    if not (others & large).any():
        return chosen
    lies_alone = pieces.widths[others].max() < FILLS * width
    stands_alone = pieces.heights[others].max() < FILLS * height
    left: Chosen = chosen & ~(lying & lies_alone) & ~(standing & stands_alone)
    return left


def belong_together(
    pieces: Components, one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which pairs of pieces are parts of one digit.

    Parts one above the other belong together, as the bar and the body of a 5 do; parts side by
    side do if they all but touch, or if one is much shorter than the other and near it.
    """
    across = _gap(pieces.left, pieces.right, one, other)
    down = _gap(pieces.top, pieces.bottom, one, other)
    narrower = np.minimum(pieces.widths[one], pieces.widths[other])
    taller = np.maximum(pieces.heights[one], pieces.heights[other])
    lower = np.minimum(pieces.heights[one], pieces.heights[other])
    above = (across <= -0.4 * narrower) & (down <= NEAR * taller)
    reach = np.where(lower > TALL * taller, APART, NEAR) * taller
    together: NDArray[np.bool_] = above | (np.maximum(across, down) <= reach)
    return together


def _gap(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the distance between intervals; negative by how much they overlap."""
    gap: NDArray[np.int64] = np.maximum(start[one], start[other]) - np.minimum(end[one], end[other])
    return gap
