"""Read values of settings: each reader takes a text, or raises what it expected and found."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable

from bpnet.errors import quoted

# Above what anyone wants, below what a machine cannot do.
LARGEST_SEED = 2**63 - 1
LARGEST_REAL = 1e100  # of rates and norms
LONGEST_NAME = 100  # characters, of a class
LONGEST_PATH = 4096  # characters, as in Linux
MOST_CLASSES = 10_000
MOST_DRAWN = 1_000_000  # digits
MOST_EPOCHS = 100_000
MOST_NUMBERS = 100_000  # in tables and starting weights together
MOST_SAMPLES = 10**9
MOST_SHARDS = 256
MOST_THREADS = 1024

NO_DIGIT = "no digit"  # class of what is none, after the ten digits
DATASETS = ("mnist", "fashion_mnist", "idx", "synthetic", "table")  # that need no import
DATASET_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # of an imported one: its folder's
COMMENT = re.compile(r"(^|\s)[;#]")  # as it begins in a config, where names must be readable

Value = int | float | bool


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None."""
    from difflib import get_close_matches  # only where a word is wrong

    near = get_close_matches(word, known, n=1) if len(word) < 100 else []
    return near[0] if near else None


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        try:
            value = int(text)  # also refuses numbers of thousands of digits
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            bounds = f"of at least {least} and at most {most:,}"
            raise ValueError(f"a whole number {bounds}, found {quoted(text)}")
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
            raise ValueError(f"a number{bounds}, found {quoted(text)}")
        return value

    return read


def yes_or_no(text: str) -> bool:
    """Read yes, no, true, false, on, off, 1 or 0."""
    answers = {"yes": True, "true": True, "on": True, "1": True}
    answers |= {"no": False, "false": False, "off": False, "0": False}
    if text.lower() not in answers:
        raise ValueError(f"yes or no, found {quoted(text)}")
    return answers[text.lower()]


Rows = tuple[tuple[float, ...], ...]


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader that accepts only the given words."""

    def read(text: str) -> str:
        if text not in choices:
            near = nearest(text, choices)
            hint = f'; did you mean "{near}"?' if near else ""
            raise ValueError(f"one of {', '.join(choices)}, found {quoted(text)}{hint}")
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
            raise ValueError(f"{wanted}, found {quoted(text)}")
        return value

    return read


def worker_choice(text: str) -> tuple[int | None, str]:
    """Read the number and the kind of workers: `auto`, `2`, `threads`, `2 threads`.

    Returns:
        Their number, None if it is left open, and `auto`, `threads` or `processes`.
    """
    words = text.split()
    kinds = [word for word in words if word in ("auto", "threads", "processes")]
    counts = [int(word) for word in words if re.fullmatch("0*[1-9][0-9]{0,3}", word)]
    counts = [count for count in counts if count <= MOST_THREADS]
    if not words or len(kinds) + len(counts) != len(words) or len(kinds) > 1 or len(counts) > 1:
        raise ValueError(
            'auto, a number of workers, threads or processes (or "2 threads"), '
            f"at most {MOST_THREADS} of them, found {quoted(text)}"
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
    words = text.split()
    if len(words) > 3:
        raise ValueError(f"at most 3 sizes, found {quoted(text)}")
    return tuple(whole(1, MOST_NUMBERS)(word) for word in words)


def dataset_name(text: str) -> str:
    """Read the name of a data set that bpnet knows, or of one that may have been imported."""
    if not DATASET_NAME.fullmatch(text):
        known = f"one of {', '.join(DATASETS)}, or the name of an imported data set"
        raise ValueError(f"{known}: at most 64 letters, digits and . _ -, found {quoted(text)}")
    return text


def class_names(text: str, separator: str = ",") -> tuple[str, ...]:
    """Read different names, separated by commas; or one per line, and then a comma is a letter."""
    lines = text.splitlines()
    words = lines if len(lines) > 1 or separator == "\n" else text.split(separator)
    names = tuple(word.strip() for word in words) if text else ()
    for name in names:
        if not 1 <= len(name) <= LONGEST_NAME or COMMENT.search(name):
            wanted = f"names of 1 to {LONGEST_NAME} characters, none with a blank before ; or #"
            raise ValueError(f"{wanted}, found {quoted(name)} in {quoted(text)}")
    if len(names) > MOST_CLASSES:
        raise ValueError(f"at most {MOST_CLASSES:,} names, found {len(names):,}")
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(f"different names, found {quoted(twice)} twice in {quoted(text)}")
    return names


def path(text: str) -> str:
    """Read the path of a file or directory."""
    if len(text) > LONGEST_PATH:
        raise ValueError(f"a path of at most {LONGEST_PATH} characters, found {quoted(text)}")
    return text
