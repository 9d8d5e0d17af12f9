"""Write sums and products of numbers as they are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bpnet.nn.facts import factor, number

MOST_TERMS = 9  # of a sum that is written out; of a longer one the largest are


def product(*factors: float) -> str:
    """Return numbers multiplied: `2 · (−1)`."""
    return " · ".join(factor(float(one)) for one in factors)


def power(exponent: float) -> str:
    """Return a power of e: `e^{−4}`."""
    return f"e^{{{number(exponent)}}}"


def quotient(above: str, below: float) -> str:
    """Return a fraction; over 1 it is left out."""
    return above if below == 1 else f"({above}) / {number(below)}"


def added(terms: Sequence[str]) -> str:
    """Return terms with a plus between them."""
    return " + ".join(terms)


def sum_of_numbers(numbers: ArrayLike) -> str:
    """Return numbers added up: `1 + (−2)`."""
    terms = np.asarray(numbers, dtype=np.float64).reshape(1, -1)
    return number(float(terms[0, 0])) if terms.size == 1 else sum_of_products(terms)


def sum_of_products(factors: ArrayLike, plus: float | None = None) -> str:
    """Return products added up: `2 · 1 + (−1) · 4`.

    Of a sum of more than `MOST_TERMS` the largest are written, and how many smaller ones follow.

    Args:
        factors: (factors of a product, terms).
        plus: what is added at the end, such as a bias.
    """
    columns = np.asarray(factors, dtype=np.float64)
    columns = columns.reshape(len(columns), -1)
    terms = columns.shape[1]
    shown = range(terms)
    if terms > MOST_TERMS:
        sizes = np.abs(columns.prod(axis=0))
        largest = np.argsort(-sizes, kind="stable")[: MOST_TERMS - 1]
        shown = sorted(map(int, largest))  # type: ignore[assignment]
    written = [product(*columns[:, term]) for term in shown]
    if terms > len(written):
        written.append(f"… ({terms - len(written)} smaller terms)")
    if plus is not None:
        written.append(factor(float(plus)))
    return added(written) or "0"
