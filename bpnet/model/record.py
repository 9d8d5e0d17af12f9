"""Declare what a checkpoint's record may hold, and refuse everything else.

A record comes from a stranger. Its text is measured before it is parsed; afterwards every value
must be of the declared kind and within its bounds. Keys that are not declared are left alone:
nothing reads them.
"""

from __future__ import annotations

import json
import math
import operator
import reprlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

FORMAT = 1
LARGEST_TEXT = 32 << 20  # bytes: more than 100,000 epochs of history
MOST_VALUES = 1_500_000  # likewise; an empty list takes two bytes in a file and 56 in memory
LONGEST_CONFIG = 4 << 20  # letters: more than the longest that training accepts
LONGEST_PATH = 10_000  # letters
MOST_CLASSES = 10_000
MOST_INPUTS = 10**7  # numbers of a sample
LARGEST_COUNT = 10**15
LONGEST_RUN = 1e10  # seconds: three hundred years
LARGEST_NUMBER = sys.float_info.max
LEAST_CONTRAST = 0.5  # greys: half the step of a median
SHORT = reprlib.Repr()  # how wrong values are shown
SHORT.maxstring = 60


class RecordError(Exception):
    """Report what is wrong with a record.

    Args:
        what: what the record is not.
        expected: what would have been right.
        found: what was there instead.
        hint: what can be done.
    """

    def __init__(self, what: str, expected: str, found: str, hint: str | None = None) -> None:
        super().__init__(what)
        self.what, self.expected, self.found, self.hint = what, expected, found, hint


class Kind(NamedTuple):
    """Declare a kind of value.

    Args:
        expected: what it is, for messages.
        fits: whether a value is one.
        optional: whether its key may be missing.
    """

    expected: str
    fits: Callable[[Any], bool]
    optional: bool = False

    def or_missing(self) -> Kind:
        """Return the same kind, whose key may be missing."""
        return Kind(self.expected, self.fits, optional=True)

    def or_null(self) -> Kind:
        """Return this kind or null."""
        return Kind(f"{self.expected}, or null", lambda value: value is None or self.fits(value))


def whole(least: int, most: int = LARGEST_COUNT) -> Kind:
    """Declare a whole number within bounds."""
    return Kind(
        f"a whole number from {least} to {most}",
        lambda value: type(value) is int and least <= value <= most,
    )


def text(most: int, least: int = 0) -> Kind:
    """Declare a text that can be written as UTF-8, of bounded length."""

    def fits(value: Any) -> bool:
        if not isinstance(value, str) or not least <= len(value) <= most:
            return False
        return not any("\ud800" <= letter <= "\udfff" for letter in set(value))

    return Kind(f"a text of {least} to {most} letters", fits)


def several(kind: Kind, least: int, most: int) -> Kind:
    """Declare a list of values of one kind."""
    count = f"{least}" if least == most else f"{least} to {most}"
    return Kind(
        f"a list of {count} values, each {kind.expected}",
        lambda value: (
            isinstance(value, list) and least <= len(value) <= most and all(map(kind.fits, value))
        ),
    )


number = Kind(
    "a finite number",
    lambda value: type(value) in (int, float) and abs(value) <= LARGEST_NUMBER,
)
duration = Kind(
    f"seconds from 0 to {LONGEST_RUN:g}",
    lambda value: type(value) in (int, float) and 0 <= value <= LONGEST_RUN,
)
grey = Kind("a grey from 0 to 255", lambda value: type(value) in (int, float) and 0 <= value <= 255)
yes_or_no = Kind("true or false", lambda value: isinstance(value, bool))
an_object = Kind("an object", lambda value: isinstance(value, dict))

FINGERPRINT = text(100, least=1).or_null()
ORIGIN = Kind(
    'an object with the texts "checkpoint" and "sha256"',
    lambda value: (
        isinstance(value, dict)
        and value.keys() == {"checkpoint", "sha256"}
        and all(text(LONGEST_PATH).fits(part) for part in value.values())
    ),
)

NORMALIZATION = Kind(
    "a factor above 0 and an offset, neither beyond 1e30",
    lambda value: (
        several(number, 2, 2).fits(value) and 1e-30 <= value[0] <= 1e30 and abs(value[1]) <= 1e30
    ),
)
TEMPERATURE = Kind(
    "a number from 0.001 to 1000",
    lambda value: type(value) in (int, float) and 1e-3 <= value <= 1e3,
)

MISSING = object()
Keys = Mapping[str, Kind]

