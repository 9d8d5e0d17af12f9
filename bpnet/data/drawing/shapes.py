"""Draw filled shapes and patterns, as things in photographs and in print look to a reader of ink.

Each is a function of the plane, above 0 where the ink lies; its edge is as soft as a blurred
photograph's, or sharp, and its ink is even or grows paler to one side.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.drawing.pen import Floats
from bpnet.data.placement import BOX, crop_to_ink, fit_into_box

Rng = np.random.Generator
Plane = NDArray[np.floating[Any]]  # (height, width)
Shape = Callable[[Plane, Plane, Rng], Plane]
FINE = 2 * BOX  # pixels along each side while a shape is drawn
REACH = 1.1  # the plane is drawn from −1.1 to 1.1, shapes reach from about −1 to 1
LEAST_WIDTH = 0.45  # of the height: what is narrower is a 1


def draw_shapes(count: int, rng: Rng) -> Floats:
    """Return ink (count, 20, 20) of 0–1: one shape or pattern per box."""
    boxes = np.empty((count, BOX, BOX), dtype=np.float32)
    for box in boxes:
        while not is_no_bar(ink := draw_shape(rng)):
            pass
        box[...] = fit_into_box(crop_to_ink(ink))
    return boxes


def draw_shape(rng: Rng) -> Floats:
    """Return the ink (40, 40) of one shape, turned and stretched at random."""
    side = np.linspace(-REACH, REACH, FINE, dtype=np.float32)
    y, x = np.meshgrid(side, side, indexing="ij")
    angle, stretch = rng.normal(0, 0.3), np.exp(rng.normal(0, 0.2))
    turned = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    shape = SHAPES[rng.integers(len(SHAPES))]
    inside = shape(turned[0] * stretch, turned[1] / stretch, rng)
    softness = rng.uniform(0.05, 0.4)  # of the plane's unit, so 1 to 7 fine pixels
    ink = np.clip(0.5 + inside / softness, 0, 1)
    paler = rng.uniform(0, 0.6) * (rng.random() < 0.5)
    ink *= 1 - paler * (x * np.cos(3 * angle) + y * np.sin(3 * angle) + REACH) / (2 * REACH)
    result: Floats = np.where(ink > 0.02, ink, 0).astype(np.float32)
    return result


def is_no_bar(ink: Floats) -> bool:
    """Return whether there is ink in a picture (height, width), and it is no bar."""
    if not (ink > 0.5).any():
        return False
    height, width = crop_to_ink(ink).shape
    return bool(width > LEAST_WIDTH * height)


def disc(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Fill a disc: 1 − r."""
    inside: Plane = 0.95 - np.hypot(x, y)
    return inside


def spot_in_ring(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Put rings around a spot."""
    rings = rng.uniform(1.5, 3.5)
    ripples = np.cos(2 * np.pi * rings * np.hypot(x, y)) / (2 * np.pi * rings)
    inside: Plane = np.minimum(ripples, disc(x, y, rng))
    return inside


def bitten_disc(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Take a small disc out of a large one: an eye, a moon, a bead."""
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1)
    hole = np.hypot(x - far * np.cos(angle), y - far * np.sin(angle)) - rng.uniform(0.15, 0.35)
    inside: Plane = np.minimum(disc(x, y, rng), hole)
    return inside


def block(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Fill a rectangle."""
    inside: Plane = np.minimum(0.9 - np.abs(x), rng.uniform(0.4, 0.9) - np.abs(y))
    return inside


def frame(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Draw the edge of a rectangle, which has corners as no 0 has them."""
    thickness = rng.uniform(0.1, 0.35)
    edge = np.maximum(np.abs(x) - rng.uniform(-0.2, 0.1), np.abs(y))
    inside: Plane = thickness / 2 - np.abs(edge - 0.8)
    return inside


def half_plane(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Fill one side of a slanted edge, and perhaps of another one: a shadow, a corner, a wedge."""
    inside = np.full_like(x, np.inf)
    for _ in range(int(rng.integers(1, 4))):
        angle = rng.uniform(0, 2 * np.pi)
        side = x * np.cos(angle) + y * np.sin(angle) + rng.uniform(-0.2, 0.6)
        inside = np.minimum(inside, side)
    return inside


def stripes(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Draw bars side by side, of unlike widths, as codes and grilles have them."""
    count = int(rng.integers(2, 6))
    centres = np.linspace(-0.9, 0.9, count) + rng.normal(0, 0.08, count)
    widths = rng.uniform(0.05, 0.9 / count, count)
    bars = widths[:, None, None] - np.abs(x - centres[:, None, None])
    inside: Plane = np.minimum(bars.max(axis=0), 1 - np.abs(y)).astype(np.float32)
    return inside


def squares(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Fill some squares of a grid: chequered cloth, a code, letters of a page far away."""
    count = int(rng.integers(2, 7))
    filled = rng.random((count, count)) < rng.uniform(0.3, 0.7)
    place = [np.clip(((axis + 1) / 2 * count).astype(int), 0, count - 1) for axis in (x, y)]
    chequered = np.where(filled[place[1], place[0]], 0.3, -0.3).astype(np.float32)
    inside: Plane = np.minimum(chequered, 1 - np.maximum(np.abs(x), np.abs(y)))
    return inside


def dots(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Scatter dots, alike or not."""
    inside = np.full_like(x, -np.inf)
    for _ in range(int(rng.integers(2, 12))):
        across, down = rng.uniform(-0.9, 0.9, 2)
        inside = np.maximum(inside, rng.uniform(0.08, 0.3) - np.hypot(x - across, y - down))
    return inside


def crosses(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Cross bars of a thickness that no pen has, or lines of squared paper."""
    across, down = rng.uniform(-0.5, 0.5, 2)
    thickness = rng.uniform(0.05, 0.4)
    lines = [thickness - np.abs(x - across), thickness - np.abs(y - down)]
    if rng.random() < 0.4:
        lines.append(thickness - np.abs(x - across - rng.uniform(0.5, 1)))
    inside: Plane = np.minimum(np.maximum.reduce(lines), 1 - np.maximum(np.abs(x), np.abs(y)))
    return inside


def clouds(x: Plane, y: Plane, rng: Rng) -> Plane:
    """Cut through waves of all directions, the longer the higher: the lights of a photograph."""
    height = np.zeros_like(x)
    for _ in range(12):
        wave, phase = rng.normal(0, rng.uniform(1, 8), 2), rng.uniform(0, 2 * np.pi)
        height += np.cos(wave[0] * x + wave[1] * y + phase) / (1 + np.hypot(*wave))
    level = np.quantile(height, rng.uniform(0.4, 0.85))
    inside: Plane = (height - level).astype(np.float32)
    return np.minimum(inside, 1.05 - np.maximum(np.abs(x), np.abs(y)))


SHAPES: tuple[Shape, ...] = (
    disc,
    spot_in_ring,
    bitten_disc,
    block,
    frame,
    half_plane,
    stripes,
    squares,
    dots,
    crosses,
    clouds,
    clouds,
)
