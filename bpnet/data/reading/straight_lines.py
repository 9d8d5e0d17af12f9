"""Take the straight lines of ruled and squared paper off the ink, so that strokes stay whole.

A stroke crosses a line, or runs along it for a part of the picture. A line goes on: nearly all of
its pixels, from edge to edge, are at least as dark as it is.
"""

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import connected_components
from bpnet.data.reading.lines import SMALLEST_PAGE, STEEPEST, lines_in, thickest_line
from bpnet.data.reading.morphology import running, within
from bpnet.data.reading.paper import PALEST, Ink, measured
from bpnet.data.reading.resample import Plane

FEWEST = 2  # lines in one direction: a single one may be a stroke
MANY = 3  # in both together: those of a page, however dark
PALER = 0.5  # of the strokes' strength: two lines are so much paler than they are
DARKER = 25  # percent of a line's pixels may be paler than the line's least strength
USUAL = 50  # percent: likewise, for its usual strength, which is taken off
COVER = 1.1  # times the usual strength is taken off
ALIKE = 0.5  # of the strongest line's strength
SHORTEST = 0.15  # of the picture's width: askew, a line leaves the picture above or below
ENDS = 0.06  # of the width, at both ends: a line is still seen there
FRINGE = 2  # pixels on either side of a line

CORE = 0.3  # of the strongest line: pixels of lines
WEAK = 0.6  # of the strongest line's strength: what is left of a line is weaker
REMNANT = 0.7  # of a piece's pixels lie along lines

Row = NDArray[np.floating]  # a number for each row of a picture
Mask = NDArray[np.bool_]  # (height, width)


def without_straight_lines(ink: Ink) -> tuple[Ink, Plane | None]:
    """Take off lines that run straight across the whole picture, standing or lying.

    Returns:
        The ink that is left, and the lines' strength (height, width); None if there are none.
    """
    if max(ink.strength.shape) < SMALLEST_PAGE or ink.level <= 0:
        return ink, None
    left, found, strongest = ink.strength, 0, 0.0
    for is_standing in (False, True):
        plane = left.T if is_standing else left
        lines, count = lying_lines(plane)
        plane = plane - np.minimum(lines, np.maximum(plane, 0))
        left = plane.T if is_standing else plane
        found, strongest = found + count, max(strongest, float(lines.max()))
    rest = measured(left)
    if found == 0 or (found < MANY and strongest > PALER * rest.level):
        return ink, None
    return rest, ink.strength - left


def lying_lines(strength: Plane) -> tuple[Plane, int]:
    """Return the strength (height, width) of lines that run roughly from left to right.

    Seen along the lines' common tilt, a line is a row of the picture.

    Returns:
        Also, how many lines there are; fewer than `FEWEST` count as none.
    """
    width = strength.shape[1]
    tilt = common_tilt(strength)
    reach = int(np.ceil(abs(tilt) * width / 2)) + 1
    beyond = np.pad(strength, ((reach, reach), (0, 0)), constant_values=np.nan)
    level = sheared(beyond, tilt)
    least, usual = usual_strengths(level)
    apart = thickest_line(strength) + 1
    beside = np.minimum(np.roll(least, apart), np.roll(least, -apart))
    is_line = least - np.maximum(beside, 0) > PALEST
    is_line &= (least > ALIKE * least.max()) & goes_on_to_its_ends(level)
    count = lines_in(is_line)
    if count < FEWEST:
        return np.zeros_like(strength), 0
    profile = np.where(running(np.maximum, is_line, FRINGE, 0), np.maximum(usual, 0), 0)
    across = np.repeat(profile.astype(np.float32)[:, None], width, axis=1)
    lines: Plane = COVER * sheared(across, -tilt)[reach:-reach]
    return lines, count


def usual_strengths(level: Plane) -> tuple[Row, Row]:
    """Return the least and the usual strength of what each row (rows, width) may be a line of.

    Pixels beyond the picture are NaN; rows that have too few others get 0.
    """
    ordered = np.sort(level, axis=1)  # NaN comes last
    counts = np.count_nonzero(~np.isnan(level), axis=1)
    is_long = counts >= SHORTEST * level.shape[1]
    rows = np.arange(len(level))
    least, usual = (
        np.where(is_long, ordered[rows, counts * percent // 100], 0) for percent in (DARKER, USUAL)
    )
    return least, usual


def goes_on_to_its_ends(level: Plane) -> Mask:
    """Return for each row (rows, width) whether there is ink at both ends; NaN is beyond them."""
    part = max(2, round(ENDS * level.shape[1]))
    goes_on = np.zeros(len(level), dtype=bool)
    for row, values in enumerate(level):
        seen = values[~np.isnan(values)]
        if len(seen) >= 2 * part:
            weaker = min(np.sort(end)[part // 2] for end in (seen[:part], seen[-part:]))
            goes_on[row] = weaker > PALEST / 2
    return goes_on


def common_tilt(strength: Plane) -> float:
    """Return the rise per pixel along which rows of a picture differ most from their neighbours.

    Strong ink counts no more than lines do.
    """
    height, width = strength.shape
    ordered = np.sort(strength, axis=None)
    pale = np.clip(strength, 0, max(float(ordered[len(ordered) * 4 // 5]), 0)).ravel()
    rows, across = np.arange(height)[:, None] + height, np.arange(width) - (width - 1) / 2

    def sharpness(tilt: float) -> float:
        turned = rows - np.rint(tilt * across).astype(np.int64)
        sums = np.bincount(turned.ravel(), weights=pale, minlength=3 * height)
        return float((np.diff(sums, 2) ** 2).sum())

    step = 1.5 / width
    coarse = np.arange(-STEEPEST, STEEPEST + 1e-9, step)
    best = float(coarse[int(np.argmax([sharpness(tilt) for tilt in coarse]))])
    fine = best + np.linspace(-step, step, 9)
    return float(fine[int(np.argmax([sharpness(tilt) for tilt in fine]))])


def sheared(plane: Plane, tilt: float) -> Plane:
    """Return each column moved up by its distance from the middle times `tilt`, interpolated."""
    height, width = plane.shape
    rise = tilt * (np.arange(width) - (width - 1) / 2)
    whole = np.floor(rise).astype(np.int64)
    part = (rise - whole).astype(np.float32)
    rows = np.arange(height)[:, None] + whole
    near = np.take_along_axis(plane, np.clip(rows, 0, height - 1), axis=0)
    far = np.take_along_axis(plane, np.clip(rows + 1, 0, height - 1), axis=0)
    result: Plane = near + part * (far - near)
    return result


def without_line_remnants(mask: Mask, ink: Ink, lines: Plane) -> Mask:
    """Remove pieces that are parts of lines: weak and along them, or thin and cut by the edge.

    Args:
        mask: where there is ink.
        ink: without the lines.
        lines: their strength.
    """
    pieces = connected_components(mask)
    near = within(np.maximum, lines > CORE * lines.max(), 1)
    along = pieces.sums((near & mask).astype(np.float32)) > REMNANT * pieces.areas
    is_weak = pieces.highest(ink.strength) < WEAK * lines.max()
    longest = np.maximum(pieces.heights, pieces.widths)
    is_thin = pieces.areas < (thickest_line(mask) + 1) * longest
    is_cut = is_thin & (pieces.edge_contact() > 0)
    return mask & ~pieces.mask(is_cut | (is_weak & along))
