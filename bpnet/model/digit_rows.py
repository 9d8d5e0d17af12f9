"""Read rows of digits: let the network choose how the ink is divided.

Ink is cut into more parts than there are digits. Every run of neighbouring parts may be a digit;
the network says how likely, and the best way from the first part to the last is found by dynamic
programming.

Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998), section V.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.components import Components
from bpnet.data.reading.cuts import cut_into_parts
from bpnet.data.reading.grouping import without_dirt
from bpnet.data.reading.image import DigitPicture, cut_out
from bpnet.data.reading.morphology import stroke_width
from bpnet.data.reading.seeing import Seen
from bpnet.data.reading.text_lines import lines_of_text

MOST_PARTS = 5  # of one digit
WIDEST = 1.5  # of the line's height
EACH = 0.3  # cost of every digit, and
CUT = 1.0  # of every cut, for each width of a stroke: so none is divided without need
PALE = 0.25  # of a usual stroke's strength: another pen's may be no stronger
LEAST = 1e-6  # probability
SURE = 0.75  # of a digit that needs no warning

Ask = Callable[[NDArray[np.uint8]], NDArray[np.floating]]


@dataclass(frozen=True)
class Read:
    """Hold a digit and what the network answers.

    Args:
        digit: where it is and what it looks like.
        probabilities: of all classes; None where there is no digit.
    """

    digit: DigitPicture
    probabilities: NDArray[np.floating] | None


@dataclass(frozen=True)
class Row:
    """Hold the digits of a line, and what reading them so costs.

    Args:
        digits: from left to right.
        cost: mean of −log p over the digits.
    """

    digits: list[Read]
    cost: float


def read_rows(seen: Seen, ask: Ask, digits: int) -> list[Row]:
    """Read the lines of digits that one way to look at a picture shows, from top to bottom.

    Args:
        seen: pieces of ink.
        ask: returns the class probabilities of pictures (count, 28, 28).
        digits: how many classes are digits; they come first.
    """
    pieces, ink = seen.pieces, seen.ink
    sides = np.maximum(pieces.heights, pieces.widths).astype(np.float64)
    mass = np.where(pieces.highest(ink.strength) > PALE * ink.level, sides**2, 0)
    clean = np.flatnonzero(without_dirt(pieces, mass))
    return [
        row
        for members in lines_of_text(pieces, clean)
        if (row := read_row(seen, members, ask, digits)).digits
    ]


def read_row(seen: Seen, members: NDArray[np.int64], ask: Ask, digits: int) -> Row:
    """Read the digits of one line."""
    pieces = only(seen.pieces, members)
    height = float(np.sort(pieces.heights)[-max(1, len(pieces) // 2) :].mean())
    parts, crossed = cut_into_parts(pieces, seen.ink, height)
    pen = stroke_width(np.where(pieces.labels >= 0, np.clip(seen.ink.strength, 0, None), 0))
    order = np.argsort(parts.left + parts.right, kind="stable")
    runs = [
        (first, last)
        for first in range(len(order))
        for last in range(first + 1, min(first + MOST_PARTS, len(order)) + 1)
        if last == first + 1 or width_of(parts, order[first:last]) <= WIDEST * height
    ]
    candidates = [cut_run(seen, parts, order[first:last]) for first, last in runs]
    answers = ask(np.stack([candidate.pixels for candidate in candidates]))
    best = np.log(np.maximum(answers[:, :digits].max(axis=1), LEAST))
    cut = np.append(crossed[order] / pen, 0) * CUT
    cut = np.concatenate([[0.0], cut[:-1] * same_piece(pieces, parts, order)])
    cost = np.full(len(order) + 1, np.inf)
    cost[0] = 0
    came: list[int] = [-1] * (len(order) + 1)
    for number, (first, last) in enumerate(runs):  # sorted by their first part
        total = cost[first] - best[number] + EACH + cut[last]
        if total < cost[last]:
            cost[last], came[last] = total, number
    chosen = []
    place = len(order)
    while place:
        chosen.append(came[place])
        place = runs[came[place]][0]
    reads = [Read(candidates[number], answers[number]) for number in reversed(chosen)]
    return Row(reads, float(-np.mean([best[number] for number in chosen])))


def same_piece(
    pieces: Components, parts: Components, order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return for each part whether the next one was cut off the same piece."""
    first = np.zeros(len(parts), dtype=np.int64)
    inside = parts.labels >= 0
    first[parts.labels[inside]] = pieces.labels[inside]
    piece = first[order]
    return np.append(piece[1:] == piece[:-1], False)


def only(pieces: Components, members: NDArray[np.int64]) -> Components:
    """Return some of the pieces, numbered anew."""
    from bpnet.data.reading.components import components_of

    number = np.full(len(pieces) + 1, -1, dtype=np.int64)
    number[np.sort(members)] = np.arange(len(members))
    return components_of(number[pieces.labels])


def width_of(parts: Components, run: NDArray[np.int64]) -> float:
    """Return the width of some parts together."""
    return float(parts.right[run].max() - parts.left[run].min())


def cut_run(seen: Seen, parts: Components, run: NDArray[np.int64]) -> DigitPicture:
    """Return the picture of some parts as one digit."""
    chosen = np.zeros(len(parts), dtype=bool)
    chosen[run] = True
    return cut_out(seen.picture, seen.ink, parts, chosen)
