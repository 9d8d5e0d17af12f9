"""Learn from training pictures how they show what they show."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Dataset
from bpnet.data.reading.resample import resample
from bpnet.data.synthetic import draw_digits
from bpnet.model.preparation import (
    INKED,
    UPRIGHT,
    Floats,
    Orientation,
    Preparation,
    Profiles,
    ink_middles,
    ink_profiles,
    ink_sizes,
    measures,
    rim_of,
    turn,
)

LOOKED_AT = 8 << 20  # pixels of training pictures
PLAIN = 0.6  # of the rim must have nearly the same grey
FULL_SIZE = 99  # percent of the pictures have no larger ink
BINDING = 0.005  # of the pictures at least have ink that only this side of a box stops
BROADEST = 0.25  # of the ink's size: strokes are no broader
COMPARED = 1000  # pictures whose strokes are looked at
DRAWN = 200  # digits to compare with
GRID = 14  # pixels along each side of the pictures that are compared
LIKE = 0.5  # correlation; digits have 0.7–0.9 as they are drawn, 0.4 otherwise, garments 0.1
KNOWN = ("mnist", "synthetic")  # data sets whose digits are known to stand upright
DIGITS = "0123456789"


def learn_preparation(dataset: Dataset, index: NDArray[np.int64]) -> Preparation | None:
    """Return what training pictures look like; None where samples are no pictures of classes.

    Args:
        dataset: the data set.
        index: numbers of the training samples that may be looked at.
    """
    images, labels = dataset.train.inputs, dataset.train.targets
    if images.dtype != np.uint8 or images.ndim != 3 or not dataset.class_names:
        return None
    frame = images.shape[1:]
    chosen = index[:: math.ceil(len(index) * math.prod(frame) / LOOKED_AT)]
    images, labels = images[chosen], labels[chosen]
    paper = float(np.median(rim_of(images)))
    ink = farthest_grey(images, paper)
    middle = frame[0] / 2, frame[1] / 2
    form = Preparation(frame, None, ink, False, frame, middle, False, UPRIGHT, ())
    if ink == paper:
        return form
    strength = replace(form, paper=paper).strength(images)
    if np.mean(np.abs(rim_of(strength)) <= INKED) < PLAIN:
        return form
    profiles = ink_profiles(strength)
    box = usual_box(profiles)
    middles = {by_mass: ink_middles(profiles, by_mass=by_mass) for by_mass in (True, False)}
    by_mass = bool(middles[True].std(axis=1).sum() <= middles[False].std(axis=1).sum())
    row, column = middles[by_mass].mean(axis=1).tolist()
    strokes = are_strokes(strength[:COMPARED])
    orientation = UPRIGHT
    if strokes and dataset.name not in KNOWN:
        orientation = orientation_of_digits(strength, labels, dataset.class_names)
    found = measures(strength, box, by_mass=by_mass)
    bounds = tuple(zip(found.min(axis=0).tolist(), found.max(axis=0).tolist(), strict=True))
    return Preparation(frame, paper, ink, strokes, box, (row, column), by_mass, orientation, bounds)


def farthest_grey(images: NDArray[np.uint8], paper: float) -> float:
    """Return the grey that usually is the farthest from the paper's."""
    highest = float(np.median(images.max(axis=(1, 2))))
    lowest = float(np.median(images.min(axis=(1, 2))))
    return highest if highest - paper >= paper - lowest else lowest


def usual_box(profiles: Profiles) -> tuple[int, int]:
    """Return height and width of the box into which the ink of pictures was fitted.

    Where some pictures are stopped by its height alone and others by its width alone, both are
    seen. Otherwise the box is square, as far as the frame allows.
    """
    heights, widths = ink_sizes(profiles)
    height, width = (math.ceil(np.percentile(sizes, FULL_SIZE)) for sizes in (heights, widths))
    tall = np.mean((heights >= height) & (widths < width))
    wide = np.mean((heights < height) & (widths >= width))
    if min(tall, wide) < BINDING:
        height = width = max(height, width)
    return min(height, profiles[0].shape[1]), min(width, profiles[1].shape[1])


def are_strokes(strength: Floats) -> bool:
    """Return whether ink is drawn in strokes: large squares that are all ink are rare in it.

    The largest one is found by making the ink smaller, pixel by pixel, until none is left. One
    pixel of its side is left out, since the edges of strokes are blurred.
    """
    sizes = ink_sizes(ink_profiles(strength)).max(axis=0)
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
    digits = np.array([int(class_names[number]) for number in shown])
    drawn, drawn_digits = draw_digits(np.resize(digits, DRAWN), seed=1)
    models = [drawn[drawn_digits == digit].mean(axis=0, dtype=np.float32) for digit in digits]
    found = differences([strength[labels == number].mean(axis=0) for number in shown])
    best, highest = UPRIGHT, LIKE
    for transposed, flipped, mirrored in itertools.product((False, True), repeat=3):
        orientation = transposed, flipped, mirrored
        turned = differences([turn(model, orientation) for model in models])
        likeness = float(np.vdot(found, turned))
        if likeness > highest:
            best, highest = orientation, likeness
    return best


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
