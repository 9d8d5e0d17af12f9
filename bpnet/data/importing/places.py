"""Recognise which kind of data lies at a place, and which files belong together."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bpnet.data.files.disk import disk_errors
from bpnet.data.importing import csv_files, mat_files, numpy_files
from bpnet.data.importing.found import Found, Progress, Wanted
from bpnet.data.importing.idx_files import looks_like_idx, read_idx_files
from bpnet.data.importing.named_arrays import PARTS, TRAIN, part_of
from bpnet.data.importing.picture_folders import (
    class_folders,
    holds_pictures,
    read_folders,
    subfolders,
)
from bpnet.disk import DIRECTORY, FILE, what_is_at
from bpnet.errors import DataError, listed

EXPECTED = "a folder for each class with pictures in it, IDX files, .npz, .npy, .csv or .mat files"
PACKED = (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz")
IDX, NUMPY, CSV, MAT = "IDX", "NumPy", "CSV", "MATLAB"  # in the order in which they are preferred
DEEPEST = 4  # folders that hold nothing but one folder


@dataclass(frozen=True)
class Place:
    """Hold where data lie.

    Args:
        paths: their files, or the folder with their class folders.
        read: returns the samples.
    """

    paths: Sequence[Path]
    read: Callable[[Wanted, Progress], Found]


def locate(source: Path) -> Place:
    """Return the data at a file, together with those that belong to it, or in a folder.

    Raises:
        DataError: there are none, or several data sets.
    """
    found = what_is_at(source)
    if found == DIRECTORY:
        return _in_folder(source)
    kind = kind_of(source) if found == FILE else None
    if kind is None:
        is_packed = source.name.lower().endswith(PACKED)
        raise DataError(
            "there is nothing to import" if found != FILE else "this file is not known as data",
            where=source,
            expected=EXPECTED,
            found=found if found != FILE else "a packed file" if is_packed else "another kind",
            hint="unpack it first, and import the folder" if is_packed else None,
        )
    files = _files(source.parent).get(kind, [])
    return _place(kind, next(group for group in groups(kind, files) if source in group))


def kind_of(path: Path) -> str | None:
    """Return the kind of data that a file seems to hold, or None."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(numpy_files.SUFFIXES):
        return NUMPY
    if name.endswith(mat_files.SUFFIXES):
        return MAT
    if name.endswith(csv_files.SUFFIXES):
        return None if "mapping" in name or "classes" in name or "readme" in name else CSV
    return IDX if looks_like_idx(path) else None


def groups(kind: str, files: Sequence[Path]) -> list[list[Path]]:
    """Return the files of each data set: those whose names are the same up to `train` or `test`.

    Arrays of NumPy's that lie in a file each all belong together.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        name = path.name.lower()
        part = part_of(name)
        start = PARTS[part].search(name) if part else None
        key = name[: start.start()] if start else name
        if kind == NUMPY:
            key = "" if numpy_files.holds_one_array(path) else name
        found[key].append(path)
    if kind != CSV:
        return list(found.values())
    return [part for group in found.values() for part in _apart(group)]


def _apart(group: Sequence[Path]) -> list[list[Path]]:
    """Return tables as one data set, or as several where some of them are the same part.

    Then those belong together whose names differ in the word of the part alone.
    """
    parts = [part_of(path.name) for path in group]
    if len(set(parts)) == len(parts):
        return [list(group)]
    sets: dict[str, list[Path]] = defaultdict(list)
    for path, part in zip(group, parts, strict=True):
        name = path.name.lower().removesuffix(".gz")
        sets[PARTS[part].sub("*", name, count=1) if part else name].append(path)
    return list(sets.values())


def _in_folder(source: Path) -> Place:
    """Return the data in a folder, or in the only folder that it holds."""
    folder = source
    for _ in range(DEEPEST):
        has_pictures = len(class_folders(folder)[TRAIN]) > 1
        for kind, files in _files(folder).items():
            if not (has_pictures and kind == CSV):  # texts often lie beside pictures
                return _place(kind, _only_one(kind, files, folder))
        if has_pictures:
            return Place([folder], partial(read_folders, folder))
        below = subfolders(folder)
        if len(below) != 1:
            break
        folder = below[0]
    names = [path.name for path in subfolders(folder)]
    if not names and holds_pictures(folder):
        raise DataError(
            "the pictures in the folder have one class or none",
            where=source,
            expected="a folder for each class, two or more",
            found=f"all pictures in {folder}",
        )
    raise DataError(
        "there are no data of a known kind in the folder",
        where=folder,
        expected=EXPECTED,
        found=listed([f"{name}/" for name in names]) or "no such files, and no folders",
        hint="name one of these folders" if names else None,
    )


def _files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each kind in a folder, by the order in which kinds are preferred."""
    found: dict[str, list[Path]] = {kind: [] for kind in (IDX, NUMPY, CSV, MAT)}
    with disk_errors("look into the directory", folder):
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and path.is_file() and (kind := kind_of(path)):
                found[kind].append(path)
    return {kind: files for kind, files in found.items() if files}


def _only_one(kind: str, files: Sequence[Path], folder: Path) -> list[Path]:
    """Return the files of the only data set that has something to train on."""
    sets = groups(kind, files)
    with_training = [
        group for group in sets if any(part_of(path.name.lower()) == TRAIN for path in group)
    ]
    sets = with_training or sets
    if len(sets) > 1:
        raise DataError(
            "there are several data sets in the folder",
            where=folder,
            expected="one data set",
            found=listed([", ".join(path.name for path in group) for group in sets]),
            hint="name a file of the one that you want; those that belong to it are found",
        )
    return sets[0]


def _place(kind: str, files: Sequence[Path]) -> Place:
    """Return the place of some files of one data set."""
    if kind == IDX:
        unpacked = {path.name.removesuffix(".gz"): path for path in sorted(files, reverse=True)}
        files = sorted(unpacked.values())  # of a file that is there raw and gzipped, the raw one
    readers: dict[str, Callable[[Sequence[Path], Wanted], Found]] = {
        IDX: read_idx_files,
        NUMPY: numpy_files.read_numpy,
        CSV: csv_files.read_csv,
        MAT: mat_files.read_mat,
    }
    return Place(files, lambda wanted, _: readers[kind](files, wanted))
