"""Look at a picture in several ways, and let the network say which of them shows digits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpnet.data.reading.grouping import FILLS
from bpnet.data.reading.image import Box, DigitPicture, main_of, seen_digits
from bpnet.data.reading.picture import Colours
from bpnet.data.reading.seeing import BAR, DARK, RING, Seen, ways_to_see

if TYPE_CHECKING:
    from bpnet.model.digit_rows import Row

SURE = 0.95  # probability of a digit that makes no other look worth its time
DOUBTLESS = 0.8  # probability of a digit in a row of which the network is sure
ENOUGH = 0.9  # of all that was found: with so many sure digits, no other look is taken
ALIKE = 0.6  # of the main thing's height
CROWD = 2  # others that are so alike
WIDEST_BAR = 0.6  # of its height: a 1 with a foot is wider
SPLINTERS = 3  # times the pieces of the look with the fewest: more are no strokes

Ask = Callable[[NDArray[np.uint8]], NDArray[np.floating]]
Prepare = Callable[[DigitPicture], DigitPicture]


class Read(NamedTuple):
    """Hold what was found and what the network answers.

    Args:
        digit: where it is and what it looks like.
        probabilities: of all classes; None where nothing was found.
    """

    digit: DigitPicture
    probabilities: NDArray[np.floating] | None


class DigitReader:
    """Read the digits of a picture with a network that also knows what is no digit.

    Args:
        ask: returns the class probabilities (count, classes) of pictures (count, height, width).
        prepare: makes a digit look like the network's training pictures.
        digits: how many classes are digits: all but the last, which is for what is none.
        ask_again: the same with more care, where the first answer is not sure.
    """

    def __init__(
        self, ask: Ask, prepare: Prepare, digits: int, ask_again: Ask | None = None
    ) -> None:
        self._ask = ask
        self._ask_again = ask_again
        self._prepare = prepare
        self._digits = digits

    def read_one(self, picture: Colours) -> Read:
        """Return the digit of a picture (height, width, 3) of 0–1.

        Of all ways to look at it, that counts in which the network is surest of a digit. A bar at
        the picture's edge is an edge, or a piece of a line, and not a 1; and one of many things of
        about the same size is no single digit.
        """
        best: Read | None = None
        nothing: Read | None = None
        for seen in ways_to_see(picture):
            digits = seen_digits(seen)
            main = main_of(digits)
            others = sum(digit.box.height >= ALIKE * main.box.height for digit in digits) - 1
            found = self._prepare(main)
            nothing = nothing or Read(dataclasses.replace(found, pixels=None), None)
            if others >= CROWD and seen.ink.level > DARK:
                break
            if found.pixels is None or others >= CROWD:
                continue
            read = Read(found, self._ask(found.pixels[None])[0])
            surety = self._surety(read)
            counts = surety >= seen.least and not self._is_no_ink(read, seen, others)
            if counts and (best is None or surety > self._surety(best)):
                best = read
            if counts and surety >= SURE:
                break
        assert nothing is not None
        return self._again(best or nothing)

    def _again(self, read: Read) -> Read:
        """Return a digit with a second answer of the network if its first is not sure.

        That says which digit it is; whether it is one at all, the first answer says.
        """
        pixels = read.digit.pixels
        if self._ask_again is None or pixels is None or self._surety(read) >= SURE:
            return read
        assert read.probabilities is not None
        answer, again = read.probabilities.copy(), self._ask_again(pixels[None])[0]
        digits = again[: self._digits]
        if (total := digits.sum()) > 0:
            answer[: self._digits] = digits / total * answer[: self._digits].sum()
        return Read(read.digit, answer)

    def _is_no_ink(self, read: Read, seen: Seen, others: int) -> bool:
        """Return whether a digit is what edges, gaps, rims or one of several bars look like.

        The first look also finds the 1 of a picture that was cut close around it: it is as high,
        and darker than a shadow. The bars beside it need not be as dark as it is.
        """
        assert read.probabilities is not None
        label = int(read.probabilities[: self._digits].argmax())
        box, picture = read.digit.box, read.digit.picture
        if label == RING:
            from bpnet.data.reading.holes import surrounds_paper  # no other digit needs it

            return RING in seen.phantoms or not surrounds_paper(read.digit, seen.ink.level)
        if label != BAR:
            return False
        from bpnet.data.reading.edges import has_two_sides  # likewise

        may_be_cut = not seen.least and box.height >= FILLS * len(picture)
        is_edge = not has_two_sides(read.digit)
        is_edge |= at_edge(box, picture) and not (may_be_cut and seen.ink.level > DARK)
        bars = int((seen.pieces.heights >= ALIKE * box.height).sum()) - 1
        return is_edge or BAR in seen.phantoms or others > 0 or bars >= CROWD

    def read_rows(self, picture: Colours) -> list[Row]:
        """Return the rows of digits of a picture, from top to bottom.

        That way of looking counts which shows most digits of which the network is sure.
        """
        from bpnet.model.digit_rows import read_rows  # one digit needs none

        best: list[Row] = []
        most, fewest = -np.inf, np.inf
        for seen in ways_to_see(picture, several=True):
            if len(seen.pieces) > SPLINTERS * fewest:
                continue
            fewest = min(fewest, max(1, len(seen.pieces)))
            rows = read_rows(seen, self._ask, self._prepare, self._digits)
            sureties = [self._surety(read) for row in rows for read in row.digits]
            left_out = sum(row.left_out for row in rows)
            sure = sum(surety >= DOUBTLESS for surety in sureties)
            worth = 2 * sure - len(sureties) - left_out if sureties else -np.inf
            if worth > most or not best:
                best, most = rows, worth
            if sure > ENOUGH * (len(sureties) + left_out):
                break
        return [self._again_in(row) for row in best]

    def _again_in(self, row: Row) -> Row:
        """Return a row with second answers where the first are not sure."""
        digits = [self._again(read) for read in row.digits]
        least = min(map(self._surety, digits), default=1.0)
        return dataclasses.replace(row, digits=digits, least=least)

    def _surety(self, read: Read) -> float:
        """Return the probability of the most probable digit."""
        if read.probabilities is None:
            return 0.0
        return float(read.probabilities[: self._digits].max())


def at_edge(box: Box, picture: Colours) -> bool:
    """Return whether the box of a bar touches the edge of the picture (height, width, 3)."""
    height, width = picture.shape[:2]
    if box.width > WIDEST_BAR * box.height:
        return False
    ends = (box.top, box.left, height - box.bottom, width - box.right)
    return any(end <= 1 for end in ends)
