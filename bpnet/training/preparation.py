"""Learn from training pictures how they show what they show."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Dataset
from bpnet.data.placement import BOX, CENTRE, PICTURE
from bpnet.data.reading.resample import resample
from bpnet.data.synthetic import draw_digits
from bpnet.model.preparation import (
    INKED,
    UPRIGHT,
    Floats,
    Orientation,
    Preparation,
    compared,
    measures,
    rim_of,
    turn,
)

MOST_PIXELS = 64 << 20  # of the training pictures that are measured: 80,000 of 28×28
FEW_PIXELS = 1 << 20  # of those that are looked at more closely, or at once
PLAIN = 0.6  # of the rim must have nearly the same grey
FULL_SIZE = 99  # percent of the pictures have no larger ink
BINDING = 0.005  # of the pictures at least have ink that only this side of a box stops
TAIL = 0.05  # of the pictures
RAREST = 10**6  # pictures, of which one may be out of bounds
BROADEST = 0.25  # of the ink's size: strokes are no broader
DRAWN = 200  # digits to compare with
GRID = 14  # pixels along each side of the pictures that are compared
LIKE = 0.5  # correlation; digits have 0.7–0.9 as they are drawn, 0.4 otherwise, garments 0.1
KNOWN = ("mnist", "synthetic")  # data sets of which MNIST tells everything
DIGITS = "0123456789"

# What `learn_preparation` finds in MNIST's training pictures, in which drawn digits lie as well.
MNIST = Preparation(
    frame=(PICTURE, PICTURE),
    paper=0.0,
    ink=255.0,
    strokes=True,
    box=(BOX, BOX),
    centre=(CENTRE - 0.5, CENTRE - 0.5),
    by_mass=True,
    orientation=UPRIGHT,
    bounds=((0.99, 1.0), (0.0, 0.0), (0.9, 1.0), (0.55, 1.0), (13.9, 15.1), (13.9, 15.1)),
    keeps_aspect=True,
)


def learn_preparation(dataset: Dataset, index: NDArray[np.int64]) -> Preparation | None:
    """Return what training pictures look like; None where samples are no pictures of classes.

    Args:
        dataset: the data set.
        index: numbers of the training samples that may be looked at.
    """
    if dataset.name in KNOWN:
        return MNIST
    images, labels = dataset.train.inputs, dataset.train.targets
    if images.dtype != np.uint8 or images.ndim != 3 or not dataset.class_names:
        return None
    frame = images.shape[1:]
    chosen = thinned(index, math.prod(frame), MOST_PIXELS)
    few = thinned(chosen, math.prod(frame), FEW_PIXELS)
    paper = float(np.median(rim_of(images[few])))
    ink = farthest_grey(images[few], paper)
    middle = frame[0] / 2, frame[1] / 2
    form = Preparation(frame, None, ink, False, frame, middle, False, UPRIGHT, ())
    if ink == paper:
        return form
    form = replace(form, paper=paper)
    strength = form.strength(images[few])
    if np.mean(np.abs(rim_of(strength)) <= INKED) < PLAIN:
        return replace(form, paper=None)
    strokes, orientation = are_strokes(strength), UPRIGHT
    if strokes:
        orientation = orientation_of_digits(strength, labels[few], dataset.class_names)
    blocks = np.array_split(chosen, math.ceil(len(chosen) / max(1, len(few))))
    found = np.concatenate([measures(form.strength(images[block])) for block in blocks])
    box = usual_box(found, frame)
    spread = {is_mass: compared(found, box, by_mass=is_mass)[:, 4:] for is_mass in (True, False)}
    by_mass = bool(spread[True].std(axis=0).sum() <= spread[False].std(axis=0).sum())
    row, column = spread[by_mass].mean(axis=0).tolist()
    bounds = bounds_of(compared(found, box, by_mass=by_mass), box)
    keeps = box[0] == box[1] or (strokes and keeps_aspect(found, box, orientation))
    place = box, (row, column), by_mass
    return Preparation(frame, paper, ink, strokes, *place, orientation, bounds, keeps)


def thinned(index: NDArray[np.int64], size: int, pixels: int) -> NDArray[np.int64]:
    """Return numbers of pictures, evenly chosen, that have so many pixels together at most."""
    return index[:: math.ceil(len(index) * size / pixels)]


def farthest_grey(images: NDArray[np.uint8], paper: float) -> float:
    """Return the grey that usually is the farthest from the paper's."""
    highest = float(np.median(images.max(axis=(1, 2))))
    lowest = float(np.median(images.min(axis=(1, 2))))
    return highest if highest - paper >= paper - lowest else lowest


