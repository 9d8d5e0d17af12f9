"""Turn any picture of a digit into a 28×28 picture as in MNIST."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpnet.data.placement import crop_to_ink, place_like_mnist
from bpnet.data.reading.components import Components
from bpnet.data.reading.grouping import group_into_digits
from bpnet.data.reading.morphology import stroke_width, thicken, thin
from bpnet.data.reading.paper import Ink
from bpnet.data.reading.picture import Colours, open_picture
from bpnet.data.reading.resample import resample, shrink_to
from bpnet.data.reading.seeing import Seen, ways_to_see

CANVAS = 80  # pixels along the longer side of a crop while its stroke width is adjusted
THINNEST, THICKEST = 8.0, 13.0  # pixels there; MNIST has 6.8–14.1 (5–95 %), median 9.3

STRONG = 0.5  # of a stroke's usual strength: its core
WIDE, WIDEST = 2.5, 6.0  # heights of the box: wider than digits are; no digit at all
LOWEST = 0.4  # of the tallest digit's height: what is shorter is not a digit of the same row
FRINGE = 2  # pixels around a stroke that may belong to it
LONGEST_STROKES = 7  # sides of the box; measured: 4.4 at most on drawings, 6.5 in much noise

BLANK = "the picture is blank"
SEVERAL = "this looks like more than one digit; try --segment"
STRETCHED = "the ink is {:.1f} times as wide as high; if it is more than one digit, try --segment"


class Box(NamedTuple):
    """Hold the place of a digit in the picture, in pixels; `bottom` and `right` lie outside."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return self.right - self.left


@dataclass(frozen=True, eq=False)
class DigitPicture:
    """Hold a digit found in a picture and the stages by which it was found.

    Args:
        pixels: the digit as MNIST would show it, uint8 (28, 28); None if there is none.
        picture: the colours that were examined (height, width, 3), 0–1.
        ink: the ink of this digit in the same picture (height, width), 0–1.
        box: where in the picture the digit lies; empty if there is none.
        warnings: what the user should know before trusting an answer.
    """

    pixels: NDArray[np.uint8] | None
    picture: NDArray[np.float32]
    ink: NDArray[np.float32]
    box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))
    warnings: list[str] = field(default_factory=list)


def read_digit(source: Path | BinaryIO) -> DigitPicture:
    """Find the one digit of a picture file.

    Raises:
        DataError: the file is missing, damaged, too large or not a picture.
    """
    return digit_in(open_picture(source))


def digit_in(picture: Colours) -> DigitPicture:
    """Find the one digit of a picture (height, width, 3) of 0–1, seen in the usual way."""
    return main_of(seen_digits(next(ways_to_see(picture))))


def main_of(digits: list[DigitPicture]) -> DigitPicture:
    """Return the digit with the most ink, and warn of others."""
    main = max(digits, key=lambda digit: float(digit.ink.sum()))
    if len(digits) > 1:
        main.warnings.append(SEVERAL)
    return main


def read_digits(source: Path | BinaryIO) -> list[DigitPicture]:
    """Find the digits that stand side by side in a picture file, from left to right.

    Returns:
        At least one entry; a blank picture gives one without pixels.

    Raises:
        DataError: the file is missing, damaged, too large or not a picture.
    """
    return digits_in(open_picture(source))


def digits_in(picture: Colours) -> list[DigitPicture]:
    """Find the digits of a picture (height, width, 3) of 0–1, seen in the usual way."""
    return seen_digits(next(ways_to_see(picture)))


def seen_digits(seen: Seen) -> list[DigitPicture]:
    """Find the digits that one way to look at a picture shows, from left to right."""
    picture, ink, pieces = seen.picture, seen.ink, seen.pieces
    mass = np.where(with_strong_ink(pieces, ink), pieces.sums(ink.strength), 0)
    found = [cut_out(picture, ink, pieces, chosen) for chosen in group_into_digits(pieces, mass)]
    digits = [digit for digit in found if is_digit_shaped(digit)]
    if not digits:
        return [DigitPicture(None, picture, np.zeros_like(ink.strength), warnings=[BLANK])]
    for digit in digits:
        if (ratio := digit.box.width / digit.box.height) >= WIDE:
            digit.warnings.append(STRETCHED.format(ratio))
    lowest = LOWEST * max(digit.box.height for digit in digits)
    return sorted(
        (digit for digit in digits if digit.box.height >= lowest), key=lambda digit: digit.box.left
    )


def is_digit_shaped(digit: DigitPicture) -> bool:
    """Return whether ink may be a digit, and not a line or, by its length of strokes, paper grain.

    The length of the strokes is their area divided by their width.
    """
    ink = shrink_to(crop_to_ink(digit.ink), CANVAS)
    height, width = ink.shape
    length = float(ink.sum()) / stroke_width(ink)
    return bool(width < WIDEST * height and length < LONGEST_STROKES * max(height, width))


def with_strong_ink(pieces: Components, ink: Ink) -> NDArray[np.bool_]:
    """Choose the pieces whose ink is in some place as strong as that of usual strokes."""
    strongest = pieces.highest(ink.strength)
    chosen: NDArray[np.bool_] = strongest > STRONG * ink.level
    return chosen


def cut_out(
    picture: NDArray[np.float32], ink: Ink, pieces: Components, chosen: NDArray[np.bool_]
) -> DigitPicture:
    """Make the 28×28 picture of the chosen pieces."""
    box, place, values = ink_of(ink, pieces, chosen)
    plane = np.zeros_like(ink.strength)
    plane[place] = values
    return DigitPicture(as_mnist_shows(values), picture, plane, box)


def ink_of(
    ink: Ink, pieces: Components, chosen: NDArray[np.bool_]
) -> tuple[Box, tuple[slice, slice], NDArray[np.float32]]:
    """Return the box of the chosen pieces, a place around it, and the ink there, 0–1."""
    box = Box(
        int(pieces.top[chosen].min()),
        int(pieces.bottom[chosen].max()),
        int(pieces.left[chosen].min()),
        int(pieces.right[chosen].max()),
    )
    place = (
        slice(max(0, box.top - FRINGE), box.bottom + FRINGE),
        slice(max(0, box.left - FRINGE), box.right + FRINGE),
    )
    mask = np.append(chosen, False)[pieces.labels[place]]
    near = thicken(mask.astype(np.float32), 1.5) > 0
    strength = np.where(near, ink.strength[place], 0)
    return box, place, np.clip(strength / ink.level, 0, 1).astype(np.float32)


def as_mnist_shows(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return ink (height, width) of 0–1 as a picture (28, 28) of MNIST would show it."""
    return place_like_mnist(like_mnist_strokes(crop_to_ink(ink)))


def like_mnist_strokes(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resample ink to 80 pixels on the longer side, with strokes as thick as in MNIST."""
    height, width = ink.shape
    scale = CANVAS / max(height, width)
    canvas = resample(ink, max(1, round(height * scale)), max(1, round(width * scale)))
    canvas /= canvas.max()
    measured = stroke_width(canvas)
    radius = (np.clip(measured, THINNEST, THICKEST) - measured) / 2
    if radius > 0.25:
        return thicken(np.pad(canvas, int(np.ceil(radius))), radius)
    if radius < -0.25:
        return thin(canvas, -radius)
    return canvas
