"""Turn arrays into pictures that stand in a page: small PNG files as data addresses."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GAP = 1  # pixel between two maps
MOST_MAPS = 100  # in a sheet
ORANGE = np.array([255, 128, 0])
WHITE = np.array([255, 255, 255])


def grey(picture: NDArray[np.uint8]) -> str:
    """Return the address of a grey picture (height, width)."""
    return _address(Image.fromarray(picture))


def signed(values: NDArray[Any], largest: float | None = None) -> str:
    """Return the address of a map (height, width): positive white, negative orange, 0 black."""
    return _address(Image.fromarray(_coloured(values, largest or _largest(values))))


def sheet(maps: NDArray[Any], largest: float | None = None) -> tuple[str, int, int]:
    """Return the address, width and height of maps (maps, height, width) side by side.

    Args:
        maps: the first `MOST_MAPS` of them are shown.
        largest: what has the full colour; the largest number if it is None.
    """
    largest = largest or _largest(maps)
    maps = maps[:MOST_MAPS]
    count, height, width = maps.shape
    across = math.ceil(math.sqrt(count * height / width))
    down = math.ceil(count / across)
    shape = (down * (height + GAP) - GAP, across * (width + GAP) - GAP, 3)
    page = np.full(shape, 128, dtype=np.uint8)
    for place, values in enumerate(maps):
        top, left = (place // across) * (height + GAP), (place % across) * (width + GAP)
        page[top : top + height, left : left + width] = _coloured(values, largest)
    return _address(Image.fromarray(page).quantize(64)), shape[1], shape[0]


def _largest(values: NDArray[Any]) -> float:
    return float(np.abs(values).max()) or 1.0


def _coloured(values: NDArray[Any], largest: float) -> NDArray[np.uint8]:
    """Return colours (height, width, 3)."""
    strength = np.clip(values / largest, -1, 1)[:, :, None]
    coloured = np.where(strength >= 0, strength * WHITE, -strength * ORANGE)
    colours: NDArray[np.uint8] = np.rint(coloured).astype(np.uint8)
    return colours


def _address(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