def usual_box(found: NDArray[np.float64], frame: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of the box into which the ink of pictures was fitted.

    Where some pictures are stopped by its height alone and others by its width alone, both are
    seen. Otherwise the box is square, as far as the frame allows.

    Args:
        found: the `measures` of the pictures.
        frame: their height and width.
    """
    top, bottom, left, right = found[:, 5:].T
    heights, widths = bottom - top, right - left
    height, width = (math.ceil(np.percentile(sizes, FULL_SIZE)) for sizes in (heights, widths))
    tall = np.mean((heights >= height) & (widths < width))
    wide = np.mean((heights < height) & (widths >= width))
    if min(tall, wide) < BINDING:
        height = width = max(height, width)
    return min(max(height, 1), frame[0]), min(max(width, 1), frame[1])


def keeps_aspect(
    found: NDArray[np.float64], box: tuple[int, int], orientation: Orientation
) -> bool:
    """Return whether strokes in a box that is not square are as wide for their height as drawn.

    Where the box was stretched, the strokes were stretched with it.

    Args:
        found: the `measures` of the pictures.
        box: see `Preparation`.
        orientation: likewise.
    """
    usual, seen = drawn_aspect(), usual_aspect(found)
    if orientation[0]:
        usual = -usual
    return abs(seen - usual) < abs(seen - usual - math.log(box[1] / box[0]))


@lru_cache(maxsize=1)
def drawn_aspect() -> float:
    """Return the `usual_aspect` of drawn digits."""
    drawn, _ = draw_digits(np.resize(np.arange(10), DRAWN), seed=1)
    return usual_aspect(measures(MNIST.strength(drawn)))


def usual_aspect(found: NDArray[np.float64]) -> float:
    """Return the median of ln(width / height) of the ink, of which the `measures` are given."""
    top, bottom, left, right = found[:, 5:].T
    inked = bottom > top
    return float(np.median(np.log((right - left)[inked] / (bottom - top)[inked])))


def bounds_of(found: NDArray[np.float64], box: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Return between which values of what is `compared` all but one in RAREST pictures lie.

    Tails are taken to be exponential: if n pictures reach d beyond all but a twentieth of them,
    then RAREST pictures reach further by d ln(RAREST / n) / ln(n / 20). So there is no room beyond
    a limit that many pictures meet, as the side of MNIST's box.

    Args:
        found: what is compared, of the training pictures (pictures, 6).
        box: see `Preparation`.
    """
    lowest, low, high, highest = np.quantile(found, (0, TAIL, 1 - TAIL, 1), axis=0)
    room = max(math.log(RAREST / len(found)), 0) / max(math.log(len(found) * TAIL), 1)
    least = lowest - room * (low - lowest)
    most = highest + room * (highest - high)
    least[0] = max(least[0], lowest[0] / 2)  # a blank picture has no strong ink
    least[3] -= 1 / min(box)  # sizes are whole pixels
    return tuple(zip(least.tolist(), most.tolist(), strict=True))


def are_strokes(strength: Floats) -> bool:
    """Return whether ink is drawn in strokes: large squares that are all ink are rare in it.

    The largest one is found by making the ink smaller, pixel by pixel, until none is left. One
    pixel of its side is left out, since the edges of strokes are blurred.
    """
    top, bottom, left, right = measures(strength)[:, 5:].T
    sizes = np.maximum(bottom - top, right - left)
    inked = strength > INKED
    largest = np.zeros(len(inked))
    while inked.size and inked.any():
        largest += inked.any(axis=(1, 2))
        inked = inked[:, 1:, 1:] & inked[:, :-1, 1:] & inked[:, 1:, :-1] & inked[:, :-1, :-1]
    return bool(np.median((largest - 1) / np.maximum(sizes, 1)) <= BROADEST)


def orientation_of_digits(
    strength: Floats, labels: NDArray[np.int64], class_names: tuple[str, ...]
) -> Orientation:
    """Return how the digits among the classes lie; upright where they are not recognised.

    The mean picture of each digit is compared with that of drawn ones, which stand upright.
    """
    shown = [number for number in np.unique(labels).tolist() if class_names[number] in set(DIGITS)]
    if len(shown) < 3:  # of fewer, most look alike in several orientations
        return UPRIGHT
    models = drawn_means(tuple(int(class_names[number]) for number in shown))
    found = differences([strength[labels == number].mean(axis=0) for number in shown])
    best, highest = UPRIGHT, LIKE
    for transposed, flipped, mirrored in itertools.product((False, True), repeat=3):
        orientation = transposed, flipped, mirrored
        turned = differences([turn(model, orientation) for model in models])
        likeness = float(np.vdot(found, turned))
        if likeness > highest:
            best, highest = orientation, likeness
    return best


@lru_cache(maxsize=4)  # the runs of a sweep ask again and again
def drawn_means(digits: tuple[int, ...]) -> list[Floats]:
    """Return the mean picture of each of these digits as they are drawn."""
    drawn, found = draw_digits(np.resize(digits, DRAWN), seed=1)
    return [drawn[found == digit].mean(axis=0, dtype=np.float32) for digit in digits]


def differences(means: Sequence[Floats]) -> Floats:
    """Return how the mean pictures of classes differ from each other, scaled to length 1.

    What lies outside of the ink of all of them is cut off.
    """
    stack = np.stack(means)
    overall = stack.mean(axis=0)
    inked = overall > 0.1 * overall.max()
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    cut = stack[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    grid = np.stack([resample(mean, GRID, GRID) for mean in cut])
    grid -= grid.mean(axis=0)
    grid -= grid.mean(axis=(1, 2), keepdims=True)
    length = float(np.sqrt(np.sum(grid * grid)))
    result: Floats = grid / max(length, 1e-9)
    return result
