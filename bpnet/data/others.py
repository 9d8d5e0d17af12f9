"""Add pictures without a digit to a data set, as a class of their own."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.config.values import NO_DIGIT
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.drawing.non_digits import NonDigits
from bpnet.data.placement import PICTURE, centre_in_pictures
from bpnet.data.synthetic import BLOCK, VERSION, hand_of, on_threads, read_drawn, write_drawn
from bpnet.seeding import derive_rng

NAME = "v{version}-no-digits-{count}-seed{seed}-variety{variety:g}"


def with_others(
    dataset: Dataset, directory: Path, count: int, seed: int, variety: float
) -> Dataset:
    """Return a data set whose last class, `no digit`, has drawn pictures without one.

    Only the training set has some: a test is about what is there to be tested.

    Args:
        dataset: its pictures have 28×28 pixels.
        directory: where drawn pictures are kept.
        count: how many to draw.
        seed: 0 or above; every seed gives different pictures.
        variety: how much writers differ.

    Raises:
        DataError: the directory cannot be written.
    """
    folder = directory / cache_name(count, seed, variety)
    arrays = read_drawn(folder)
    if arrays is None:
        pictures, others = draw_others(count, seed, variety), np.zeros(count, dtype=np.uint8)
        arrays = [pictures, others, pictures[:1], others[:1]]  # drawn sets have a test set as well
        write_drawn(folder, arrays)
    labels = np.full(count, len(dataset.class_names), dtype=np.int64)
    return dataclasses.replace(
        dataset,
        train=dataset.train.followed_by(Samples(arrays[0], labels)),
        class_names=(*dataset.class_names, NO_DIGIT),
    )


def draw_others(
    count: int, seed: int, variety: float, workers: int | None = None
) -> NDArray[np.uint8]:
    """Draw pictures (count, 28, 28) without a digit, the same whatever the number of workers."""
    non_digits = NonDigits(hand_of(variety), variety)
    images = np.empty((count, PICTURE, PICTURE), dtype=np.uint8)

    def draw_block(start: int) -> int:
        part = slice(start, start + BLOCK)
        rng = derive_rng(seed, "no digits", start // BLOCK)
        images[part] = centre_in_pictures(non_digits.boxes(len(images[part]), rng))
        return len(images[part])

    for _ in on_threads(draw_block, range(0, count, BLOCK), workers):
        pass
    return images


def are_drawn(directory: Path, count: int, seed: int, variety: float) -> bool:
    """Return whether the cache holds these pictures, so that nothing would be drawn."""
    return read_drawn(directory / cache_name(count, seed, variety)) is not None


def cache_name(count: int, seed: int, variety: float) -> str:
    """Return the name of the folder that keeps drawn pictures without a digit."""
    return NAME.format(version=VERSION, count=count, seed=seed, variety=variety)
