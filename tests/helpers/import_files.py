"""Small pictures of two digits and two letters, and the kinds of files in which they may come."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bpnet.data.dataset import Dataset
from bpnet.data.importing.found import Wanted
from bpnet.data.importing.source import read_source

RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, (40, 5, 4), dtype=np.uint8)
LABELS = np.arange(40) % 4
TEST_IMAGES = RNG.integers(0, 256, (12, 5, 4), dtype=np.uint8)
TEST_LABELS = np.arange(12) % 4
SIZE = (5, 4)


def imported(source: Path, **wanted: Any) -> tuple[Dataset, list[str]]:
    """Return what lies at a place as a data set, and the notes."""
    return read_source(source, Wanted(**wanted), "mine", lambda done, total: None)


def check(dataset: Dataset, *, test: bool = True) -> None:
    """Make sure that a data set holds the samples above."""
    parts = [(dataset.train, IMAGES, LABELS), (dataset.test, TEST_IMAGES, TEST_LABELS)]
    for part, images, labels in parts[: 1 + test]:
        np.testing.assert_array_equal(part.inputs, images)
        np.testing.assert_array_equal(part.targets, labels)


def write_pictures(folder: Path, images: NDArray[np.uint8], names: Sequence[str]) -> None:
    """Write each picture as a PNG in the folder of its class."""
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name / f"{number:03}.png")


def table(
    images: NDArray[Any], labels: Sequence[object] | None, header: str = "", separator: str = ","
) -> str:
    """Return lines of labels and pixels."""
    lines = [header] if header else []
    for number, image in enumerate(images):
        label = [] if labels is None else [str(labels[number])]
        lines.append(separator.join([*label, *map(str, image.ravel().tolist())]))
    return "\n".join(lines) + "\n"
