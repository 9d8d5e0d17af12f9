"""Write numbers and arrays in LaTeX's letters."""

from __future__ import annotations

import math

from bpnet.nn.facts import number
from bpnet.nn.layer import Array
from bpnet.teach.trace.latex.formula import latex_formula

MOST_NUMBERS = 36  # of an array that is written out
MOST_COLUMNS = 10  # of amsmath's bmatrix


def latex_number(value: float) -> str:
    r"""Return a number: `-4800`, `1.5\cdot 10^{-7}`."""
    if math.isnan(value):
        return r"\text{lost}"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    return latex_formula(number(value))


def latex_factor(value: float) -> str:
    """Return a number as it stands behind a sign: a negative one in brackets."""
    written = latex_number(value)
    return f"({written})" if value < 0 else written


def fits(array: Array) -> bool:
    """Return whether an array is written out."""
    columns = array.shape[-1] if array.ndim else 1
    return array.size <= MOST_NUMBERS and columns <= MOST_COLUMNS


def latex_matrix(array: Array) -> str:
    """Return a matrix of numbers; a single number stands alone, a large one is counted.

    Args:
        array: (rows, columns), or several of them (…, rows, columns), which stand side by side.
    """
    if array.size == 1:
        return latex_number(array.item())
    if not fits(array):
        size = r" \times ".join(map(str, array.shape))
        return rf"\left[{size}\text{{ numbers}}\right]"
    matrices = array.reshape(-1, *array.shape[-2:])
    return r",\; ".join(_matrix([list(map(latex_number, row)) for row in one]) for one in matrices)


def latex_matrix_of(rows: list[list[str]]) -> str:
    """Return a matrix of formulas; a single one stands alone."""
    return rows[0][0] if len(rows) == len(rows[0]) == 1 else _matrix(rows)


def _matrix(rows: list[list[str]]) -> str:
    lines = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"


def product(left: Array, right: Array) -> str:
    """Return a matrix times another; a number needs a dot beside it."""
    if left.size > 1 and right.size > 1:
        return f"{latex_matrix(left)} {latex_matrix(right)}"
    return rf"{_operand(left)} \cdot {_operand(right)}"


def element_product(left: Array, right: Array) -> str:
    """Return two arrays of one shape multiplied number by number."""
    times = r"\odot" if left.size > 1 else r"\cdot"
    return f"{_operand(left)} {times} {_operand(right)}"


def _operand(array: Array) -> str:
    return latex_factor(array.item()) if array.size == 1 else latex_matrix(array)


def columns(values: Array) -> Array:
    """Return an array (samples, *shape) as people write it: vectors as columns, pictures each."""
    return values if values.ndim > 2 else values.T


def as_matrix(values: Array) -> Array:
    """Return a parameter as a matrix: a bias as a column."""
    return values[:, None] if values.ndim == 1 else values
