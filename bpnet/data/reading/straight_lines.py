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
MANY = 3  # lying ones alone that are a page's, however dark; standing ones alone may be 1s
PALER = 0.5  # of the strokes' strength: other lines are so much paler than they are
LEAST_PERCENTILE = 25  # of a line's pixels: its least strength, leaving out gaps
USUAL_PERCENTILE = 50  # likewise: its usual strength, which is taken off
COVER = 1.1  # times the usual strength is taken off
ALIKE = 0.5  # of the strongest line's strength
SHORTEST = 0.15  # of the picture's width: askew, a line leaves the picture above or below
ENDS = 0.06  # of the width, at both ends: a line is still seen there
FRINGE = 2  # pixels on either side of a line
BLOCK = 4  # columns that are added up where a tilt is looked for: it moves them less than a pixel

CORE = 0.3  # of the strongest line: pixels of lines
WEAK = 0.6  # of the strongest line's strength: what is left of a line is weaker
REMNANT = 0.7  # of a piece's pixels lie along lines

PerRow = NDArray[np.floating]  # a number for each row of a picture
Mask = NDArray[np.bool_]  # (height, width)


def without_straight_lines(ink: Ink) -> tuple[Ink, Plane | None]:
    """Take off lines that run straight across the whole picture, standing or lying.

    Returns:
        The ink that is left, and what was taken off (height, width); None if there are no lines.
    """
    if max(ink.strength.shape) < SMALLEST_PAGE or ink.level <= 0:
        return ink, None
    lying, lying_count = lying_lines(ink.strength)
    left = ink.strength - np.minimum(lying, np.maximum(ink.strength, 0))
    standing, standing_count = lying_lines(left.T)
    left = left - np.minimum(standing.T, np.maximum(left, 0))
    rest = measured(left)
    is_page = lying_count >= MANY or (lying_count > 0 and standing_count > 0)
    strongest = max(float(lying.max()), float(standing.max()))
    if lying_count + standing_count == 0 or rest.level <= 0:
        return ink, None
    if not is_page and strongest > PALER * rest.level:
        return ink, None
    return rest, ink.strength - left


def lying_lines(strength: Plane) -> tuple[Plane, int]:
    """Find lines that run roughly from left to right.

    Along the lines' common tilt, each is a row of the picture that is darker than what lies above
    and below it.

    Returns:
        The lines' strength (height, width), and how many there are; all 0, and 0, if there are
        fewer than `FEWEST`.
    """
    width = strength.shape[1]
    tilt = common_tilt(strength)
    reach = int(np.ceil(abs(tilt) * width / 2)) + 1
    beyond = np.pad(strength, ((reach, reach), (0, 0)), constant_values=np.nan)
    levelled = sheared(beyond, tilt)
    least, usual = usual_strengths(levelled)
    apart = thickest_line(strength) + 1
    beside = np.pad(least, apart)
    beside = np.maximum(beside[: -2 * apart], beside[2 * apart :])
    is_line = least - np.maximum(beside, 0) > PALEST
    is_line &= (least > ALIKE * least.max()) & goes_on_to_its_ends(levelled)
    count = lines_in(is_line)
    if count < FEWEST:
        return np.zeros_like(strength), 0
    profile = np.where(running(np.maximum, is_line, FRINGE, 0), np.maximum(usual, 0), 0)
    across = np.repeat(profile.astype(np.float32)[:, None], width, axis=1)
    lines: Plane = COVER * sheared(across, -tilt)[reach:-reach]
    return lines, count


def usual_strengths(levelled: Plane) -> tuple[PerRow, PerRow]:
    """Return the least and the usual strength of what each row (rows, width) may be a line of.

    Pixels beyond the picture are NaN; rows that have too few others get 0.
    """
    ordered = np.sort(levelled, axis=1)  # NaN comes last
    counts = np.count_nonzero(~np.isnan(levelled), axis=1)
    is_long = counts >= SHORTEST * levelled.shape[1]
    rows = np.arange(len(levelled))
    least, usual = (
        np.where(is_long, ordered[rows, counts * percentile // 100], 0)
        for percentile in (LEAST_PERCENTILE, USUAL_PERCENTILE)
    )
    return least, usual


def goes_on_to_its_ends(levelled: Plane) -> Mask:
    """Return for each row (rows, width) whether there is ink at both ends; NaN is beyond them."""
    part = max(2, round(ENDS * levelled.shape[1]))
    goes_on = np.zeros(len(levelled), dtype=bool)
    for row, values in enumerate(levelled):
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
    pale = np.clip(strength, 0, max(float(ordered[len(ordered) * 4 // 5]), PALEST))
    blocks = np.pad(pale, ((0, 0), (0, -width % BLOCK))).reshape(height, -1, BLOCK).sum(axis=2)
    across = np.arange(blocks.shape[1]) * BLOCK + (BLOCK - width) / 2
    step = 1.5 / width
    reach = int((STEEPEST + step) * (width + BLOCK) / 2) + 1
    rows = np.arange(height)[:, None] + reach

    def sharpness(tilt: float) -> float:
        turned = rows - np.rint(tilt * across).astype(np.int64)
        sums = np.bincount(turned.ravel(), weights=blocks.ravel(), minlength=height + 2 * reach)
        return float((np.diff(sums, 2) ** 2).sum())

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
        lines: what was taken off.
    """
    pieces = connected_components(mask)
    near = within(np.maximum, lines > CORE * lines.max(), 1)
    along = pieces.sums((near & mask).astype(np.float32)) > REMNANT * pieces.areas
    is_weak = pieces.highest(ink.strength) < WEAK * lines.max()
    longest = np.maximum(pieces.heights, pieces.widths)
    is_thin = pieces.areas < (thickest_line(mask) + 1) * longest
    is_cut = is_thin & (pieces.edge_contact() > 0)
    return mask & ~pieces.mask(is_cut | (is_weak & along))
