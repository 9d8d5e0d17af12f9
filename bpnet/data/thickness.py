"""Bring the strokes of a digit to the thickness they have in MNIST."""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


def stroke_width(ink: Plane) -> float:
    """Measure the mean width of the strokes of ink (height, width) of 0–1, in pixels.

    A stroke of width w and length L covers the area w L, and its two edges have the total
    variation 2 L, however soft they are: w = 2 Σ v / Σ |∇v|.
    """
    padded = np.pad(ink, 1)
    down = padded[1:, :-1] - padded[:-1, :-1]
    across = padded[:-1, 1:] - padded[:-1, :-1]
    variation = float(np.sqrt(down * down + across * across).sum())
    return 2 * float(ink.sum()) / variation if variation > 0 else 0.0


def thicken(ink: Plane, radius: float) -> Plane:
    """Widen the strokes by `radius` pixels on each side: the maximum over a soft-edged disc."""
    reach = int(np.ceil(radius))
    height, width = ink.shape
    padded = np.pad(ink, reach)
    thick = ink.copy()
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            weight = radius + 0.5 - np.hypot(down, across)
            if weight > 0 and (down, across) != (0, 0):
                top, left = reach + down, reach + across
                shifted = padded[top : top + height, left : left + width]
                np.maximum(thick, shifted * np.float32(min(weight, 1)), out=thick)
    return thick


def thin(ink: Plane, radius: float) -> Plane:
    """Narrow the strokes by `radius` pixels on each side: thicken the paper."""
    return 1 - thicken(1 - ink, radius)