RECORD: Keys = {
    "format": whole(1),
    "config": text(LONGEST_CONFIG),
    "input_shape": several(whole(1, MOST_INPUTS), 1, 10),
    "outputs": whole(1, MOST_INPUTS),
    "normalization": NORMALIZATION,
    "class_names": several(text(100, least=1), 0, MOST_CLASSES),
    "temperature": TEMPERATURE.or_null().or_missing(),  # not in earlier versions
    "preparation": an_object.or_null().or_missing(),  # not in earlier checkpoints
    "progress": an_object.or_missing(),
    "fingerprint": FINGERPRINT.or_missing(),
    "started_from": ORIGIN.or_missing(),
}
PREPARATION: Keys = {
    "frame": several(whole(1, MOST_INPUTS), 2, 2),
    "paper": grey.or_null(),
    "ink": grey,
    "strokes": yes_or_no,
    "box": several(whole(1, MOST_INPUTS), 2, 2),
    "centre": several(number, 2, 2),
    "by_mass": yes_or_no,
    "orientation": several(yes_or_no, 3, 3),
    "bounds": several(several(number, 2, 2), 0, 6),
    "keeps_aspect": yes_or_no.or_missing(),  # not in earlier checkpoints
}


def read_record(content: bytes) -> dict[str, Any]:
    """Return the record that a JSON text holds.

    Raises:
        RecordError: it is too large, not JSON, or not a record of bpnet.
    """
    what = "the checkpoint's record is not one of bpnet"
    check_size(content)
    try:
        record = json.loads(content.decode(), parse_constant=_refuse)
    except ValueError:  # numbers of thousands of digits and NaN included
        raise RecordError(what, "a JSON object", "text that is not JSON") from None
    except RecursionError:
        raise RecordError(what, "a JSON object", "values nested too deeply") from None
    if not isinstance(record, dict):
        raise RecordError(what, "a JSON object", SHORT.repr(record))
    check_record(record)
    return record


def check_size(content: bytes) -> None:
    """Make sure that a record's JSON text is no larger than what is read again.

    Raises:
        RecordError: it takes too many bytes or holds too many values.
    """
    what = "the checkpoint's record is too large"
    if len(content) > LARGEST_TEXT:
        raise RecordError(what, f"at most {LARGEST_TEXT} bytes", f"{len(content)} bytes")
    values = sum(map(content.count, (b",", b"[", b"{")))
    if values > MOST_VALUES:
        raise RecordError(what, f"at most {MOST_VALUES} values", f"as many as {values}")


def check_record(record: dict[str, Any]) -> None:
    """Make sure that a record is one that this program understands.

    Raises:
        RecordError: a value is missing, of another kind, or contradicts another.
    """
    demand_kinds(record, {"format": RECORD["format"]}, "")
    if record["format"] > FORMAT:
        raise RecordError(
            "the checkpoint was written by a newer bpnet",
            f"format {FORMAT} or older",
            f"format {record['format']}",
            "update bpnet",
        )
    demand_kinds(record, RECORD, "")
    numbers = math.prod(record["input_shape"])
    if numbers > MOST_INPUTS:
        refuse_value("input_shape", f"at most {MOST_INPUTS} numbers in all", numbers)
    names = record["class_names"]
    if len(names) not in (0, record["outputs"]):
        expected = f"none, or one for each of the {record['outputs']} outputs"
        refuse_value("class_names", expected, len(names))
    if len(set(names)) < len(names):
        refuse_value("class_names", "no name twice", names)
    if record.get("preparation") is not None:
        _check_preparation(record["preparation"], record["input_shape"])
    if "progress" in record:
        from bpnet.model.progress_record import check_progress  # shipped weights have none

        check_progress(record["progress"])
        demand_kinds(record, {"fingerprint": FINGERPRINT}, "")


def _check_preparation(preparation: dict[str, Any], input_shape: list[int]) -> None:
    """Make sure that training pictures can have looked like this."""
    demand_kinds(preparation, PREPARATION, "preparation.")
    frame, box, paper = (preparation[key] for key in ("frame", "box", "paper"))
    if [1, *frame] != input_shape:
        refuse_value("preparation.frame", f"that of inputs of shape {input_shape}", frame)
    if any(map(operator.gt, box, frame)):
        refuse_value("preparation.box", f"one that fits into {frame}", box)
    if paper is not None and abs(paper - preparation["ink"]) < LEAST_CONTRAST:
        expected = f"a grey other than the paper's {paper}"
        refuse_value("preparation.ink", expected, preparation["ink"])
    if len(preparation["bounds"]) != (0 if paper is None else 6):
        expected = "6 pairs, or none if there is no paper"
        refuse_value("preparation.bounds", expected, preparation["bounds"])


def demand_kinds(values: dict[str, Any], keys: Keys, prefix: str) -> None:
    """Make sure that every key is there and its value of the declared kind.

    Raises:
        RecordError: one is not; it is called by its name after `prefix`.
    """
    for key, kind in keys.items():
        if key not in values:
            if not kind.optional:
                refuse_value(f"{prefix}{key}", kind.expected, MISSING)
        elif not kind.fits(values[key]):
            refuse_value(f"{prefix}{key}", kind.expected, values[key])


def refuse_value(key: str, expected: str, found: object) -> NoReturn:
    """Refuse a record because of one of its values."""
    what = f"the checkpoint's record has no usable {key}"
    raise RecordError(what, expected, "nothing" if found is MISSING else SHORT.repr(found))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
