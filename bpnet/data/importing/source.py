"""Make a data set of what lies at a place."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bpnet.config.values import class_names as class_names_of
from bpnet.data.classes import CLASSES_FILE, name_classes, number_classes, read_class_names
from bpnet.data.dataset import Dataset
from bpnet.data.idx_folder import as_dataset
from bpnet.data.importing.emnist import class_names, kind_of, lies_on_its_side
from bpnet.data.importing.found import Labelled, Progress, Wanted
from bpnet.data.importing.places import locate
from bpnet.data.split import stratified_split
from bpnet.errors import DataError, quoted
from bpnet.seeding import derive_rng

TEST_SHARE = 7  # of every seven samples one is held out for the test, as in MNIST


def read_source(
    source: Path, wanted: Wanted, name: str, progress: Progress
) -> tuple[Dataset, list[str]]:
    """Return the data at a place as a data set, and notes of how they were read.

    Args:
        source: a file or a folder.
        wanted: what the user said about them.
        name: of the data set.
        progress: follows the reading of pictures.

    Raises:
        DataError: it is not clear what the files hold, or they are damaged or do not fit together.
    """
    place = locate(source)
    found = place.read(wanted, progress)
    train, test, notes = found.train, found.test, list(found.notes)
    first = place.paths[0]
    if list(place.paths) != [source]:
        notes.insert(0, f"read from {first.parent}: {', '.join(path.name for path in place.paths)}")
    if test is None:
        train, test = hold_out(train, source)
        notes.append(
            f"there is no test set: {len(test):,} of the {len(train) + len(test):,} samples were "
            "held out as one, the same share of each class"
        )
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataError(
            "training and test pictures differ in size",
            where=source,
            expected=f"test pictures of {train.images.shape[1:]} pixels",
            found=test.images.shape[1:],
        )
    values, train_numbers, test_numbers = number_classes(train.labels, test.labels, source)
    kind = kind_of(first)
    names: Sequence[str] = ()
    if kind is not None:
        names = class_names(first, kind)
    elif values.dtype.kind == "i":
        names = read_class_names(first.parent)
    classes = name_classes(values, names, first.parent / CLASSES_FILE)
    check_names(classes, source)
    images = [train.images, test.images]
    if is_transposed(Labelled(train.images, train_numbers), classes, wanted, kind, notes):
        images = [np.ascontiguousarray(part.swapaxes(1, 2)) for part in images]
    return as_dataset(name, [images[0], train_numbers, images[1], test_numbers], classes), notes


def hold_out(samples: Labelled, where: object) -> tuple[Labelled, Labelled]:
    """Split samples into training and test, the same share of each class.

    Pictures that are there more than once, and the first picture of each class, stay in training.

    Raises:
        DataError: there are too few pictures.
    """
    count = len(samples)
    flat = np.ascontiguousarray(samples.images).reshape(count, -1)
    pictures = flat.view(np.dtype((np.void, flat.shape[1]))).ravel()
    _, inverse, counts = np.unique(pictures, return_inverse=True, return_counts=True)
    may = counts[inverse] == 1
    may[np.unique(samples.labels, return_index=True)[1]] = False
    held_out = count // TEST_SHARE
    eligible = np.flatnonzero(may)
    if not 0 < held_out <= len(eligible):
        raise DataError(
            "there are too few different pictures to hold some out for the test",
            where=where,
            expected=f"{TEST_SHARE} or more, and more than one of a class",
            found=f"{count} pictures, {len(eligible)} of which could be held out",
        )
    rng = derive_rng(0, "test samples of an import")
    _, chosen = stratified_split(samples.labels[eligible], held_out, rng)
    test = eligible[chosen]
    return samples.taken(np.setdiff1d(np.arange(count), test)), samples.taken(test)


def check_names(names: Sequence[str], where: object) -> None:
    """Make sure that the names of classes can be written down, one per line.

    Raises:
        DataError: they cannot.
    """
    for name in names:
        try:
            fits = class_names_of(name, separator="\n") == (name,)
        except ValueError:
            fits = False
        if not fits:
            raise DataError(
                "a class cannot have such a name",
                where=where,
                expected="a name of some characters, not too many, in one line, without a blank at "
                "either end, and without # or ; at the start or after a blank",
                found=quoted(name),
            )
    try:
        class_names_of("\n".join(names), separator="\n")
    except ValueError as error:
        what = "there are too many classes, or two of one name"
        raise DataError(what, where=where, found=error) from error


def is_transposed(
    samples: Labelled, names: Sequence[str], wanted: Wanted, kind: str | None, notes: list[str]
) -> bool:
    """Return whether the pictures are to be transposed, and note why.

    What digits look like decides; where that is not clear, EMNIST's name does.
    """
    if wanted.transpose is not None:
        return wanted.transpose
    seen = lies_on_its_side(samples, names)
    if not (kind is not None if seen is None else seen):
        return False
    why = "EMNIST stores its pictures on their side" if kind else "the digits lay on their side"
    notes.append(f"{why}: rows and columns were exchanged; --no-transpose leaves them as they are")
    return True
