"""Bring pictures into the form of those that a network was trained on.

A picture that looks like one of the data set goes to the network as it is, pixel for pixel. In any
other the ink is found, and then turned, fitted, centred and coloured as in the training pictures.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.placement import BOX, CENTRE, PICTURE, crop_to_ink, place_in_frame

if TYPE_CHECKING:
    from bpnet.data.reading.image import DigitPicture

Pixels = NDArray[np.uint8]  # (height, width)
Floats = NDArray[np.float32]
Orientation = tuple[bool, bool, bool]  # transposed, flipped (top to bottom), mirrored

LISTS = ("frame", "box", "centre", "orientation")
UPRIGHT: Orientation = (False, False, False)
INKED = 0.25  # of the way from paper to ink: what is beyond is ink
TOLERANCE = 0.02  # how far out of its bounds a measure may lie: pixels, or a fraction
LEAST = 1e-6  # ink: less than in any picture with ink
NEAR = 0.75  # pixels from MNIST's centre of mass
WHOLE_GREY = 1e-3  # what decoding may leave between the three colours of a grey
AS_IT_IS = (
    "the picture has the form of the training pictures, in which digits are {}, "
    "and was read as it is; enlarge it if it is upright"
)


@dataclass(frozen=True)
class Preparation:
    """Describe what training pictures look like, so that others can be made like them.

    Args:
        frame: height and width of a picture, in pixels.
        paper: grey of the background, 0–255; None if there is no plain one.
        ink: grey of the strongest ink, 0–255.
        strokes: whether ink is drawn in strokes, as digits and letters are.
        box: height and width in pixels of the box into which ink is fitted.
        centre: row and column in pixels where the middle of the ink lies.
        by_mass: whether that is the ink's centre of mass, or the middle of the box around it.
        orientation: how upright pictures were turned.
        bounds: lowest and highest of all that is `compared` in such pictures.
        keeps_aspect: whether ink was fitted into the box as it is, or stretched with it.
    """

    frame: tuple[int, int]
    paper: float | None
    ink: float
    strokes: bool
    box: tuple[int, int]
    centre: tuple[float, float]
    by_mass: bool
    orientation: Orientation
    bounds: tuple[tuple[float, float], ...]
    keeps_aspect: bool = False  # as earlier checkpoints, which do not say it

    def as_record(self) -> dict[str, Any]:
        """Return what a checkpoint's record holds: lists for tuples, as JSON has them."""
        record = dataclasses.asdict(self)
        for name in LISTS:
            record[name] = list(record[name])
        return record | {"bounds": [list(bound) for bound in self.bounds]}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Preparation:
        """Return the form that a checkpoint's record holds."""
        values = {
            field.name: record[field.name]
            for field in dataclasses.fields(cls)
            if field.name in record
        }
        for name in LISTS:
            values[name] = tuple(values[name])
        return cls(**values | {"bounds": tuple(map(tuple, values["bounds"]))})

    @property
    def is_placed_like_mnist(self) -> bool:
        """Return whether a digit is as large as in MNIST and lies in the same place."""
        away = max(abs(place - (CENTRE - 0.5)) for place in self.centre)
        larger = max(abs(side - BOX) for side in self.box)
        is_like = self.frame == (PICTURE, PICTURE) and larger <= 1 and away <= NEAR
        return is_like and self.strokes and self.by_mass

    @property
    def has_bright_paper(self) -> bool:
        """Return whether ink is darker than the background."""
        return self.paper is not None and self.paper > self.ink

    @property
    def turns(self) -> list[str]:
        """Return the names of what was done to upright pictures."""
        names = zip(("transposed", "flipped", "mirrored"), self.orientation, strict=True)
        return [name for name, is_done in names if is_done]

    def strength(self, pixels: NDArray[Any]) -> Floats:
        """Return how far greys lie on the way from paper, 0, to ink, 1."""
        paper = self.paper or 0.0
        strength: Floats = (pixels - np.float32(paper)) / np.float32(self.ink - paper)
        return strength

    def greys(self, strength: Floats) -> Pixels:
        """Return the greys of ink of 0–1."""
        paper = self.paper or 0.0
        greys: Pixels = np.rint(paper + strength * (self.ink - paper)).astype(np.uint8)
        return greys

    def as_stored(self, picture: Floats) -> Pixels | None:
        """Return the pixels of a picture that looks like one of the data set, or None.

        It has their size and nothing but greys. A data set of few greys is often shown with all of
        them, as black and white for 0 and 1; and shapes without strokes may be shown with dark and
        light exchanged. Such pictures are brought back.

        Args:
            picture: colours (height, width, 3) of 0–1.
        """
        if picture.shape[:2] != self.frame or np.ptp(picture, axis=2).max() * 255 > WHOLE_GREY:
            return None
        levels = picture[:, :, 0] * 255
        pixels: Pixels = np.rint(levels).astype(np.uint8)
        if self.paper is None:
            return pixels
        low, high = sorted((self.paper, self.ink))
        candidates = [pixels, np.rint(low + levels / 255 * (high - low)).astype(np.uint8)]
        if not self.strokes:
            candidates.append(self.greys(np.clip(1 - self.strength(pixels), 0, 1)))
        return next(filter(self.looks_trained, candidates), None)

    def looks_trained(self, pixels: Pixels) -> bool:
        """Return whether a picture's measures lie within the bounds."""
        found = measures(self.strength(pixels[None]))
        found = compared(found, self.box, by_mass=self.by_mass)[0]
        low, high = np.array(self.bounds).T
        return bool(np.all((low - TOLERANCE <= found) & (found <= high + TOLERANCE)))

    def placed(self, ink: Floats) -> Pixels:
        """Return upright ink (height, width) of 0–1 as a training picture would show it."""
        cropped = turn(crop_to_ink(ink), self.orientation)
        place = self.frame, self.box, self.centre
        return self.greys(
            place_in_frame(cropped, *place, by_mass=self.by_mass, keeps_aspect=self.keeps_aspect)
        )


