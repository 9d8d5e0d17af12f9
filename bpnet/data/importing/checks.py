"""Look for what is often wrong with data that people put together."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Dataset

FEW = 10  # training pictures of a class
UNEVEN = 20  # times as many pictures of one class as of another
BRIGHT = 128  # grey from which on a ground is bright
MIXED = 0.05  # fraction of grounds that may differ from the others

Numbers = NDArray[np.int64]


def warnings_of(dataset: Dataset) -> Iterator[str]:
    """Yield what the user should look into before a network learns from pictures."""
    yield from _classes(dataset)
    yield from _copies(dataset)
    yield from _grounds(dataset)


def counts_of(numbers: Numbers, classes: int) -> Numbers:
    """Return how many samples of each class there are."""
    counts: Numbers = np.bincount(numbers, minlength=classes).astype(np.int64)
    return counts


def _classes(dataset: Dataset) -> Iterator[str]:
    """Yield which classes are rare, or missing in the test."""
    names = np.array(dataset.class_names)
    train, test = (counts_of(part.targets, len(names)) for part in (dataset.train, dataset.test))
    if (train < FEW).any():
        yield f"fewer than {FEW} training pictures of: {_some(names[train < FEW])}"
    elif train.max() > UNEVEN * train.min():
        yield (
            f"{train.max():,} training pictures of {names[train.argmax()]}, "
            f"but {train.min():,} of {names[train.argmin()]}"
        )
    if (test == 0).any():
        yield f"no test picture of: {_some(names[test == 0])}"


def _copies(dataset: Dataset) -> Iterator[str]:
    """Yield how many pictures are there twice, in training and test or with different labels."""
    train, test = (_as_values(part.inputs) for part in (dataset.train, dataset.test))
    labels: dict[bytes, int] = {}
    places: dict[bytes, int] = {}
    contradictions: list[tuple[int, int]] = []
    for number, (picture, label) in enumerate(zip(train, dataset.train.targets, strict=True)):
        if labels.setdefault(picture, label) != label:
            contradictions.append((places[picture], number))
        places.setdefault(picture, number)
    shared = [(number, places[pic]) for number, pic in enumerate(test) if pic in places]
    if shared:
        first = f"test picture {shared[0][0]} is training picture {shared[0][1]}"
        yield (
            f"{len(shared):,} of the {len(test):,} test pictures are training pictures too "
            f"({first}, counted from 0): the test score will flatter"
        )
    if contradictions:
        one, other = contradictions[0]
        yield (
            f"{len(contradictions):,} training pictures are there twice with different labels: "
            f"{one} and {other}, for example"
        )


def _grounds(dataset: Dataset) -> Iterator[str]:
    """Yield what is suspicious about the grounds on which the pictures lie."""
    for name, part in (("training", dataset.train), ("test", dataset.test)):
        blank = int((part.inputs.min(axis=(1, 2)) == part.inputs.max(axis=(1, 2))).sum())
        if blank:
            yield f"{blank:,} {name} pictures are of one grey all over"
    train, test = (bright_share(part.inputs) for part in (dataset.train, dataset.test))
    if MIXED < train < 1 - MIXED:
        yield (
            f"{100 * train:.0f} % of the training pictures have a bright ground, the others a dark "
            "one: photographs may, but scans should be alike"
        )
    elif abs(train - test) > 0.5:
        grounds = "bright grounds, the test dark ones" if train > test else "dark grounds, the test"
        yield f"training has {grounds}{'' if train > test else ' bright ones'}: invert one of them"
    elif train >= 1 - MIXED:
        yield "the pictures are dark on a bright ground, the reverse of MNIST's"


def bright_share(images: NDArray[np.uint8]) -> float:
    """Return the fraction of pictures (samples, height, width) whose edge is mostly bright."""
    edges = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    return float((np.median(np.concatenate(edges, axis=1), axis=1) >= BRIGHT).mean())


def _as_values(images: NDArray[np.uint8]) -> list[bytes]:
    """Return a short value for each picture, the same for the same pixels alone."""
    return [blake2b(image.tobytes(), digest_size=16).digest() for image in images]


def _some(names: NDArray[np.str_]) -> str:
    """Return the first few of some names."""
    return ", ".join(map(str, names[:10])) + ("…" if len(names) > 10 else "")
