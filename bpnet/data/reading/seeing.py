"""See the ink of a picture in several ways, the most usual one first."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import Components, components_within, connected_components
from bpnet.data.reading.form_boxes import without_form_boxes
from bpnet.data.reading.lines import inside_frame, without_ruled_lines
from bpnet.data.reading.morphology import within
from bpnet.data.reading.paper import PALEST, Ink, find_ink, most_telling_grey
from bpnet.data.reading.picture import Colours
from bpnet.data.reading.resample import Plane

FAINT = 0.33  # of a stroke's usual strength: its fringe
PALE = 0.12  # likewise: of a printed line
LIGHTEST = 0.4  # likewise: the lightest of several pens
PEN = 4  # pixels: what is nearer is the same pen's
LEAST_THIN, LEAST_INVERTED = 0.5, 0.9  # probability: scratches and gaps look like digits, too
RING, BAR = 0, 1  # digits that gaps and edges look like
DARK = 0.2  # contrast of ink beside which a thin bar is an edge, and no other ink
LIFTED = 1 / 100  # of the longer side: half of the gap that a pale stroke is broken by


class Seen(NamedTuple):
    """Hold what one way to look at a picture takes for ink.

    Args:
        picture: the colours that were examined (height, width, 3), 0–1.
        ink: how much of it there is on each pixel.
        pieces: its connected pieces.
        least: the probability that a digit seen in this way needs.
        phantoms: digits that edges and gaps look like in it, so that they are not believed.
    """

    picture: Colours
    ink: Ink
    pieces: Components
    least: float = 0.0
    phantoms: tuple[int, ...] = ()


def ways_to_see(picture: Colours, *, several: bool = False) -> Iterator[Seen]:
    """Yield what each way to look at a picture (height, width, 3) of 0–1 takes for ink.

    The first finds strokes of any width and colour. The others are for pictures in which that
    makes no digit: thin strokes, and what is brighter instead of darker or darker instead of
    brighter.

    Args:
        picture: of one digit, or of several.
        several: look for rows of digits: with pens lighter than others, and strokes that cross
            the lines of the page.
    """
    lightest = LIGHTEST if several else 1.0
    grey = most_telling_grey(picture)
    rows, columns = inside_frame(grey)
    picture, grey = picture[rows, columns], grey[rows, columns]
    usual = usual_look(picture, grey, several=several)
    yield usual
    from bpnet.data.reading.page_lines import (
        without_page_lines,  # most pictures need no second look
    )
    from bpnet.data.reading.thin_ink import find_thin_ink

    edges = (BAR,) if usual.ink.level > DARK else ()
    ink = without_page_lines(find_thin_ink(grey))
    gap = max(1, round(LIFTED * max(grey.shape)))
    yield Seen(picture, ink, components_within(written(ink, lightest), gap), LEAST_THIN, edges)
    ink = find_ink(grey, inverted=True)
    yield Seen(
        picture, ink, connected_components(written(ink, lightest)), LEAST_INVERTED, (RING, BAR)
    )


def usual_look(picture: Colours, grey: Plane, *, several: bool) -> Seen:
    """Take for ink what stands out from the paper, strokes of any width and colour.

    Straight lines are taken off first where several digits are looked for: in a row, strokes cross
    more of them. A single digit is read as well without that.
    """
    ink = find_ink(grey)
    if not several:
        return Seen(picture, ink, connected_components(written(ink)))
    from bpnet.data.reading.straight_lines import (  # for rows alone
        without_line_remnants,
        without_straight_lines,
    )

    ink, lines = without_straight_lines(ink)
    mask = written(ink, LIGHTEST)
    if lines is not None:
        mask = without_line_remnants(mask, ink, lines)
    return Seen(picture, ink, connected_components(mask))


def written(ink: Ink, lightest: float = 1.0) -> NDArray[np.bool_]:
    """Return the pixels (height, width) that were written on the page, not printed.

    Args:
        ink: how much there is.
        lightest: fraction of a usual stroke's strength that the lightest pen has.
    """
    dark, pale = ink_mask(ink, FAINT, lightest), ink_mask(ink, PALE)
    return without_ruled_lines(without_form_boxes(dark, pale), pale, ink.strength)


def ink_mask(ink: Ink, least: float, lightest: float = 1.0) -> NDArray[np.bool_]:
    """Return the pixels (height, width) on which there is ink, however faint.

    Args:
        ink: how much there is.
        least: fraction of a usual stroke's strength.
        lightest: likewise, of the lightest pen's, which counts where no other is near.
    """
    usual: float | Plane = ink.level
    if lightest < 1:
        strongest = within(np.maximum, ink.strength, PEN)
        usual = np.clip(strongest, lightest * ink.level, ink.level)
    return (ink.strength > max(4 * ink.noise, PALEST)) & (ink.strength > least * usual)