def turn(picture: Floats, orientation: Orientation) -> Floats:
    """Return an upright picture (height, width) as it lies in this orientation."""
    transposed, flipped, mirrored = orientation
    picture = picture.T if transposed else picture
    return picture[:: -1 if flipped else 1, :: -1 if mirrored else 1]


def measures(strength: Floats) -> NDArray[np.float64]:
    """Measure how ink lies in pictures.

    In a picture whose ink is nowhere strong, weaker ink counts as well.

    Args:
        strength: of the ink (pictures, height, width): 0 for paper, 1 for the strongest.

    Returns:
        For each picture (pictures, 9): its strongest and its weakest ink; how much of its rim
        is paper; row and column of its centre of mass; and where its ink begins and ends: first
        and following row, first and following column. A blank picture has 0 for all places.
    """
    strongest = strength.max(axis=(1, 2))
    inked = strength > INKED * np.minimum(strongest, 1)[:, None, None]
    ink = np.maximum(strength, 0)
    centres, spans = [], []
    for axis in (2, 1):
        profile, seen = ink.sum(axis=axis), inked.any(axis=axis)
        places = np.arange(profile.shape[1]) + 0.5
        moments = (profile * places).sum(axis=1)  # of the same bits with any BLAS
        centres.append(moments / np.maximum(profile.sum(axis=1), LEAST))
        ends = seen.shape[1] - seen[:, ::-1].argmax(axis=1)
        spans += [seen.argmax(axis=1), np.where(seen.any(axis=1), ends, 0)]
    paper = np.mean(rim_of(strength) <= INKED, axis=1)
    found = [strongest, strength.min(axis=(1, 2)), paper, *centres, *spans]
    return np.stack(found, axis=1).astype(np.float64)


