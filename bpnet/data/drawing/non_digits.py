"""Draw what is no digit, so that a network learns to say so.

A reader of pictures hands a network whatever it takes for ink: letters and signs, scribbles, two
digits at once or a part of one, shapes, blots and textures. Here each kind is drawn into the same
20×20 box as a digit.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from bpnet.data.drawing.handwriting import Handwriting, Variation
from bpnet.data.drawing.pen import Floats
from bpnet.data.drawing.shapes import LEAST_WIDTH, draw_shapes
from bpnet.data.drawing.signs import SIGN, SIGNS
from bpnet.data.drawing.strokes import Style
from bpnet.data.placement import BOX, area_weights, crop_to_ink, fit_into_box

Rng = np.random.Generator

SCRIBBLES = 160  # paths that scribbles vary
FEWEST_KNOTS, MOST_KNOTS = 6, 18  # points that a scribble passes
PRINTED_RADIUS = 0.15, 0.28  # mean and deviation of its logarithm: print is bold more often
SHARES = {
    "signs": 0.36,
    "scribbles": 0.08,
    "pairs": 0.16,
    "parts": 0.06,
    "pieced": 0.12,
    "blots": 0.1,
    "shapes": 0.12,
}


class NonDigits:
    """Draw boxes without a digit.

    Args:
        hand: writes the digits that pairs and parts are made of.
        variety: how much writers of signs differ; see `Variation.scaled`.
    """

    def __init__(self, hand: Handwriting, variety: float) -> None:
        self._hand = hand
        printed = replace(Variation(), radius=PRINTED_RADIUS)
        self._signs = Handwriting(SIGNS, printed.scaled(variety))
        self._scribbles = Handwriting(scribbles(), Variation().scaled(variety))
        shares = np.array([style.share for style in SIGNS])
        self._shares = shares / shares.sum()

    def boxes(self, count: int, rng: Rng) -> Floats:
        """Return ink (count, 20, 20) of 0–1 of all kinds, in random order."""
        kinds = rng.choice(len(SHARES), count, p=list(SHARES.values()))
        boxes = np.empty((count, BOX, BOX), dtype=np.float32)
        drawers: list[Callable[[int, Rng], Floats]] = [
            self._draw_signs,
            self._draw_scribbles,
            self._draw_pairs,
            self._draw_parts,
            self._draw_pieced,
            draw_blots,
            draw_shapes,
        ]
        for kind, draw in enumerate(drawers):
            chosen = np.flatnonzero(kinds == kind)
            if len(chosen):
                boxes[chosen] = draw(len(chosen), rng)
        return boxes

    def _draw_signs(self, count: int, rng: Rng) -> Floats:
        styles = rng.choice(len(SIGNS), count, p=self._shares)
        return np.moveaxis(self._signs.write(styles, rng), -1, 0)

    def _draw_scribbles(self, count: int, rng: Rng) -> Floats:
        styles = rng.integers(SCRIBBLES, size=count)
        return np.moveaxis(self._scribbles.write(styles, rng), -1, 0)

    def _digits(self, count: int, rng: Rng) -> Floats:
        styles = self._hand.choose_styles(rng.integers(10, size=count), rng)
        return np.moveaxis(self._hand.write(styles, rng), -1, 0)

    def _draw_pairs(self, count: int, rng: Rng) -> Floats:
        """Join two digits side by side, or one above the other: apart, touching or overlapping."""
        boxes = np.empty((count, BOX, BOX), dtype=np.float32)
        pairs = self._digits(2 * count, rng).reshape(count, 2, BOX, BOX)
        for place, (one, other) in enumerate(pairs):
            boxes[place] = fit_into_box(crop_to_ink(joined(one, other, rng)))
        return boxes

    def _draw_pieced(self, count: int, rng: Rng) -> Floats:
        """Put a part of another digit beside a digit, as a wrong cut leaves it."""
        boxes = np.empty((count, BOX, BOX), dtype=np.float32)
        parts = self._draw_parts(count, rng)
        for place, (digit, part) in enumerate(zip(self._digits(count, rng), parts, strict=True)):
            pair = (digit, part) if rng.random() < 0.5 else (part, digit)
            boxes[place] = fit_into_box(crop_to_ink(joined(*pair, rng, stacked=0)))
        return boxes

    def _draw_parts(self, count: int, rng: Rng) -> Floats:
        """Cut digits across their middle, where what remains is no bar: that would be a 1."""
        boxes = np.empty((count, BOX, BOX), dtype=np.float32)
        missing = np.arange(count)
        while len(missing):
            for place, box in zip(missing, self._digits(len(missing), rng), strict=True):
                part = cut(crop_to_ink(box), rng)
                boxes[place] = 0
                if part.size and is_broad(part):
                    boxes[place] = fit_into_box(part)
            missing = missing[~boxes[missing].any(axis=(1, 2))]
        return boxes


def joined(one: Floats, other: Floats, rng: Rng, stacked: float = 0.15) -> Floats:
    """Put two boxes side by side; with the probability `stacked` one above the other."""
    one, other = crop_to_ink(one), crop_to_ink(other)
    if is_stacked := rng.random() < stacked:
        one, other = one.T, other.T
    height = max(len(one), len(other))
    gap = int(rng.integers(-4, 5))
    width = one.shape[1] + other.shape[1] + gap
    both = np.zeros((2, height, max(width, one.shape[1], other.shape[1])), dtype=np.float32)
    for plane, ink, left in ((both[0], one, 0), (both[1], other, max(0, width - other.shape[1]))):
        top = int(rng.integers(0, height - len(ink) + 1))
        plane[top : top + len(ink), left : left + ink.shape[1]] = ink
    result: Floats = both.max(axis=0)
    return result.T if is_stacked else result


def cut(ink: Floats, rng: Rng) -> Floats:
    """Return what is left of ink (height, width) at a random side of a slanted cut."""
    height, width = ink.shape
    at = width * rng.uniform(0.35, 0.65)
    slanted = at + rng.uniform(-0.3, 0.5) * (height / 2 - np.arange(height)[:, None])
    is_right = np.arange(width) >= slanted
    left: Floats = np.where(is_right == (rng.random() < 0.5), ink, 0)
    return crop_to_ink(left) if (left > 0.5).any() else left[:0]


def is_broad(ink: Floats, most: float = 0.6) -> bool:
    """Return whether cropped ink (height, width) is no bar, nor fills more than that of its box."""
    height, width = ink.shape
    return width > LEAST_WIDTH * height and height > 0.3 * width and float(ink.mean()) <= most


def draw_blots(count: int, rng: Rng) -> Floats:
    """Draw blots and textures: noise, smooth by more or less, above a threshold."""
    boxes = np.zeros((count, BOX, BOX), dtype=np.float32)
    for box in boxes:
        while not box.any():
            ink = blot(rng)
            if (ink > 0.5).any() and is_broad(ink := crop_to_ink(ink), most=1.0):
                box[...] = fit_into_box(ink)
    return boxes


def blot(rng: Rng) -> Floats:
    """Draw the ink (height, width) of one blot, at most as large as the box."""
    height, width = (int(side) for side in rng.integers(6, BOX + 1, 2))
    coarse = [max(2, int(side / rng.uniform(1, 7))) for side in (height, width)]
    noise = rng.normal(size=coarse).astype(np.float32)
    if rng.random() < 0.2:  # stripes, or squares
        noise = noise[:1] + (noise[:, :1] if rng.random() < 0.5 else 0)
        noise = np.broadcast_to(noise, coarse)
    grown = area_weights(coarse[0], height) @ noise @ area_weights(coarse[1], width).T
    sharpness, least = rng.uniform(0.7, 6), rng.normal(0, 0.7)
    ink: Floats = np.clip(0.5 + sharpness * (grown - least), 0, 1).astype(np.float32)
    return ink


@lru_cache(maxsize=1)
def scribbles() -> tuple[Style, ...]:
    """Return paths of the pen that mean nothing: the same ones every time."""
    rng = np.random.default_rng(SCRIBBLES)
    styles = []
    for number in range(SCRIBBLES):
        knots = int(rng.integers(FEWEST_KNOTS, MOST_KNOTS + 1))
        points = rng.integers(0, (int(rng.integers(40, 130)), 101), (knots, 2))
        words: list[str] = []
        since = 0  # points of this stroke so far
        for place, (x, y) in enumerate(points):
            if since >= 2 and place <= knots - 2:
                mark = str(rng.choice(["", "/", ";"], p=[0.7, 0.2, 0.1]))
                since = 0 if mark == ";" else since
                words += [mark] if mark else []
            words.append(f"{x},{y}")
            since += 1
        styles.append(Style(SIGN, f"scribble {number}", 1.0, " ".join(words)))
    return tuple(styles)
