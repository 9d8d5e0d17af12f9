"""Write arrays as text for a page: floats, or integers of few bits where those take too much."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array

FLOATS = 32  # bits of a number that is kept as it is
CHOICES = (FLOATS, 16, 12, 10)  # bits of a number; probabilities then change by at most 0.002
CHARACTERS = 4 / 3 / 8  # of base64 per bit


def as_text(values: NDArray[Any]) -> str:
    """Return an array's bytes in base64."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def fitting_bits(count: int, room: int) -> int | None:
    """Return the most bits with which so many numbers fit into `room` characters, if any do."""
    return next((bits for bits in CHOICES if count * bits * CHARACTERS <= room), None)


def written(values: Array, bits: int) -> dict[str, Any]:
    """Return an array as `weights.js` reads it: vectors as floats, all others with `bits` bits.

    With fewer than 32, a row's numbers are multiples of its step: `w ≈ step · q`, where
    `step = max |w| / (2^{bits − 1} − 1)` and q is an integer.
    """
    shape = list(values.shape)
    if bits == FLOATS or values.ndim == 1:
        return {"shape": shape, "bits": FLOATS, "data": as_text(values.astype("<f4"))}
    rows = values.reshape(len(values), -1).astype(np.float64)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    steps = np.where(largest > 0, largest, 1) / (2 ** (bits - 1) - 1)
    q = np.rint(rows / steps).astype("<i4").reshape(-1, 1)
    all_bits = np.unpackbits(q.view(np.uint8), axis=1, bitorder="little")
    packed = np.packbits(all_bits[:, :bits], bitorder="little")
    return {
        "shape": shape,
        "bits": bits,
        "steps": as_text(steps.astype("<f4")),
        "data": as_text(packed),
    }
