"""Turn any picture of a digit into a 28×28 picture as in MNIST."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from bpnet.data.components import Components, connected_components
from bpnet.data.frame import inside_frame
from bpnet.data.morphology import stroke_width, thicken, thin
from bpnet.data.paper import FAINTEST, Ink, find_ink, most_telling_grey
from bpnet.data.picture import open_picture
from bpnet.data.placement import crop_to_ink, place_like_mnist
from bpnet.data.resample import resample

CANVAS = 80  # pixels along the longer side of a crop while its strokes are brought to width
THINNEST, THICKEST = 8.0, 13.0  # strokes of MNIST in a canvas of 80

BLANK = "the picture is blank"
SEVERAL = "this looks like more than one digit; try --segment"


@dataclass(frozen=True)
class Box:
    """Give the place of a digit in the picture, in pixels; `bottom` and `right` lie outside."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class DigitPicture:
    """Hold a digit found in a picture and the stages by which it was found.

    Args:
        pixels: the digit as MNIST would show it, uint8 (28, 28); None where there is none.
        picture: the colours that were looked at (height, width, 3), 0–1.
        ink: the ink of this digit in the same picture (height, width), 0–1.
        box: where in the picture the digit lies; None where there is none.
        warnings: what the user should know before trusting an answer.
    """

    pixels: NDArray[np.uint8] | None
    picture: NDArray[np.float32]
    ink: NDArray[np.float32]
    box: Box | None = None
    warnings: list[str] = field(default_factory=list)


def read_digit(source: Path | BinaryIO) -> DigitPicture:
    """Find the one digit of a picture file.

    Raises:
        DataError: the file is missing, damaged, too large or not a picture.
    """
    return digit_in(open_picture(source))


def digit_in(picture: NDArray[np.float32]) -> DigitPicture:
    """Find the one digit of a picture (height, width, 3) of 0–1."""
    grey = most_telling_grey(picture)
    rows, columns = inside_frame(grey)
    picture, ink = picture[rows, columns], find_ink(grey[rows, columns])
    mask = ink_mask(ink)
    pieces = connected_components(mask)
    chosen = pieces_of_digit(pieces, pieces.sums(ink.strength))
    if not chosen.any():
        return DigitPicture(None, picture, np.zeros(mask.shape, np.float32), warnings=[BLANK])
    return cut_out(picture, ink, pieces, chosen)


def ink_mask(ink: Ink) -> NDArray[np.bool_]:
    """Return the pixels (height, width) on which there is ink."""
    threshold = max(4 * ink.noise, FAINTEST, 0.4 * ink.level)
    return ink.strength > threshold


def pieces_of_digit(pieces: Components, mass: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Choose the pieces that make up the digit, leaving out specks, frames and shadows."""
    if len(pieces) == 0:
        return np.zeros(0, dtype=bool)
    height, width = pieces.labels.shape
    at_edge = (
        (pieces.top == 0) | (pieces.left == 0) | (pieces.bottom == height) | (pieces.right == width)
    )
    inner = ~at_edge & (mass > 0.15 * mass.max())
    eligible = ~at_edge if inner.any() else np.ones(len(pieces), dtype=bool)
    main = int(np.where(eligible, mass, 0).argmax())
    return eligible & (mass > 0.04 * mass[main])


def cut_out(
    picture: NDArray[np.float32], ink: Ink, pieces: Components, chosen: NDArray[np.bool_]
) -> DigitPicture:
    """Make the 28×28 picture of the chosen pieces."""
    box = Box(
        int(pieces.top[chosen].min()),
        int(pieces.bottom[chosen].max()),
        int(pieces.left[chosen].min()),
        int(pieces.right[chosen].max()),
    )
    near = thicken(pieces.mask(chosen).astype(np.float32), 1.5) > 0
    strength = np.where(near, ink.strength, 0)
    values = np.clip(strength / ink.level, 0, 1).astype(np.float32)
    pixels = place_like_mnist(like_mnist_strokes(crop_to_ink(values)))
    return DigitPicture(pixels, picture, values, box)


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
