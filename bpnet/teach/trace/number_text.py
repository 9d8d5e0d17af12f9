"""Numbers of a trace as text, and as cells of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpnet.nn.facts import number
from bpnet.nn.layer import Array
from bpnet.teach.trace.number_table import Cell

LOST = "lost"  # a number without digits, in a trace that tells why
MOST_SHOWN = 96  # numbers of an array: what a page of 80 columns shows in a dozen lines


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers, with more digits than usual where they would look the same."""
    pairs = [(number(one, digits), number(other, digits)) for digits in range(6, 18)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def size(shape: Sequence[int]) -> str:
    """Return a shape as it is spoken: `2×3`."""
    return "×".join(map(str, shape))


def words(text: str) -> Cell:
    """Return a cell that holds a word or two."""
    return Cell(((text, ()),))


def samples(values: Array, labels: Sequence[str]) -> Cell:
    """Return a cell for an array (samples, *shape): vectors a line each, matrices row by row.

    Where there are more than `MOST_SHOWN` numbers, it sums them up.

    Args:
        values: the numbers.
        labels: names of the samples, shown where there are several.
    """
    if values.size > MOST_SHOWN:
        return words(summary(values if len(values) > 1 else values[0]))
    names = list(labels) if len(labels) > 1 else [""] * len(values)
    if values.ndim == 2:
        return Cell(tuple((name, _texts(row)) for name, row in zip(names, values, strict=True)))
    rows: list[tuple[str, tuple[str, ...]]] = []
    for name, array in zip(names, values, strict=True):
        for index in np.ndindex(array.shape[:-2]):
            place = f"[{','.join(str(i + 1) for i in index)}]" if array[..., 0, 0].size > 1 else ""
            heading = f"{name} {place}".strip()
            rows += [(heading, ())] if heading else []
            rows += [("", _texts(line)) for line in array[index]]
    return Cell(tuple(rows))


def summary(values: Array) -> str:
    """Return what is said of an array instead of its numbers."""
    known = values[np.isfinite(values)]
    if not known.size:
        return f"{size(values.shape)} numbers, all {LOST}"
    least, mean, most = (number(float(value)) for value in (known.min(), known.mean(), known.max()))
    missing = values.size - known.size
    lost = f", {missing} {LOST}" if missing else ""
    return f"{size(values.shape)} numbers from {least} to {most}, mean {mean}{lost}"


def parameter(values: Array) -> Cell:
    """Return a cell for a parameter: a row for a bias, a matrix, or a matrix for each filter."""
    return samples(values[None], [""])


def _texts(row: Array) -> tuple[str, ...]:
    return tuple(number(value) if np.isfinite(value) else LOST for value in row)
