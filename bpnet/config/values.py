"""Read values of settings: each reader takes a text, or raises what it expected and found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from difflib import get_close_matches

Value = int | float | bool


def whole(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least `least`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise ValueError(f'a whole number of at least {least}, found "{text}"')
        return value

    return read


def number(least: float, below: float) -> Callable[[str], float]:
    """Return a reader of numbers from `least` to below `below`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and least <= value < below):
            bounds = f" of at least {least:g}" if math.isfinite(least) else ""
            if bounds and math.isfinite(below):
                bounds = f" from {least:g} to below {below:g}"
            raise ValueError(f'a number{bounds}, found "{text}"')
        return value

    return read


def yes_or_no(text: str) -> bool:
    """Read yes, no, true, false, on, off, 1 or 0."""
    answers = {"yes": True, "true": True, "on": True, "1": True}
    answers |= {"no": False, "false": False, "off": False, "0": False}
    if text.lower() not in answers:
        raise ValueError(f'yes or no, found "{text}"')
    return answers[text.lower()]


Rows = tuple[tuple[float, ...], ...]


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader that accepts only the given words."""

    def read(text: str) -> str:
        if text not in choices:
            near = get_close_matches(text, choices, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise ValueError(f'one of {", ".join(choices)}, found "{text}"{hint}')
        return text

    return read


def real(
    least: float = -math.inf, most: float = math.inf, *, above: float | None = None
) -> Callable[[str], float]:
    """Return a reader of finite numbers within bounds; `above` itself is not allowed."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        fits = math.isfinite(value) and least <= value <= most and (above is None or value > above)
        if not fits:
            bounds = [f"above {above:g}"] if above is not None else []
            bounds += [f"at least {least:g}"] if math.isfinite(least) else []
            bounds += [f"at most {most:g}"] if math.isfinite(most) else []
            wanted = f"a number {' and '.join(bounds)}" if bounds else "a finite number"
            raise ValueError(f'{wanted}, found "{text}"')
        return value

    return read


def worker_choice(text: str) -> tuple[int | None, str]:
    """Read the number and the kind of workers: `auto`, `2`, `threads`, `2 threads`.

    Returns:
        Their number, None if it is left open, and `auto`, `threads` or `processes`.
    """
    words = text.split()
    kinds = [word for word in words if word in ("auto", "threads", "processes")]
    counts = [int(word) for word in words if re.fullmatch("[0-9]+", word) and int(word)]
    if not words or len(kinds) + len(counts) != len(words) or len(kinds) > 1 or len(counts) > 1:
        raise ValueError(
            f'auto, a number of workers, threads or processes (or "2 threads"), found "{text}"'
        )
    return (counts[0] if counts else None), (kinds[0] if kinds else "auto")


def workers(text: str) -> str:
    """Check a choice of workers."""
    worker_choice(text)
    return " ".join(text.split())


def numbers(text: str) -> tuple[float, ...]:
    """Read finite numbers, separated by blanks or commas."""
    return tuple(map(real(), text.replace(",", " ").split()))


def rows(text: str) -> Rows:
    """Read numbers: one row per line."""
    return tuple(map(numbers, text.splitlines()))


def shape(text: str) -> tuple[int, ...]:
    """Read the sizes of a sample such as `1 28 28`; nothing means a vector."""
    return tuple(whole(1)(word) for word in text.split())
