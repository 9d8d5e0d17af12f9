"""Grow, close and fill shapes in grey pictures: minima and maxima over neighbourhoods."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEEPEST = 0.12  # rise per pixel of a line on a page held askew (7°)
STEP = 2.5  # pixels by which the ends of neighbouring directions differ

Plane = NDArray[np.float32]  # (height, width)


def neighbourhood(function: np.ufunc, plane: Plane) -> Plane:
    """Take the maximum or minimum of each pixel and its eight neighbours."""
    padded = edge_padded(plane)
    rows = function(function(padded[:-2], padded[1:-1]), padded[2:])
    result: Plane = function(function(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return result


def edge_padded(plane: Plane) -> Plane:
    """Repeat the outermost pixels once on every side: as `np.pad` does, in a tenth of its time."""
    height, width = plane.shape
    padded = np.empty((height + 2, width + 2), plane.dtype)
    padded[1:-1, 1:-1] = plane
    padded[0, 1:-1], padded[-1, 1:-1] = plane[0], plane[-1]
    padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]
    return padded


def running(function: np.ufunc, plane: NDArray[Any], reach: int, axis: int) -> NDArray[Any]:
    """Take the maximum or minimum of each pixel and `reach` others on both sides along an axis.

    Windows are doubled until they are wide enough, so that few passes are needed.
    """
    lines = np.moveaxis(plane, axis, 0)
    ends = [np.repeat(end, reach, axis=0) for end in (lines[:1], lines[-1:])]
    lines = np.concatenate([ends[0], lines, ends[1]])
    wanted, width = 2 * reach + 1, 1
    while width < wanted:
        step = min(width, wanted - width)
        lines = function(lines[:-step], lines[step:])
        width += step
    return np.moveaxis(lines, 0, axis)


def within(function: np.ufunc, plane: NDArray[Any], reach: int) -> NDArray[Any]:
    """Take the maximum or minimum over the square of 2 × `reach` + 1 pixels around each pixel."""
    return running(function, running(function, plane, reach, 0), reach, 1)


def closing(plane: Plane) -> Plane:
    """Raise valleys narrower than three pixels to the level of their banks."""
    return neighbourhood(np.minimum, neighbourhood(np.maximum, plane))


def fill_basins(plane: Plane) -> Plane:
    """Raise each basin to the level at which water in it would run off over the edge.

    Water that covers everything sinks, r ← max(v, lowest r around), until it rests: the
    morphological reconstruction by erosion. Valleys that meet the picture's edge over less than
    two sevenths of its length are dammed there: they are strokes that touch it, not shadows.

    Source: Vincent, "Morphological Grayscale Reconstruction in Image Analysis" (1993).
    """
    height, width = plane.shape
    ground = np.pad(plane, 1, constant_values=float(plane.max()))
    water = np.full_like(ground, float(plane.max()))
    ring = np.concatenate([plane[0], plane[:, -1], plane[-1, ::-1], plane[::-1, 0]])
    ring = close_ring(ring, len(ring) // 7)
    top, right, bottom, left = np.split(ring, np.cumsum([width, height, width]))
    for side, level in (
        (np.s_[0, 1:-1], top),
        (np.s_[1:-1, -1], right),
        (np.s_[-1, 1:-1], bottom[::-1]),
        (np.s_[1:-1, 0], left[::-1]),
    ):
        ground[side] = water[side] = level
    while True:
        lower = np.maximum(ground, neighbourhood(np.minimum, water))
        if np.array_equal(lower, water):
            return lower[1:-1, 1:-1]
        water = lower


def close_ring(ring: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Raise valleys of up to 2 × `reach` along a closed line to the level of their banks."""
    around = np.pad(ring, 2 * reach, mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view
    raised = windows(around, 2 * reach + 1).max(axis=1)
    closed: NDArray[np.float32] = windows(raised, 2 * reach + 1).min(axis=1)
    return closed


def thicken(ink: Plane, radius: float) -> Plane:
    """Widen strokes by `radius` pixels on each side: the maximum over a soft-edged disc."""
    reach = int(np.ceil(radius))
    height, width = ink.shape
    padded = np.pad(ink, reach)
    thick = ink.copy()
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            weight = min(radius + 0.5 - float(np.hypot(down, across)), 1.0)
            if weight > 0:
                top, left = reach + down, reach + across
                shifted = padded[top : top + height, left : left + width]
                np.maximum(thick, shifted * np.float32(weight), out=thick)
    return thick


def thin(ink: Plane, radius: float) -> Plane:
    """Narrow strokes by `radius` pixels on each side: thicken the paper."""
    result: Plane = 1 - thicken(1 - ink, radius)
    return result


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


def lines_along(strength: Plane, reach: int) -> Plane:
    """Return how strong the lines (height, width) are that run roughly from left to right.

    Args:
        strength: of the ink.
        reach: half the least length of a line, in pixels.
    """
    height, width = strength.shape
    wide = running(np.maximum, np.maximum(strength, 0), 1, axis=0)  # lines are not quite straight
    lines = np.zeros_like(strength)
    rows, across = np.arange(height)[:, None], np.arange(width) - width // 2
    for tilt in np.arange(-STEEPEST, STEEPEST + 1e-9, STEP / (2 * reach)):
        rise = np.rint(tilt * across).astype(np.int64)
        levelled = np.take_along_axis(wide, np.clip(rows + rise, 0, height - 1), axis=0)
        eroded = running(np.minimum, levelled, reach, axis=1)
        opened = running(np.maximum, eroded, reach, axis=1)
        back = np.take_along_axis(opened, np.clip(rows - rise, 0, height - 1), axis=0)
        np.maximum(lines, back, out=lines)
    strongest: Plane = np.minimum(lines, wide)
    return strongest
