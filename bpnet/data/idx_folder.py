"""Load any folder that holds pictures and labels in MNIST's four files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.classes import CLASSES_FILE, name_classes, number_classes, read_class_names
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.files.directory import data_directory
from bpnet.data.files.disk import disk_errors
from bpnet.data.files.names import STEMS, find_file, likely_files, meant_by
from bpnet.data.files.pictures import open_array
from bpnet.disk import DIRECTORY, FILE, what_is_at
from bpnet.errors import DataError

FOUR_FILES = ", ".join(STEMS) + " (also with .gz or .npy)"


def find_idx_folder(folder: Path, data_dir: Path) -> Path:
    """Return where a folder of IDX files lies: in the directory that the user named, if there.

    Args:
        folder: the folder that a config names.
        data_dir: it holds a folder of the same name, or is itself the folder.

    Raises:
        DataError: there is no such directory, or the files are in neither place.
    """
    places = idx_places(folder, data_directory(data_dir).path)
    for place in places:
        if holds_some(place):
            return Path(os.path.realpath(place))
    raise DataError(
        "the data set is neither in --data-dir nor where [data] path says",
        where=", ".join(map(str, places)),
        expected=FOUR_FILES,
        found="none of them",
        hint="give the folder that holds these four files as --data-dir DIR",
    )


def idx_places(folder: Path, data_dir: Path | None) -> tuple[Path, ...]:
    """Return where a folder of IDX files may lie, best places first; see `find_idx_folder`."""
    return (folder,) if data_dir is None else (data_dir / folder.name, data_dir, folder)


def holds_some(folder: Path) -> bool:
    """Return whether a folder holds one of the four files at least."""
    return bool(files_in(folder))


def files_in(folder: Path) -> list[Path]:
    """Return the paths of those of the four files that a folder holds."""
    paths = (_find(folder, stem) for stem in STEMS)
    return [path for path in paths if path is not None]


def load_idx_folder(folder: Path, *, name: str = "idx", names: Sequence[str] = ()) -> Dataset:
    """Load a folder that holds pictures and labels in MNIST's four files.

    Pictures may have any size. Each different label is a class, in the order of their values.

    Args:
        folder: it may hold `classes.txt` as well, with the names of the classes.
        name: what the data set is called.
        names: of the classes, instead of those in `classes.txt`.

    Returns:
        Pictures (samples, height, width) in uint8 and class numbers (samples,) in int64.

    Raises:
        DataError: a file is missing or damaged, or the files do not match each other.
    """
    arrays = [open_array(path) for path in _find_all(folder)]
    _check_none_is_swapped(folder, arrays)
    _check_pictures_and_labels(folder, "train", *arrays[:2])
    _check_pictures_and_labels(folder, "t10k", *arrays[2:])
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise DataError(
            "training and test pictures differ in size",
            where=folder,
            expected=f"test pictures of {arrays[0].shape[1:]} pixels",
            found=arrays[2].shape[1:],
        )
    values, train, test = number_classes(arrays[1], arrays[3], folder)
    if names:
        class_names = name_classes(values, names, "[data] class_names")
    else:
        class_names = name_classes(values, read_class_names(folder), folder / CLASSES_FILE)
    return as_dataset(name, [arrays[0], train, arrays[2], test], class_names)


def as_dataset(name: str, arrays: list[NDArray[Any]], class_names: tuple[str, ...]) -> Dataset:
    """Pair pictures with class numbers, turned into int64."""
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        name=name,
        train=Samples(train_images, train_labels.astype(np.int64, copy=False)),
        test=Samples(test_images, test_labels.astype(np.int64, copy=False)),
        class_names=class_names,
    )


def _find(folder: Path, stem: str) -> Path | None:
    """Return the path of a file in any of its spellings, as NumPy writes it included, or None."""
    array = folder / f"{stem}.npy"
    with disk_errors("look into the directory", folder):
        return find_file(folder, stem) or (array if array.exists() else None)


def _find_all(folder: Path) -> list[Path]:
    """Return the paths of the four files.

    Raises:
        DataError: this is no folder, or some are missing; it says which others may be meant.
    """
    if (found := what_is_at(folder)) != DIRECTORY:
        raise _no_folder(folder, found)
    paths = {stem: _find(folder, stem) for stem in STEMS}
    missing = [stem for stem, path in paths.items() if path is None]
    if not missing:
        return [path for path in paths.values() if path is not None]
    likely = likely_files(folder)
    meant = [f"{stem}: perhaps {', '.join(likely[stem])}" for stem in missing if likely[stem]]
    raise DataError(
        "the folder lacks files of the data set",
        where=folder,
        expected=FOUR_FILES,
        found=[f"no {', '.join(missing)}", *meant] if meant else f"no {', '.join(missing)}",
        hint="rename the files, or have them and other kinds of data (pictures in folders, CSV, "
        "NumPy's and MATLAB's files) brought into this form with",
        command=("data", "import", str(folder)),
    )


def _no_folder(path: Path, found: str) -> DataError:
    """Return the error that this is no folder; what a file may be tells how to go on."""
    hint, command = "--data-dir DIR, or [data] path, with the folder that holds these files", None
    if found == FILE and meant_by(path.name):
        hint = f"give the folder that it is in, {path.parent}"
    elif found == FILE:
        hint, command = "import it with", ("data", "import", str(path))
    what = "the data set is a file, not a folder"
    return DataError(
        what if found == FILE else "the folder lacks files of the data set",
        where=path,
        expected=f"a folder with {FOUR_FILES}",
        found=found,
        hint=hint,
        command=command or (),
    )


def _check_none_is_swapped(folder: Path, arrays: Sequence[NDArray[Any]]) -> None:
    """Raise DataError where two files hold what the other one should."""
    train_images, train_labels, test_images, test_labels = arrays
    wrong = [
        f"{part}-images and {part}-labels"
        for part, images, labels in (
            ("train", train_images, train_labels),
            ("t10k", test_images, test_labels),
        )
        if images.ndim == 1 and labels.ndim == 3
    ]
    counts = [array.shape[:1] for array in arrays]
    if counts[0] != counts[1] and (counts[0], counts[1]) == (counts[3], counts[2]):
        wrong = ["train-labels and t10k-labels"]
    if wrong:
        raise DataError(
            f"{' as well as '.join(wrong)} are swapped: each holds what the other one should",
            where=folder,
            hint="give each file the other's name",
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
