"""Know EMNIST: the names of its classes, and that its pictures lie on their side.

Source: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten
letters", 2017; its pictures are stored column by column, as MATLAB has them.
"""

import re
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.data.importing.found import Labelled
from bpnet.data.synthetic import draw_digits
from bpnet.errors import DataError

BALANCED = string.digits + string.ascii_uppercase + "abdefghnqrt"
NAMES: Mapping[str, Sequence[str]] = {  # by the numbers that are their labels
    "digits": tuple(string.digits),
    "mnist": tuple(string.digits),
    "letters": ("", *string.ascii_uppercase),  # which count from 1
    "balanced": tuple(BALANCED),
    "bymerge": tuple(BALANCED),
    "byclass": tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase),
}
KIND = re.compile(rf"emnist[-_ ]?({'|'.join(NAMES)})", re.IGNORECASE)
MAPPING = "emnist-{}-mapping.txt"  # a line per class: its label, and the codes of its characters
PER_DIGIT = 50  # drawn digits and pictures that are compared
LEAST = 0.4  # correlation of mean digits: those of other kinds of pictures are not alike
MARGIN = 0.1  # by which one way to lie must be likelier than the other


def kind_of(path: Path) -> str | None:
    """Return which of EMNIST's data sets a file's name says that it holds, if any."""
    match = KIND.search(path.name)
    return match[1].lower() if match else None


def class_names(path: Path, kind: str) -> Sequence[str]:
    """Return the names of the classes, from the mapping beside a file if there is one."""
    mapping = path.with_name(MAPPING.format(kind))
    if not mapping.is_file():
        return NAMES[kind]
    try:
        rows = [list(map(int, line.split())) for line in mapping.read_text("ascii").splitlines()]
        names = {row[0]: chr(row[1]) for row in rows if row}
        return [names.get(label, "") for label in range(max(names) + 1)]
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise DataError(
            "the mapping of EMNIST's labels cannot be read",
            where=mapping,
            expected="in each line a label and the code of its character",
            found=error,
        ) from error


def lies_on_its_side(samples: Labelled, names: Sequence[str]) -> bool | None:
    """Return whether digits are transposed, judged by digits that are drawn; None if unclear.

    Args:
        samples: pictures and class numbers.
        names: of the classes; those called 0 to 9 are looked at.
    """
    digits = [
        (number, int(name)) for number, name in enumerate(names) if name in set(string.digits)
    ]
    if len(digits) < 5 or samples.images.shape[1:] != (28, 28):
        return None
    upright = sideways = 0.0
    for number, digit in digits:
        some = samples.images[samples.labels == number][:PER_DIGIT]
        drawn, _ = draw_digits(np.full(PER_DIGIT, digit), seed=1, purpose="orientation", workers=1)
        upright += _correlation(some.mean(axis=0), drawn.mean(axis=0)) / len(digits)
        sideways += _correlation(some.mean(axis=0).T, drawn.mean(axis=0)) / len(digits)
    upright, sideways = abs(upright), abs(sideways)  # dark on light, both are negative
    if max(upright, sideways) < LEAST or abs(upright - sideways) < MARGIN:
        return None
    return sideways > upright


def _correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
