"""Tell ink from paper, whatever their colours and however uneven the light."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.data.placement import area_weights

CELLS = 48  # along the longer side of the coarse picture in which the paper is estimated
WINDOW = 0.35  # of the coarse picture's longer side: wider than two strokes, narrower than light
FLAT = 4 / 255  # how far drawn paper strays from its one colour
FAINTEST = 0.02  # contrast below which nothing is ink

Plane = NDArray[np.float32]  # (height, width)


@dataclass(frozen=True)
class Ink:
    """Hold how much ink lies on each pixel.

    Args:
        strength: contrast with the paper (height, width), positive for ink.
        noise: standard deviation of the paper's own `strength`.
        level: strength of a usual stroke; 0 where there is none.
    """

    strength: Plane
    noise: float
    level: float


def find_ink(colours: NDArray[np.float32]) -> Ink:
    """Separate ink from paper in a picture (height, width, 3) of 0–1."""
    grey = most_telling_grey(colours)
    residual = grey - paper_of(grey)
    noise = float(1.4826 * np.median(np.abs(residual)))
    residual *= polarity(residual, noise)
    return Ink(residual, noise, stroke_level(residual, noise))


def most_telling_grey(colours: NDArray[np.float32]) -> Plane:
    """Mix the three colours into the one grey in which the picture has most contrast.

    The weights are the main axis of the colours' covariance, so yellow ink on white paper shows
    in the blue channel, where it is dark. Slow changes of the light are left out of it.
    """
    height, width, _ = colours.shape
    detail = colours - _blur(colours, max(height, width) / 4)
    flat = detail.reshape(-1, 3).astype(np.float64)
    covariance = flat.T @ flat / len(flat)
    _, axes = np.linalg.eigh(covariance + 1e-9)  # a trace of equal grey, for colourless pictures
    axis = axes[:, -1] * np.sign(axes[:, -1].sum() or 1)
    grey: Plane = colours @ (axis / np.abs(axis).sum()).astype(np.float32)
    return grey


def _blur(colours: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Average over about `width` pixels by going to a coarse grid and back."""
    height, length, _ = colours.shape
    rows, columns = max(2, round(height / width)), max(2, round(length / width))
    down, across = area_weights(height, rows), area_weights(length, columns)
    coarse = np.einsum("ih,hwc,jw->ijc", down, colours, across, optimize=True)
    return np.einsum(
        "hi,ijc,wj->hwc", between(rows, height), coarse, between(columns, length), optimize=True
    )


def between(source: int, target: int) -> NDArray[np.float32]:
    """Return the matrix (target, source) of linear interpolation between pixel centres."""
    position = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    return np.clip(1 - np.abs(position[:, None] - np.arange(source)), 0, 1).astype(np.float32)


def paper_of(grey: Plane) -> Plane:
    """Estimate the grey of the paper under each pixel.

    Drawn paper has one grey. On photographed paper the light is a smooth surface of second
    order, and what departs from it slowly (shadows) is the median over a window.
    """
    usual = usual_value(grey)
    if np.mean(np.abs(grey - usual) <= FLAT) > 0.5:
        return np.full_like(grey, usual)
    height, width = grey.shape
    scale = min(1, CELLS / max(height, width))
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    coarse = area_weights(height, rows) @ grey @ area_weights(width, columns).T
    surface = smooth_surface(coarse)
    surface += moving_median(coarse - surface, max(3, round(WINDOW * max(rows, columns))))
    paper: Plane = between(rows, height) @ surface @ between(columns, width).T
    return paper


def usual_value(grey: Plane) -> float:
    """Return the value around which most pixels lie."""
    counts, edges = np.histogram(grey, bins=128)
    fullest = int(counts.argmax())
    inside = (grey >= edges[fullest]) & (grey <= edges[fullest + 1])
    return float(np.median(grey[inside]))


def smooth_surface(grey: Plane, rounds: int = 12) -> Plane:
    """Fit 1, x, y, x², xy, y² to a picture; pixels far off the fit lose their say in it."""
    height, width = grey.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    values = grey.reshape(-1).astype(np.float64)
    weights = np.ones_like(values)
    fitted = values
    for _ in range(rounds):
        weighted = terms * weights[:, None]
        normal = terms.T @ weighted + 1e-6 * np.eye(6)
        fitted = terms @ np.linalg.solve(normal, weighted.T @ values)
        distance = np.abs(values - fitted)
        weights = 1 / (1 + (distance / (2 * np.median(distance) + 1e-4)) ** 2)
    return fitted.reshape(grey.shape).astype(np.float32)


def moving_median(grey: Plane, window: int) -> Plane:
    """Replace each pixel by the median of the square of `window` pixels around it."""
    half = window // 2
    padded = np.pad(grey, half, mode="symmetric" if half <= min(grey.shape) else "edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, (2 * half + 1, 2 * half + 1))
    return np.median(views.reshape(*grey.shape, -1), axis=-1).astype(np.float32)


def polarity(residual: Plane, noise: float) -> float:
    """Return −1 where the ink is darker than the paper, 1 where it is brighter.

    Ink is what lies far from the paper, so its side has the heavier tail.
    """
    far = np.abs(residual) > max(4 * noise, FAINTEST)
    skew = np.sum(residual[far].astype(np.float64) ** 3)
    return 1.0 if skew > 0 else -1.0


def stroke_level(strength: Plane, noise: float) -> float:
    """Return the strength of a usual stroke, or 0 where nothing stands out of the noise."""
    candidates = strength[strength > max(4 * noise, FAINTEST)]
    if len(candidates) == 0:
        return 0.0
    return float(np.percentile(candidates, 90))
