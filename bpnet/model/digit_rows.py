"""Read rows of digits: let the network choose how the ink is divided.

Ink is cut into more parts than there are digits. Every run of neighbouring parts may be a digit;
the network says how likely, and the cheapest way from the first part to the last is found by
dynamic programming.

Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), section V.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import Components, components_of
from bpnet.data.reading.cuts import cut_into_parts
from bpnet.data.reading.grouping import without_dirt
from bpnet.data.reading.image import DigitPicture, cut_out
from bpnet.data.reading.morphology import stroke_width
from bpnet.data.reading.seeing import Seen
from bpnet.data.reading.text_lines import lines_of_text
from bpnet.model.reading import Ask, Prepare, Read

MOST_PARTS = 12  # of one digit
WIDEST = 1.5  # of the line's height
LOWEST = 0.5  # of the line's height: a digit is hardly lower
PALE = 0.25  # of a usual stroke's strength: another pen's may be no stronger
LEAST = 1e-6  # probability

# Costs, beside −log p of what the network takes a run for:
EACH = 0.3  # of every digit, and
CUT = 0.4  # of every cut, for each width of a stroke: so none is divided without need
LOW = 1.0  # of a digit that is lower than others
LEFT_OUT = 6.0  # of ink that is taken for no digit, if it is as large as a digit

Run = tuple[int, int]  # the first part, and that after the last


@dataclass(frozen=True)
class Row:
    """Hold what was read in a line.

    Args:
        digits: from left to right.
        left_out: how many times ink was taken for no digit.
        divided: how many times connected ink was taken for two digits.
        least: probability of the least sure digit, as a digit; 1 if there is none.
    """

    digits: list[Read]
    left_out: int
    divided: int
    least: float


def read_rows(seen: Seen, ask: Ask, prepare: Prepare, digits: int) -> list[Row]:
    """Read the lines of digits that one way to look at a picture shows, from top to bottom.

    Args:
        seen: pieces of ink.
        ask: returns the class probabilities of pictures (count, height, width).
        prepare: makes a digit look like the network's training pictures.
        digits: how many classes are digits: all but the last, which is for what is none.
    """
    pieces, ink = seen.pieces, seen.ink
    sides = np.maximum(pieces.heights, pieces.widths).astype(np.float64)
    size = np.where(pieces.highest(ink.strength) > PALE * ink.level, sides**2, 0)
    chosen = np.flatnonzero(without_dirt(pieces, size))
    return [
        read_row(seen, members, ask, prepare, digits) for members in lines_of_text(pieces, chosen)
    ]


def read_row(
    seen: Seen, members: NDArray[np.int64], ask: Ask, prepare: Prepare, digits: int
) -> Row:
    """Read the digits of one line, which some pieces make up."""
    pieces = only(seen.pieces, members)
    height = float(np.sort(pieces.heights)[-max(1, len(pieces) // 2) :].mean())
    parts, crossed = cut_into_parts(pieces, seen.ink, height)
    order = np.argsort(parts.left + parts.right, kind="stable")
    runs = possible_runs(parts, order, WIDEST * height)
    candidates = [prepare(picture_of(seen, parts, order[first:last])) for first, last in runs]
    answers = ask(np.stack([found.pixels for found in candidates if found.pixels is not None]))
    surety = np.maximum(answers[:, :digits].max(axis=1), LEAST)
    is_low = np.array([found.box.height < LOWEST * height for found in candidates])
    as_digit = EACH + LOW * is_low - np.log(surety)
    sides = np.sqrt([found.box.height * found.box.width for found in candidates])
    as_none = LEFT_OUT * sides / height - np.log(np.maximum(answers[:, digits:].sum(axis=1), LEAST))
    pen = stroke_width(np.where(pieces.labels >= 0, np.maximum(seen.ink.strength, 0), 0))
    is_cut = np.append(False, goes_on(pieces, parts, order))
    cut = CUT / pen * np.append(0, crossed[order]) * is_cut
    way = cheapest_way(runs, np.minimum(as_digit, as_none), cut)
    kept = [run for run in way if as_digit[run] <= as_none[run]]
    read = [Read(candidates[run], answers[run]) for run in kept]
    divided = sum(bool(is_cut[runs[run][1]]) for run in way)
    return Row(read, len(way) - len(kept), divided, float(surety[kept].min(initial=1)))


def possible_runs(parts: Components, order: NDArray[np.int64], widest: float) -> list[Run]:
    """Return the runs of neighbouring parts that may be one digit, by their first part."""
    return [
        (first, last)
        for first in range(len(order))
        for last in range(first + 1, min(first + MOST_PARTS, len(order)) + 1)
        if last == first + 1
        or np.ptp([parts.left[order[first:last]].min(), parts.right[order[first:last]].max()])
        <= widest
    ]


def cheapest_way(
    runs: list[Run], costs: NDArray[np.floating], cut: NDArray[np.floating]
) -> list[int]:
    """Return the numbers of those runs that follow each other from the first part to the last.

    Args:
        runs: sorted by their first part.
        costs: of each run.
        cut: what it costs to begin a run at each part, and to end one after the last.
    """
    parts = len(cut) - 1
    total = np.full(parts + 1, np.inf)
    total[0] = 0
    came = [-1] * (parts + 1)
    for number, (first, last) in enumerate(runs):
        cost = total[first] + costs[number] + cut[last]
        if cost < total[last]:
            total[last], came[last] = cost, number
    way: list[int] = []
    place = parts
    while place:
        way.append(came[place])
        place = runs[came[place]][0]
    return way[::-1]


def goes_on(pieces: Components, parts: Components, order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each part in this order whether the next one belongs to the same piece."""
    piece = np.zeros(len(parts), dtype=np.int64)
    inside = parts.labels >= 0
    piece[parts.labels[inside]] = pieces.labels[inside]
    return np.append(piece[order][1:] == piece[order][:-1], False)


def only(pieces: Components, members: NDArray[np.int64]) -> Components:
    """Return some of the pieces, numbered anew."""
    number = np.full(len(pieces) + 1, -1, dtype=np.int64)
    number[np.sort(members)] = np.arange(len(members))
    return components_of(number[pieces.labels])


def picture_of(seen: Seen, parts: Components, run: NDArray[np.int64]) -> DigitPicture:
    """Return the picture of some parts as one digit."""
    chosen = np.zeros(len(parts), dtype=bool)
    chosen[run] = True
    return cut_out(seen.picture, seen.ink, parts, chosen)
