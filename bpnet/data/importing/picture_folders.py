"""Read folders of pictures: one folder per class, perhaps within one for training and for test."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bpnet.data.classes import sort_key
from bpnet.data.files.disk import disk_errors
from bpnet.data.importing.found import Found, Labelled, Progress, Wanted
from bpnet.data.importing.named_arrays import PARTS, TRAIN, with_parts
from bpnet.data.importing.pixels import LUMA, check_size
from bpnet.data.reading.picture import open_picture
from bpnet.errors import DataError, listed

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".jp2"),
    *(".ppm", ".pgm", ".pbm", ".tga", ".pcx", ".psd", ".sgi", ".qoi", ".xbm"),
)
USUAL = (28, 28)  # pixels, to which pictures of different sizes are brought

Grey = NDArray[np.uint8]


def holds_pictures(folder: Path) -> bool:
    """Return whether there are pictures in a folder, or below it."""
    return next(_pictures(folder), None) is not None


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """Return the class folders with pictures in them, of training and, if apart, of the test."""
    below = [path for path in subfolders(folder) if holds_pictures(path)]
    parts = {part: [p for p in below if PARTS[part].fullmatch(p.name.lower())] for part in PARTS}
    if not parts[TRAIN]:
        return {TRAIN: below}
    return {
        part: [path for place in places for path in subfolders(place) if holds_pictures(path)]
        for part, places in parts.items()
        if places
    }


def read_folders(folder: Path, wanted: Wanted, progress: Progress) -> Found:
    """Return the pictures in a folder's class folders, whose names are the labels.

    Pictures of the same size stay as they are; those of different sizes are brought to one size, on
    a ground of the colour of their edge.

    Raises:
        DataError: there are no pictures, or none that can be read.
    """
    files = {
        part: [(path, place.name) for place in places for path in _pictures(place)]
        for part, places in class_folders(folder).items()
    }
    total = sum(map(len, files.values()))
    reader = _Reader(wanted.size)
    labels: dict[str, list[str]] = {}
    for part, paths in files.items():
        labels[part] = [label for path, label in paths if reader.read(path, progress, total)]
    if not labels.get(TRAIN):
        raise DataError(
            "there are no pictures to train on",
            where=folder,
            expected="a folder for each class, with pictures in it",
            found=reader.damaged[:20] or "no folder with pictures",
        )
    samples, start = {}, 0
    pictures = reader.stacked(folder)
    for part, texts in labels.items():
        if texts:
            samples[part] = Labelled(pictures[start : start + len(texts)], np.array(texts))
            start += len(texts)
    return with_parts(samples, reader.notes())


class _Reader:
    """Read pictures into grey ones of one size.

    Args:
        size: height and width; None: that of the pictures, if it is the same for all.
    """

    def __init__(self, size: tuple[int, int] | None) -> None:
        self.size = size
        self.sizes: set[tuple[int, int]] = set()
        self.pictures: list[Grey] = []
        self.damaged: list[str] = []
        self.pixels = 0

    def read(self, path: Path, progress: Progress, total: int) -> bool:
        """Read one picture more; return whether that was possible."""
        progress(len(self.pictures) + len(self.damaged) + 1, total)
        try:
            picture = read_grey(path)
        except DataError as error:
            self.damaged.append(f"{path}: {error.what}")
            return False
        self.sizes.add((picture.shape[0], picture.shape[1]))
        if self.size is None and len(self.sizes) > 1:
            self.size = USUAL
            self.pictures = [fitted(earlier, USUAL) for earlier in self.pictures]
        self.pictures.append(picture if self.size is None else fitted(picture, self.size))
        height, width = self.pictures[0].shape
        check_size(len(self.pictures), height, width, path.parent)
        return True

    def stacked(self, where: Path) -> Grey:
        """Return all pictures (samples, height, width)."""
        return np.stack(self.pictures)

    def notes(self) -> list[str]:
        """Return what the user should know."""
        notes = []
        if self.size is not None and self.sizes != {self.size}:
            height, width = self.size
            smallest, largest = min(self.sizes), max(self.sizes)
            sizes = f"{smallest[0]}×{smallest[1]} to {largest[0]}×{largest[1]}"
            notes.append(
                f"pictures of {len(self.sizes)} sizes, {sizes}, were brought to {height}×{width} "
                "pixels; --size HEIGHTxWIDTH chooses another size"
            )
        if self.damaged:
            count = len(self.damaged)
            notes += [f"{count} files could not be read and were left out:", *listed(self.damaged)]
        return notes


def read_grey(path: Path) -> Grey:
    """Return a picture file in grey (height, width), of at most 320 pixels a side.

    Raises:
        DataError: it is not a picture that can be read.
    """
    grey: Grey = np.rint(open_picture(path) @ LUMA * 255).astype(np.uint8)
    return grey


def fitted(picture: Grey, size: tuple[int, int]) -> Grey:
    """Return a picture of this height and width, undistorted, on the colour of its edge."""
    height, width = picture.shape
    if (height, width) == size:
        return picture
    factor = min(size[0] / height, size[1] / width)
    inner = max(1, round(height * factor)), max(1, round(width * factor))
    image = Image.fromarray(picture).resize(inner[::-1], Image.Resampling.BILINEAR)
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    whole = np.full(size, np.median(edge), dtype=np.uint8)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    whole[top : top + inner[0], left : left + inner[1]] = np.asarray(image)
    return whole


def subfolders(folder: Path) -> Sequence[Path]:
    """Return the folders in a folder, in the order of their names; hidden ones are left out."""
    with disk_errors("look into the directory", folder):
        below = [path for path in folder.iterdir() if path.is_dir()]
    return sorted(
        (path for path in below if not path.name.startswith((".", "__"))),
        key=lambda path: sort_key(path.name),
    )


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield the paths of the pictures in a folder and below it, in the order of their names."""
    with disk_errors("look into the directory", folder):
        inside = sorted(folder.iterdir())
    for path in inside:
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
            yield path
    for below in subfolders(folder):
        if not below.is_symlink():  # which may lead back
            yield from _pictures(below)
