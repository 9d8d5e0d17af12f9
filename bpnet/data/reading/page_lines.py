"""Take the lines of ruled and squared paper off the ink, wherever the page bends."""

import numpy as np

from bpnet.data.reading.morphology import lines_along
from bpnet.data.reading.paper import PALEST, Ink
from bpnet.data.reading.resample import Plane, percentiles
from bpnet.data.reading.thin_ink import thin_ink

LENGTH = 0.15  # of the picture's longer side: what goes straight on for so long is a line
SEEN = 0.4  # of the strength of strong lines
FEWEST = 3  # lines across the middle of a page: a digit has fewer
DARKEST = 2.0  # times the usual line: what is darker is a stroke that runs along it
COVER = 1.3  # times what an opening leaves of a line, as it leaves the palest pixel's strength
USUAL = 1.4  # times the usual line at most: where strokes cross, they remain


def without_page_lines(ink: Ink) -> Ink:
    """Return the ink that is left without the lines of the page.

    Lines are found by openings: what remains if, along some direction, every stretch of ink is as
    pale as the palest pixel of a long straight piece. Where there are many of about equal strength,
    they are the page's, and are taken off; strokes that cross them keep the rest.
    """
    strength = ink.strength
    lines = np.zeros_like(strength)
    for turned in (False, True):
        plane = strength.T if turned else strength
        found = lines_along(plane, max(4, round(LENGTH * max(plane.shape) / 2)))
        usual = usual_line(found)
        taken = np.minimum(found, np.float32(USUAL * usual)) * np.float32(COVER)
        taken[found > DARKEST * usual] = 0
        np.maximum(lines, taken.T if turned else taken, out=lines)
    return thin_ink(strength - lines) if lines.any() else ink


def usual_line(lines: Plane) -> float:
    """Return the mean strength of lines (height, width); 0 where there are too few for a page."""
    seen = lines > max(PALEST / 2, SEEN * percentiles(lines, 95)[0])
    begun = np.count_nonzero(seen[1:] & ~seen[:-1], axis=0)
    if percentiles(begun, 50)[0] < FEWEST:
        return 0.0
    chosen = lines[seen].astype(np.float64)
    return float(chosen @ chosen / chosen.sum())