def compared(
    found: NDArray[np.float64], box: tuple[int, int], *, by_mass: bool
) -> NDArray[np.float64]:
    """Return what bounds are compared with.

    Args:
        found: the `measures` of pictures.
        box: see `Preparation`.
        by_mass: likewise.

    Returns:
        For each picture (pictures, 6): its strongest and its weakest ink; how much of its rim is
        paper; the size of its ink as a fraction of the box, where that is larger; and the row and
        the column of the middle of its ink.
    """
    top, bottom, left, right = found[:, 5:].T
    size = np.maximum((bottom - top) / box[0], (right - left) / box[1])
    row, column = found[:, 3:5].T if by_mass else ((top + bottom) / 2, (left + right) / 2)
    return np.column_stack([found[:, :3], size, row, column])


def rim_of(pictures: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels along the four sides of pictures (pictures, height, width)."""
    sides = pictures[:, 0], pictures[:, -1], pictures[:, 1:-1, 0], pictures[:, 1:-1, -1]
    return np.concatenate(sides, axis=1)


def whole(picture: Floats, preparation: Preparation) -> DigitPicture | None:
    """Bring what a picture shows as a whole into the form that a network knows.

    Args:
        picture: colours (height, width, 3) of 0–1.
        preparation: that form.

    Returns:
        None where digits must be looked for in the picture, and prepared by `made_from`.
    """
    pixels = preparation.as_stored(picture)
    if pixels is not None:
        return as_it_is(picture, pixels, preparation)
    return None if preparation.strokes else whole_thing(picture, preparation)


def prepare(
    picture: Floats, preparation: Preparation, *, segment: bool = False
) -> list[DigitPicture]:
    """Find what a picture shows, seen in the usual way, and make it look like a training picture.

    Args:
        picture: colours (height, width, 3) of 0–1.
        preparation: what training pictures look like.
        segment: find several digits, from left to right, instead of one.

    Returns:
        At least one entry; where nothing was found, it has no pixels.
    """
    from bpnet.data.reading.image import digit_in, digits_in  # only `predict` opens pictures

    if (one := whole(picture, preparation)) is not None:
        return [one]
    digits = digits_in(picture) if segment else [digit_in(picture)]
    return [made_from(digit, preparation) for digit in digits]


def as_it_is(picture: Floats, pixels: Pixels, preparation: Preparation) -> DigitPicture:
    """Return a picture that goes to the network as it is; warn if it may have been upright."""
    from bpnet.data.reading.image import Box, DigitPicture

    plain = preparation.paper is not None
    ink = np.clip(preparation.strength(pixels), 0, 1) if plain else picture[:, :, 0]
    height, width = preparation.frame
    turns = " and ".join(preparation.turns)
    warnings = [AS_IT_IS.format(turns)] if turns else []
    return DigitPicture(pixels, picture, ink, Box(0, height, 0, width), warnings)


def made_from(digit: DigitPicture, preparation: Preparation) -> DigitPicture:
    """Return a digit that the reader found as the training pictures would show it."""
    from bpnet.data.reading.image import like_mnist_strokes

    if digit.pixels is None:
        return digit
    if preparation.is_placed_like_mnist:
        strength = np.divide(digit.pixels, 255, dtype=np.float32)
        pixels = preparation.greys(turn(strength, preparation.orientation))
    else:
        pixels = preparation.placed(like_mnist_strokes(crop_to_ink(digit.ink)))
    return dataclasses.replace(digit, pixels=pixels)


def whole_thing(picture: Floats, preparation: Preparation) -> DigitPicture:
    """Return the one thing that a picture shows as the training pictures would show it."""
    from bpnet.data.reading.shape import shape_in, whole_picture  # most networks read strokes

    if preparation.paper is None:
        return whole_picture(picture, preparation.frame)
    shape = shape_in(picture)
    pixels = preparation.placed(shape.ink) if shape.ink.any() else None
    return dataclasses.replace(shape, pixels=pixels)
