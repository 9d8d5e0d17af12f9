"""Put arrays into a page: their numbers while they are few, else a byte each for a picture.

A byte is a shade and no number: what is read in digits is never made of one.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from bpnet.nn.layer import Array

MOST_NUMBERS = 60_000  # in a page, as numbers: about half a megabyte
MOST_EXACT = 20_000  # that keep all their digits
ZERO = 0  # the byte of what is exactly 0
LARGE = 50_000  # numbers of an array whose shades may be shared
MOST_LARGE = 900_000  # shades of all large arrays together: more than a megabyte
LEVELS = 254  # from the least to the most, the bytes 1 to 255


class ArrayForms:
    """Know which arrays of a page are numbers and which are pictures alone.

    Args:
        arrays: all that the page will hold.
    """

    def __init__(self, arrays: Iterable[Array]) -> None:
        sizes = sorted(array.size for array in arrays)
        totals = np.cumsum(sizes)
        self.is_exact = int(totals[-1]) <= MOST_EXACT
        too_many = sizes[int(np.searchsorted(totals, MOST_NUMBERS, side="right")) :]
        self.shades_from = too_many[0] if too_many else math.inf  # arrays of one size are alike
        large = sum(array_size for array_size in too_many if array_size > LARGE)
        self.run = max(1, math.ceil(large / MOST_LARGE))  # neighbours that share a shade

    def has_numbers(self, array: Array) -> bool:
        """Return whether the page holds the numbers of an array."""
        return array.size < self.shades_from

    def as_json(self, array: Array, exact: Collection[int] = ()) -> dict[str, Any]:
        """Return shape and numbers of an array, in row order, or bytes from least to most.

        Args:
            array: any.
            exact: places in row order whose numbers are kept where the others are bytes.
        """
        flat = array.reshape(-1)
        if self.has_numbers(array):
            digits = 17 if self.is_exact else 6
            return {"shape": array.shape, "values": [rounded(one, digits) for one in flat.tolist()]}
        flat = np.where(np.isfinite(flat), flat, 0.0)
        least, most = float(flat.min()), float(flat.max())
        run = self.run if array.size > LARGE else 1
        shaded = strongest(flat, run)
        levels = 1 + np.rint((shaded - least) * (LEVELS / ((most - least) or 1.0)))
        levels[shaded == 0] = ZERO
        return {
            "shape": array.shape,
            "least": rounded(least),
            "most": rounded(most),
            "run": run,
            "bytes": base64.b64encode(levels.astype(np.uint8).tobytes()).decode("ascii"),
            "exact": {str(place): rounded(float(flat[place])) for place in exact},
        }


def strongest(values: Array, run: int) -> Array:
    """Return of every run of neighbours the number that is farthest from 0; the last may be short.

    Args:
        values: (numbers,).
        run: how many neighbours.
    """
    runs = np.pad(values, (0, -len(values) % run)).reshape(-1, run)
    found: Array = runs[np.arange(len(runs)), np.abs(runs).argmax(axis=1)]
    return found


def rounded(value: float, digits: int = 6) -> float | int | None:
    """Return a number with so many digits; a whole one as it is shortest written.

    A number that is not finite becomes None, for JSON knows no infinity.
    """
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
