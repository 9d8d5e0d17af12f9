"""Answer one picture after the other, in plain values, and write the answers as text."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from bpnet.cli.output import note, show
from bpnet.data.reading.image import DigitPicture, read_digit, read_digits
from bpnet.disk import FILE, what_is_at
from bpnet.errors import DataError
from bpnet.model.checkpoint import demand_finite
from bpnet.model.ensemble import Answers, Ensemble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from bpnet.model.model import Model

STANDARD_INPUT = "-"
NO_DIGIT, NOT_SURE = "no digit", "not sure"  # the reasons why there is no label
UNSURE = "?"  # stands in a text for a digit without a label

Entry = dict[str, Any]


@dataclass(frozen=True)
class Wishes:
    """Hold what the user wants to know of each picture.

    Args:
        segment: whether a picture may hold several digits.
        least: the probability below which an answer is not sure.
        top: how many of the most probable classes are told.
        rows: whether rows of an explanation are wanted.
    """

    segment: bool
    least: float
    top: int
    rows: bool


@dataclass(frozen=True)
class Answer:
    """Hold the answer for one picture.

    Args:
        entry: in plain values, as JSON shows it.
        rows: of the explanation, one per digit.
    """

    entry: Entry
    rows: list[Image]


class PictureReader:
    """Read one picture after the other with a network.

    Args:
        model: the network.
        path: where its checkpoint lies, for messages.
        views: how many views of a digit are averaged.
        wishes: what is wanted of each picture.
    """

    def __init__(self, model: Model, path: Path, views: int, wishes: Wishes) -> None:
        self._class_names = model.class_names
        self._path = path
        self._wishes = wishes
        self._find = digit_finder(segment=wishes.segment)
        self._answers = Answers(Ensemble([model], views), most=1)

    def __call__(self, picture: str | DataError) -> Answer | DataError:
        """Return the answer for a picture, or why it cannot be read.

        Args:
            picture: its path or address, or a dash; or what is wrong with its name.

        Raises:
            DivergedError: the network answers with numbers that are not finite.
        """
        if isinstance(picture, DataError):
            return picture
        try:
            name, source = opened(picture)
            digits = self._find(source)
        except DataError as error:
            return error
        probabilities = [self._probabilities(digit) for digit in digits]
        entries = [
            entry_of(found, self._class_names, self._wishes) | {"warnings": digit.warnings}
            for digit, found in zip(digits, probabilities, strict=True)
        ]
        given = picture if isinstance(source, Path) else name
        rows = self._rows(given, digits, probabilities, entries) if self._wishes.rows else []
        if self._wishes.segment:
            return Answer({"image": name} | together(entries), rows)
        return Answer({"image": name} | entries[0], rows)

    def _probabilities(self, digit: DigitPicture) -> NDArray[np.floating] | None:
        """Ask the network about a digit; there is no answer where there is none."""
        if digit.pixels is None:
            return None
        with np.errstate(all="ignore"):  # what overflows is refused afterwards
            answer: NDArray[np.floating] = self._answers.probabilities(digit.pixels[None])[0]
        demand_finite(float(answer.sum()), self._path)
        return answer

    def _rows(
        self,
        name: str,
        digits: Sequence[DigitPicture],
        probabilities: Sequence[NDArray[np.floating] | None],
        entries: Sequence[Entry],
    ) -> list[Image]:
        from bpnet.report.explain import draw_row  # only an explanation needs it

        return [
            draw_row(digit, found, self._class_names, [name, answer_text(entry), *digit.warnings])
            for digit, found, entry in zip(digits, probabilities, entries, strict=True)
        ]


def digit_finder(*, segment: bool) -> Callable[[Path | BinaryIO], list[DigitPicture]]:
    """Return what finds the digits of a picture file: one, or with `segment` all."""
    return read_digits if segment else lambda source: [read_digit(source)]


def opened(picture: str) -> tuple[str, Path | BinaryIO]:
    """Return the name of a picture as answers show it, and where its bytes come from.

    Raises:
        DataError: it cannot be downloaded.
    """
    if picture == STANDARD_INPUT:  # it is None where it is closed, as it may be in a service
        return picture, sys.stdin.buffer if sys.stdin else BytesIO()
    path = Path(picture)
    if what_is_at(path) == FILE:
        return str(path.absolute()), path
    from bpnet.data.reading.sources import download, is_address  # what reads files needs neither

    if is_address(picture):
        downloaded = download(picture)
        return downloaded.origin, downloaded
    return picture, path


def entry_of(
    probabilities: NDArray[np.floating] | None, class_names: Sequence[str], wishes: Wishes
) -> Entry:
    """Return the most probable class, or the reason why there is none, and the `top` ones."""
    if probabilities is None:
        return {"label": None, "probability": None, "reason": NO_DIGIT, "top": []}
    order = (-probabilities).argsort(kind="stable")[: wishes.top]
    top = [
        {"label": class_names[place], "probability": float(probabilities[place])} for place in order
    ]
    if top[0]["probability"] < wishes.least:
        return {"label": None, "probability": None, "reason": NOT_SURE, "top": top}
    return top[0] | {"reason": None, "top": top}


def together(entries: Sequence[Entry]) -> Entry:
    """Return the answer for a picture of several digits, of which a blank picture has none."""
    digits = [
        {key: value for key, value in entry.items() if key != "warnings"}
        for entry in entries
        if entry["top"]
    ]
    reasons = [digit["reason"] for digit in digits if digit["reason"]]
    return {
        "text": "".join(digit["label"] or UNSURE for digit in digits),
        "reason": NO_DIGIT if not digits else next(iter(reasons), None),
        "digits": digits,
        "warnings": [warning for entry in entries for warning in entry["warnings"]],
    }


def answer_text(entry: Entry) -> str:
    """Return an answer in words, without the file and the warnings."""
    if "text" in entry:
        return entry["text"] or "no digits"
    top = [f"{item['label']} {item['probability']:.1%}" for item in entry["top"]]
    if entry["reason"] == NO_DIGIT:
        return NO_DIGIT
    if entry["reason"] == NOT_SURE:
        return f"{NOT_SURE}  ({', '.join(top)})"
    others = f"  (then {', '.join(top[1:])})" if top[1:] else ""
    return f"{entry['label']}  {entry['probability']:.1%}{others}"


def tell(entry: Entry) -> None:
    """Write the answer for one picture in a line, and its warnings to standard error."""
    show(f"{entry['image']}: {answer_text(entry)}")
    for warning in entry["warnings"]:
        note(f"{entry['image']}: {warning}")
