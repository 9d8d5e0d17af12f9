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
from bpnet.data.reading.grouping import FILLS, LEANING, without_spanning_lines
from bpnet.data.reading.image import DigitPicture, as_mnist_shows, ink_of
from bpnet.data.reading.morphology import stroke_width
from bpnet.data.reading.seeing import BAR, Seen
from bpnet.data.reading.text_lines import lines_of_text
from bpnet.model.digit_reader import Ask, Prepare, Read, at_edge

MOST_PARTS = 12  # of one digit
WIDEST = 1.5  # of the line's height
LOW_BELOW = 0.5  # of the line's height: a digit is hardly lower,
TINY_BELOW = 0.25  # likewise: and hardly ever so low
PALE = 0.25  # of a usual stroke's strength: another pen's may be no stronger
SPECK = 0.1  # of the usual piece's longer side: what is smaller is dirt
FEWEST_PIXELS = 4  # likewise
MOST_PIECES = 60  # of a picture: where there are more, none is divided
LEAST = 1e-6  # probability

# Costs, beside −log p of what the network takes a run for:
EACH = 0.3  # of every digit, and
CUT = 0.3  # of every cut, for each width of a stroke: so none is divided without need
LOW = 0.5  # of a digit that is lower than others
TINY = 6.0  # in addition, of one that is much lower: rather a speck
UNREAD = 2.5  # of a digit that the network rather takes for none
APART = 5.0  # of a gap within a digit that is as wide as the line is high
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
        lead: by how much more any other way to divide the ink costs.
    """

    digits: list[Read]
    left_out: int
    divided: int
    least: float
    lead: float


def read_rows(seen: Seen, ask: Ask, prepare: Prepare, digits: int) -> list[Row]:
    """Read the lines of digits that one way to look at a picture shows, from top to bottom.

    Args:
        seen: pieces of ink.
        ask: returns the class probabilities of pictures (count, height, width).
        prepare: makes a digit look like the network's training pictures.
        digits: how many classes are digits: all but the last, which is for what is none.
    """
    chosen = legible(seen)
    is_crowded = len(chosen) > MOST_PIECES
    return [
        read_row(seen, members, ask, prepare, digits, is_crowded=is_crowded)
        for members in lines_of_text(seen.pieces, chosen)
    ]


def legible(seen: Seen) -> NDArray[np.int64]:
    """Return the numbers of the pieces that are not specks, shadows or page edges."""
    pieces, (height, width) = seen.pieces, seen.pieces.labels.shape
    sides = np.maximum(pieces.heights, pieces.widths)
    strong = pieces.highest(seen.ink.strength) > PALE * seen.ink.level
    fills = (pieces.heights > FILLS * height) & (pieces.widths > FILLS * width)
    lies_inside = pieces.edge_contact() <= LEANING * (pieces.heights + pieces.widths)
    able = strong & (fills | lies_inside) & (sides >= FEWEST_PIXELS)
    able = without_spanning_lines(pieces, able)
    if not able.any():
        return np.flatnonzero(able)
    usual = np.sort(sides[able])[-max(1, int(able.sum()) // 3) :].mean()
    return np.flatnonzero(able & (sides >= SPECK * usual))


def read_row(
    seen: Seen,
    members: NDArray[np.int64],
    ask: Ask,
    prepare: Prepare,
    digits: int,
    *,
    is_crowded: bool = False,
) -> Row:
    """Read the digits of one line, which some pieces make up; in a crowd, each is taken whole."""
    pieces = only(seen.pieces, members)
    height = float(np.sort(pieces.heights)[-max(1, len(pieces) // 2) :].mean())
    parts, crossed = cut_into_parts(pieces, seen.ink, np.inf if is_crowded else height)
    order = np.argsort(parts.left + parts.right, kind="stable")
    runs = possible_runs(parts, order, WIDEST * height, most=2 if is_crowded else MOST_PARTS)
    candidates = [prepare(picture_of(seen, parts, order[first:last])) for first, last in runs]
    answers = ask(np.stack([pixels_of(found) for found in candidates]))
    surety = np.maximum(answers[:, :digits].max(axis=1), LEAST)
    is_bar = answers[:, :digits].argmax(axis=1) == BAR
    if height < FILLS * len(seen.picture):
        lies_at_edge = [at_edge(found.box, seen.picture) for found in candidates]
        surety[is_bar & lies_at_edge] = LEAST
    relative = np.array([found.box.height for found in candidates]) / height
    low = LOW * (relative < LOW_BELOW) + TINY * (relative < TINY_BELOW)
    gaps = np.array([gap_within(parts, order[first:last]) for first, last in runs])
    is_unread = answers.argmax(axis=1) >= digits
    as_digit = EACH + low + APART * gaps / height + UNREAD * is_unread - np.log(surety)
    sides = np.sqrt([found.box.height * found.box.width for found in candidates])
    as_none = LEFT_OUT * sides / height - np.log(np.maximum(answers[:, digits:].sum(axis=1), LEAST))
    pen = stroke_width(np.where(pieces.labels >= 0, np.maximum(seen.ink.strength, 0), 0))
    is_cut = np.append(False, goes_on(pieces, parts, order))
    cut = CUT / pen * np.append(0, crossed[order]) * is_cut
    way, lead = cheapest_way(runs, np.minimum(as_digit, as_none), cut)
    kept = [run for run in way if as_digit[run] <= as_none[run]]
    read = [Read(candidates[run], answers[run]) for run in kept]
    divided = sum(bool(is_cut[runs[run][1]]) for run in way)
    least = float(surety[kept].min(initial=1))
    return Row(read, len(way) - len(kept), divided, least, lead)


def pixels_of(digit: DigitPicture) -> NDArray[np.uint8]:
    """Return the pixels of a digit that has ink."""
    assert digit.pixels is not None
    return digit.pixels


def possible_runs(
    parts: Components, order: NDArray[np.int64], widest: float, most: int = MOST_PARTS
) -> list[Run]:
    """Return the runs of neighbouring parts, `most` or fewer, that may be one digit, in order."""
    return [
        (first, last)
        for first in range(len(order))
        for last in range(first + 1, min(first + most, len(order)) + 1)
        if last == first + 1
        or np.ptp([parts.left[order[first:last]].min(), parts.right[order[first:last]].max()])
        <= widest
    ]


def cheapest_way(
    runs: list[Run], costs: NDArray[np.floating], cut: NDArray[np.floating]
) -> tuple[list[int], float]:
    """Return the numbers of those runs that follow each other from the first part to the last.

    Args:
        runs: sorted by their first part.
        costs: of each run.
        cut: what it costs to begin a run at each part, and to end one after the last.

    Returns:
        The cheapest way, and how much more the cheapest with any other run costs.
    """
    parts = len(cut) - 1
    total, rest = np.full(parts + 1, np.inf), np.full(parts + 1, np.inf)
    total[0], rest[parts] = 0, 0
    came = [-1] * (parts + 1)
    for number, (first, last) in enumerate(runs):
        cost = total[first] + costs[number] + cut[last]
        if cost < total[last]:
            total[last], came[last] = cost, number
    for number, (first, last) in reversed(list(enumerate(runs))):
        rest[first] = min(rest[first], costs[number] + cut[last] + rest[last])
    way: list[int] = []
    place = parts
    while place:
        way.append(came[place])
        place = runs[came[place]][0]
    on_way = set(way)
    through = [
        total[first] + costs[number] + cut[last] + rest[last]
        for number, (first, last) in enumerate(runs)
        if number not in on_way
    ]
    return way[::-1], float(min(through, default=np.inf) - total[parts])


def gap_within(parts: Components, run: NDArray[np.int64]) -> int:
    """Return the width of the widest gap between parts, in columns; 0 if there is none."""
    order = run[np.argsort(parts.left[run], kind="stable")]
    reached = np.maximum.accumulate(parts.right[order])
    return int(np.max(parts.left[order][1:] - reached[:-1], initial=0))


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
    """Return some parts as one digit, with no more of the picture than is around it."""
    chosen = np.zeros(len(parts), dtype=bool)
    chosen[run] = True
    box, place, ink = ink_of(seen.ink, parts, chosen)
    return DigitPicture(as_mnist_shows(ink), seen.picture[place], ink, box)
