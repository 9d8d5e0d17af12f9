"""Load any folder that holds pictures and labels in MNIST's four files."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.directory import data_directory
from bpnet.data.files.idx import read_idx
from bpnet.data.files.names import STEMS, find_file
from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import DataError


def find_idx_folder(folder: Path, data_dir: Path) -> Path:
    """Return where a folder of IDX files lies: in the directory that the user named, if there.

    Args:
        folder: the folder that a config names.
        data_dir: it holds a folder of the same name, or is itself the folder.

    Raises:
        DataError: there is no such directory, or the files are in neither place.
    """
    named = data_directory(data_dir).path
    places = (named / folder.name, named, folder)
    for place in places:
        if any(find_file(place, stem) for stem in STEMS):
            return Path(os.path.realpath(place))
    raise DataError(
        "the data set is neither in --data-dir nor where [data] path says",
        where=", ".join(map(str, places)),
        expected=", ".join(STEMS) + " (also with .gz)",
        found="none of them",
        hint="give the folder that holds these four files as --data-dir DIR",
    )


def load_idx_folder(folder: Path) -> Dataset:
    """Load a folder that holds pictures and labels in MNIST's four files.

    Pictures may have any size, and there may be any number of classes, numbered from 0.

    Returns:
        Pictures (samples, height, width) in uint8 and class numbers (samples,) in int64.

    Raises:
        DataError: a file is missing or damaged, or the files do not match each other.
    """
    place = what_is_at(folder)
    paths = [find_file(folder, stem) for stem in STEMS] if place == DIRECTORY else [None] * 4
    missing = [stem for stem, path in zip(STEMS, paths, strict=True) if path is None]
    if missing:
        raise DataError(
            "the folder lacks files of the data set",
            where=folder,
            expected=", ".join(STEMS) + " (also with .gz)",
            found=f"no {', '.join(missing)}" if place == DIRECTORY else place,
            hint="--data-dir DIR, or [data] path, with the folder that holds these four files",
        )
    arrays = [read_idx(path) for path in paths if path is not None]
    _check_pictures_and_labels(folder, "train", *arrays[:2])
    _check_pictures_and_labels(folder, "t10k", *arrays[2:])
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise DataError(
            "training and test pictures differ in size",
            where=folder,
            expected=f"test pictures of {arrays[0].shape[1:]} pixels",
            found=arrays[2].shape[1:],
        )
    classes = _count_classes(folder, arrays[1], arrays[3])
    return as_dataset("idx", arrays, tuple(str(label) for label in range(classes)))


def as_dataset(name: str, arrays: list[NDArray[Any]], class_names: tuple[str, ...]) -> Dataset:
    """Pair pictures with labels, the labels turned into int64."""
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        name=name,
        train=Samples(train_images, train_labels.astype(np.int64)),
        test=Samples(test_images, test_labels.astype(np.int64)),
        class_names=class_names,
    )


def _check_pictures_and_labels(
    folder: Path, part: str, images: NDArray[Any], labels: NDArray[Any]
) -> None:
    """Raise DataError unless there is one whole number for each uint8 picture."""
    if images.ndim != 3 or images.dtype != np.uint8 or not images.size:
        raise DataError(
            f"{part}-images does not hold pictures",
            where=folder,
            expected="unsigned bytes of shape (samples, height, width), no size being 0",
            found=f"{images.dtype} of shape {images.shape}",
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{part}-labels does not hold labels",
            where=folder,
            expected="whole numbers of shape (samples,)",
            found=f"{labels.dtype} of shape {labels.shape}",
        )
    if len(images) != len(labels):
        raise DataError(
            f"{part}-images and {part}-labels do not belong together",
            where=folder,
            expected=f"as many labels as pictures: {len(images)}",
            found=len(labels),
        )


def _count_classes(folder: Path, train: NDArray[Any], test: NDArray[Any]) -> int:
    """Return the number of classes; raise DataError unless training shows each of them."""
    labels = np.unique(train)
    expected = f"0 to {len(labels) - 1}, as there are {len(labels)} different ones"
    if labels[0] != 0 or labels[-1] != len(labels) - 1:
        raise DataError(
            "the training labels are not numbered from 0 without a gap",
            where=folder,
            expected=expected,
            found=f"{labels[0]} to {labels[-1]}",
            hint="renumber the classes",
        )
    if test.min() < 0 or test.max() >= len(labels):
        raise DataError(
            "the test set has classes that training never shows",
            where=folder,
            expected=f"labels from 0 to {len(labels) - 1}",
            found=f"{test.min()} to {test.max()}",
            hint="add training samples of these classes, or leave them out of the test",
        )
    return len(labels)
