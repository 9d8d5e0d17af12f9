"""Turn labels of any values into class numbers, and give the classes their names."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.values import MOST_CLASSES, class_names
from bpnet.data.files.disk import disk_errors
from bpnet.disk import NOTHING, what_is_at
from bpnet.errors import DataError, counted, quoted

CLASSES_FILE = "classes.txt"  # beside a data set: one name per line
WHOLE = re.compile("-?[0-9]{1,18}")
MOST_BYTES = 4 << 20  # of it


def read_class_names(folder: Path) -> tuple[str, ...]:
    """Return the names in a folder's `classes.txt`, one per line; none if there is no such file.

    Raises:
        DataError: the file is not a list of different names.
    """
    path = folder / CLASSES_FILE
    if what_is_at(path) == NOTHING:
        return ()
    with disk_errors("read the class names", path), path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    try:
        if len(content) > MOST_BYTES:
            raise ValueError(f"at most {MOST_BYTES >> 20} MB, found more")
        lines = content.decode("utf-8-sig").splitlines()
        return class_names("\n".join(filter(str.strip, lines)), separator="\n")
    except ValueError as error:  # text that is not UTF-8 included
        expected, _, found = str(error).partition(", found ")
        raise DataError(
            "the class names cannot be read", where=path, expected=expected, found=found or None
        ) from error


def number_classes(
    train: NDArray[Any], test: NDArray[Any], where: object
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Give the classes numbers from 0 on, in the order of their labels, texts as `sort_key` has it.

    Args:
        train: labels (samples,) of training: whole numbers, or texts.
        test: labels of the test.
        where: what messages call the data set.

    Returns:
        The different labels (classes,) in this order, and the class numbers of training and test.

    Raises:
        DataError: there are too many classes, or training does not show each class of the test.
    """
    values, numbers = _unique(train)
    if len(values) > MOST_CLASSES:
        raise DataError(
            "there are too many different labels",
            where=where,
            expected=f"at most {MOST_CLASSES:,} classes",
            found=f"{len(values):,}",
            hint="check that these are labels",
        )
    unknown = np.setdiff1d(test, values)
    if len(unknown):
        raise DataError(
            "the test set has classes that training never shows",
            where=where,
            expected=f"labels among the {len(values)} of training: {_some(values)}",
            found=_some(unknown),
            hint="add training samples of these classes, or leave them out of the test",
        )
    order = np.array(sorted(range(len(values)), key=lambda number: sort_key(values[number])))
    ranks = np.argsort(order)
    if not np.array_equal(order, np.arange(len(order))):
        numbers = ranks[numbers]
    return values[order], numbers, ranks[np.searchsorted(values, test)]


def _unique(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the different labels in order, and which of them each is: bytes without sorting."""
    if labels.dtype != np.uint8:
        values, numbers = np.unique(labels, return_inverse=True)
        return values, numbers
    seen = np.zeros(256, dtype=np.bool_)
    seen[labels] = True
    places: NDArray[np.int64] = np.cumsum(seen, dtype=np.int64) - 1
    return np.flatnonzero(seen).astype(np.uint8), places[labels]


def sort_key(label: Any) -> tuple[bool, int, str]:
    """Return what sorts labels: numbers by their value, also among texts, then texts by letters."""
    text = str(label)
    is_number = WHOLE.fullmatch(text) is not None
    return not is_number, int(text) if is_number else 0, text


def name_classes(values: NDArray[Any], names: Sequence[str], where: object) -> tuple[str, ...]:
    """Return a name for each class.

    Args:
        values: the different labels (classes,), in order.
        names: one per class in the order of the labels; or one for each number from 0 on, of which
            some may be no label; or none, and then the labels themselves are the names.
        where: what messages call the place of the names.

    Raises:
        DataError: the number of names does not fit the labels.
    """
    if not names:
        return tuple(map(str, values.tolist()))
    if len(names) == len(values):
        return tuple(names)
    if values.dtype.kind in "iu" and values[0] >= 0 and values[-1] < len(names):
        return tuple(names[value] for value in values.tolist())
    raise DataError(
        "the class names do not fit the labels",
        where=where,
        expected=f"a name for each of the {len(values)} labels {_some(values)}",
        found=f"{counted(len(names), 'name', 'names')}: {', '.join(map(quoted, names[:5]))}…",
    )


def _some(values: NDArray[Any]) -> str:
    """Return the first few of some labels, and the last one."""
    texts = list(map(str, values.tolist()))
    return ", ".join(texts if len(texts) <= 10 else [*texts[:8], "…", texts[-1]])
