"""Read values of settings: each reader takes a text, or raises what it expected and found."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from bpnet.config.setting import ValueReader
from bpnet.errors import quoted

# Above what anyone wants, below what a machine cannot do.
LARGEST_SEED = 2**63 - 1
LARGEST_REAL = 1e100  # of rates and norms
LONGEST_NAME = 100  # characters, of a class
LONGEST_PATH = 4096  # characters, as in Linux
MOST_BATCHES = 100_000  # in a step
MOST_CLASSES = 10_000
MOST_DRAWN = 1_000_000  # digits
MOST_EPOCHS = 100_000
MOST_NUMBERS = 100_000  # in tables and starting weights together
MOST_SAMPLES = 10**9
MOST_SHARDS = 256
MOST_THREADS = 1024

NO_DIGIT = "no digit"  # class of what is none, after the ten digits
ARRAYS, ROWS = GIVEN = ("arrays", "scikit-learn")  # samples that a Python program gave
DATASETS = ("mnist", "fashion_mnist", "idx", "synthetic", "table")  # that need no import
DATASET_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # of an imported one: its folder's
COMMENT = re.compile(r"(^|\s)[;#]")  # as it begins in a config, where names must be readable

Value = int | float | bool


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None."""
    from difflib import get_close_matches  # only where a word is wrong

    near = get_close_matches(word, known, n=1) if len(word) < 100 else []
    return near[0] if near else None


def whole(least: int, most: int) -> ValueReader[int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        try:
            value = int(text)  # also refuses numbers of thousands of digits
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise ValueError(f"{reader.type} of {reader.bounds}, found {quoted(text)}")
        return value

    reader = ValueReader(read, "a whole number", least=least, most=most)
    return reader


def whole_or_zero(least: int, most: int) -> ValueReader[int]:
    """Return a reader of whole numbers from `least` to `most`, and of 0, which says otherwise."""
    above_zero = whole(least, most)

    def read(text: str) -> int:
        try:
            return 0 if text == "0" else above_zero(text)
        except ValueError as error:
            raise ValueError(f"0, or {error}") from None

    return ValueReader(read, above_zero.type, least=least, most=most, form="or 0")


def number(least: float, below: float) -> ValueReader[float]:
    """Return a reader of numbers from `least` to below `below`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and least <= value < below):
            bounds = f" of {reader.bounds}" if reader.bounds else ""
            if reader.least is not None and reader.below is not None:
                bounds = f" from {least:g} to below {below:g}"
            raise ValueError(f"{reader.type}{bounds}, found {quoted(text)}")
        return value

    reader = ValueReader(read, "a number", least=finite(least), below=finite(below))
    return reader


def finite(bound: float) -> float | None:
    """Return a bound, or None where there is none."""
    return bound if math.isfinite(bound) else None


def _yes_or_no(text: str) -> bool:
    answers = {"yes": True, "true": True, "on": True, "1": True}
    answers |= {"no": False, "false": False, "off": False, "0": False}
    if text.lower() not in answers:
        raise ValueError(f"yes or no, found {quoted(text)}")
    return answers[text.lower()]


yes_or_no = ValueReader(_yes_or_no, "yes or no", choices=("yes", "no"))

Rows = tuple[tuple[float, ...], ...]


def one_of(*choices: str) -> ValueReader[str]:
    """Return a reader that accepts only the given words."""

    def read(text: str) -> str:
        if text not in choices:
            near = nearest(text, choices)
            hint = f'; did you mean "{near}"?' if near else ""
            raise ValueError(f"one of {', '.join(choices)}, found {quoted(text)}{hint}")
        return text

    return ValueReader(read, "a word", choices=choices)


def real(
    least: float = -math.inf, most: float = math.inf, *, above: float | None = None
) -> ValueReader[float]:
    """Return a reader of finite numbers within bounds; `above` itself is not allowed."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        fits = math.isfinite(value) and least <= value <= most and (above is None or value > above)
        if not fits:
            bounds = reader.bounds
            wanted = f"{reader.type} {bounds}" if bounds else "a finite number"
            raise ValueError(f"{wanted}, found {quoted(text)}")
        return value

    reader = ValueReader(read, "a number", least=finite(least), most=finite(most), above=above)
    return reader


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


def _workers(text: str) -> str:
    worker_choice(text)
    return " ".join(text.split())


def numbers(text: str) -> tuple[float, ...]:
    """Read finite numbers, separated by blanks or commas."""
    return tuple(map(real(), text.replace(",", " ").split()))


def _rows(text: str) -> Rows:
    return tuple(map(numbers, text.splitlines()))


def _shape(text: str) -> tuple[int, ...]:
    words = text.split()
    if len(words) > 3:
        raise ValueError(f"at most 3 sizes, found {quoted(text)}")
    return tuple(whole(1, MOST_NUMBERS)(word) for word in words)


def _dataset_name(text: str) -> str:
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


def _path(text: str) -> str:
    if len(text) > LONGEST_PATH:
        raise ValueError(f"a path of at most {LONGEST_PATH} characters, found {quoted(text)}")
    return text


workers = ValueReader(
    _workers,
    "a number and a kind, or one of them",
    choices=("auto", "threads", "processes"),
    is_open=True,
    form=f'as in "2 threads", at most {MOST_THREADS:,} workers',
)
rows = ValueReader(_rows, "rows of numbers", form="one row per line")
shape = ValueReader(
    _shape, "whole numbers", form="at most 3, separated by blanks; nothing means a vector"
)
dataset_name = ValueReader(
    _dataset_name,
    "the name of a data set",
    choices=DATASETS,
    is_open=True,
    form="or an imported one",
)
path = ValueReader(_path, "a path", form=f"of at most {LONGEST_PATH:,} characters")
names = ValueReader(class_names, "names", form="separated by commas, or one per line")
