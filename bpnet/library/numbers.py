"""Check the numbers that a user gives."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from bpnet.errors import ConfigError


def whole_number(given: Any, where: str, most: int | None = None) -> int:
    """Return a whole number from 1 on.

    Args:
        given: it, perhaps one of NumPy.
        where: the argument that gives it.
        most: that it may be.

    Raises:
        ConfigError: it is none, or out of bounds.
    """
    is_one = isinstance(given, Integral) and not isinstance(given, bool)
    if not is_one or given < 1 or (most is not None and given > most):
        expected = "a whole number of at least 1" if most is None else f"1 to {most}"
        raise ConfigError("this number cannot be used", where=where, expected=expected, found=given)
    return int(given)


def fraction(given: Any, where: str) -> float:
    """Return a number from 0 to 1.

    Raises:
        ConfigError: it is none.
    """
    is_number = hasattr(given, "__float__")  # as those of NumPy are, and no text
    if not is_number or not 0 <= given <= 1:
        raise ConfigError("this is no probability", where=where, expected="0 to 1", found=given)
    return float(given)
