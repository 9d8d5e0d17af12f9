"""Turn arrays into pictures that stand in a page: small PNG files as data addresses."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 56  # pixels of the page along the longer side of a sample
GAP = 1  # pixel between two maps
MOST_MAPS = 100  # in a sheet
LARGEST_SHEET = 320  # pixels of a sheet along its longer side
ORANGE = np.array([255, 128, 0])
WHITE = np.array([255, 255, 255])


@dataclass(frozen=True)
class Picture:
    """Hold a picture: its address, and its width and height in the page."""

    address: str
    width: int
    height: int


def grey(picture: NDArray[np.uint8]) -> Picture:
    """Return a grey picture (height, width), made smaller where it would only be shown so."""
    return _sample(Image.fromarray(picture))


def signed(values: NDArray[Any]) -> Picture:
    """Return a map (height, width) of the same size: positive white, negative orange, 0 black."""
    return _sample(Image.fromarray(coloured(values, largest_of(values))))


def sheet(maps: NDArray[Any], scale: int) -> Picture:
    """Return the first `MOST_MAPS` of some maps (maps, height, width) side by side.

    Args:
        maps: the largest of all their numbers has the full colour.
        scale: pixels of the page for each number, or fewer where a sheet would be too large.
    """
    largest = largest_of(maps)
    maps = maps[:MOST_MAPS]
    count, height, width = maps.shape
    across = math.ceil(math.sqrt(count * height / width))
    down = math.ceil(count / across)
    shape = (down * (height + GAP) - GAP, across * (width + GAP) - GAP, 3)
    page = np.full(shape, 128, dtype=np.uint8)
    for place, values in enumerate(maps):
        top, left = (place // across) * (height + GAP), (place % across) * (width + GAP)
        page[top : top + height, left : left + width] = coloured(values, largest)
    image = Image.fromarray(page)
    longest = max(image.size)
    if longest > LARGEST_SHEET:
        image.thumbnail((LARGEST_SHEET, LARGEST_SHEET), Image.Resampling.BOX)
    scale = max(1, min(scale, 2 * LARGEST_SHEET // max(image.size)))
    return Picture(_address(image.quantize(64)), scale * image.width, scale * image.height)


def largest_of(values: NDArray[Any]) -> float:
    """Return the largest magnitude, or 1 where all numbers are 0."""
    return float(np.abs(values).max()) or 1.0


def coloured(values: NDArray[Any], largest: float) -> NDArray[np.uint8]:
    """Return the colours (height, width, 3) of a map."""
    strength = np.clip(values / largest, -1, 1)[:, :, None]
    colours = np.where(strength >= 0, strength * WHITE, -strength * ORANGE)
    rounded: NDArray[np.uint8] = np.rint(colours).astype(np.uint8)
    return rounded


def _sample(image: Image.Image) -> Picture:
    longest = max(image.size)
    width, height = (max(1, round(SIDE * side / longest)) for side in image.size)
    if longest > SIDE:
        image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return Picture(_address(image), width, height)


def _address(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
