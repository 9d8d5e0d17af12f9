"""Answer one picture after the other, in plain values."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from bpnet.config.values import NO_DIGIT
from bpnet.data.reading.image import BLANK, DigitPicture, digit_in, digits_in
from bpnet.data.reading.picture import LONGEST_OF_ROWS, LONGEST_SIDE, Colours, open_picture
from bpnet.disk import FILE, what_is_at
from bpnet.model.checkpoint import demand_finite
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import LEAST_SURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from bpnet.model.model import Model

    Probabilities = NDArray[np.floating]

FEW = 8  # pictures of a digit for which the textbook's plain layers are fast enough
VIEWS_IN_DOUBT = 5  # of a digit of which the network is not sure
MOST = 64  # digits that the network is asked about at a time
NOT_SURE = "not sure"  # or NO_DIGIT: the reasons why there is no label
LEFT_OUT = "some ink was left out, as it looks like no digit"
DIVIDED = "digits that touch were divided"
DOUBTFUL = "it is doubtful which digits these are"
LEAST_DOUBTFUL = 0.9  # probability of the least sure digit below which that is said
LEAST_LEAD = 0.3  # likewise, over other ways to divide the ink, as −log p counts
UNSURE = "?"  # stands in a text for a digit without a label

Entry = dict[str, Any]
Found = tuple[DigitPicture, "Probabilities | None"]


class Wishes(NamedTuple):
    """Hold what the user wants to know of each picture.

    Args:
        segment: whether a picture may hold several digits.
        least: the probability below which an answer is not sure; None for what fits the network.
        top: how many of the most probable classes are told.
        rows: whether rows of an explanation are wanted.
    """

    segment: bool
    least: float | None
    top: int
    rows: bool


class Answer(NamedTuple):
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
        self._model = model
        self._path = path
        self._wishes = wishes
        self._views = views
        self._careful: Answers | None = None
        self._answers = Answers(Ensemble([model], views), most=MOST if wishes.segment else 1)

    def read(self, name: str, source: Path | BinaryIO | Colours) -> Answer:
        """Return the answer for a picture.

        Args:
            name: as the answer shows it.
            source: its file, or its colours (height, width, 3) of 0–1.

        Raises:
            DataError: it cannot be read.
            DivergedError: the network answers with numbers that are not finite.
        """
        picture = source
        if not isinstance(picture, np.ndarray):
            picture = open_picture(picture, LONGEST_OF_ROWS if self._divides else LONGEST_SIDE)
        rows, warnings = self._read(picture)
        entries = [[self._entry(*found) for found in row] for row in rows]
        drawn = []
        if self._wishes.rows:
            shown = str(source) if isinstance(source, Path) else name
            drawn = self._drawn(shown, chain(*rows), chain(*entries))
        answer = together(entries) if self._wishes.segment else entries[0][0]
        answer["warnings"] = [*answer["warnings"], *warnings]
        return Answer({"image": name} | answer, drawn)

    def _read(self, picture: Colours) -> tuple[list[list[Found]], list[str]]:
        """Return the digits of a picture, row by row, and what there is to warn of."""
        form, segment = self._model.preparation, self._wishes.segment
        if form is None:
            return [self._asked(digits_in(picture) if segment else [digit_in(picture)])], []
        from bpnet.model.preparation import made_from, prepare, whole  # earlier versions need none

        if not self._model.knows_others:
            return [self._asked(prepare(picture, form, segment=segment))], []
        if (one := whole(picture, form)) is not None:
            return [self._asked([one])], []
        from bpnet.model.digit_reader import DigitReader

        digits = len(self._model.class_names) - 1
        reader = DigitReader(
            self._ask, lambda digit: made_from(digit, form), digits, self._ask_again
        )
        if not segment:
            read = reader.read_one(picture)
            return [[(read.digit, read.probabilities)]], []
        rows = reader.read_rows(picture)
        found = [[(read.digit, read.probabilities) for read in row.digits] for row in rows]
        warnings = {
            LEFT_OUT: any(row.left_out for row in rows),
            DIVIDED: any(row.divided for row in rows),
            DOUBTFUL: any(row.least < LEAST_DOUBTFUL or row.lead < LEAST_LEAD for row in rows),
        }
        told = [warning for warning, is_due in warnings.items() if is_due]
        if any(found):
            return found, told
        nothing = DigitPicture(None, picture, np.zeros_like(picture[:, :, 0]))
        return [[(nothing, None)]], told or [BLANK]

    @property
    def _divides(self) -> bool:
        """Return whether the ink of a picture is divided into digits with the network's help."""
        return self._wishes.segment and self._model.knows_others

    def _asked(self, digits: Iterable[DigitPicture]) -> list[Found]:
        """Ask the network about each digit; there is no answer where there is none."""
        return [
            (digit, None if digit.pixels is None else self._ask(digit.pixels[None])[0])
            for digit in digits
        ]

    def _ask_again(self, pixels: NDArray[np.uint8]) -> Probabilities:
        """Return the class probabilities of one picture in several views, if there can be more."""
        from bpnet.data.distortion.warp import LARGEST_SIDE  # sure answers need none

        if self._views >= VIEWS_IN_DOUBT or max(pixels.shape) > LARGEST_SIDE:
            return self._ask(pixels)
        if self._careful is None:
            self._careful = Answers(Ensemble([self._model], VIEWS_IN_DOUBT), most=1)
        return self._asked_of(self._careful, pixels)

    def _ask(self, pixels: NDArray[np.uint8]) -> Probabilities:
        """Return the class probabilities (count, classes) of pictures (count, height, width)."""
        starts = range(0, len(pixels), MOST)
        parts = [self._asked_of(self._answers, pixels[start : start + MOST]) for start in starts]
        return np.concatenate(parts)

    def _asked_of(self, answers: Answers, pixels: NDArray[np.uint8]) -> Probabilities:
        """Return probabilities, if they are finite: a copy, which the next call leaves alone."""
        with np.errstate(all="ignore"):  # what overflows is refused
            found = answers.probabilities(pixels).copy()
        demand_finite(float(found.sum()), self._path)
        return found

    def _entry(self, digit: DigitPicture, probabilities: Probabilities | None) -> Entry:
        """Return the most probable class, or the reason why there is none, and the `top` ones."""
        top: list[Entry] = []
        if probabilities is not None:
            order = (-probabilities).argsort(kind="stable")[: self._wishes.top]
            top = [
                {"label": self._model.class_names[n], "probability": float(probabilities[n])}
                for n in order
            ]
        return verdict(top, self._model, self._wishes) | {"warnings": digit.warnings}

    def _drawn(self, name: str, found: Iterable[Found], entries: Iterable[Entry]) -> list[Image]:
        """Draw a row of an explanation for each digit."""
        from bpnet.report.explain import draw_row  # only an explanation needs it

        return [
            draw_row(
                digit, probabilities, self._model.class_names, [name, words(entry), *digit.warnings]
            )
            for (digit, probabilities), entry in zip(found, entries, strict=True)
        ]


def verdict(top: list[Entry], model: Model, wishes: Wishes) -> Entry:
    """Return the most probable class, or the reason why there is none, and the `top` ones.

    Args:
        top: labels and probabilities, the most probable first; none where nothing was found.
        model: the network.
        wishes: what is wanted.
    """
    answer: Entry = {"label": None, "probability": None, "reason": NO_DIGIT, "top": top}
    least = wishes.least
    if least is None:
        least = LEAST_SURE if model.knows_others else 0.0
    if not top or (top[0]["label"] == NO_DIGIT and model.knows_others):
        return answer
    if top[0]["probability"] < least:
        return answer | {"reason": NOT_SURE}
    return answer | {"reason": None} | top[0]


def source_of(picture: str) -> tuple[str, Path | BinaryIO]:
    """Return the name of a picture as answers show it, and where its bytes come from.

    Args:
        picture: a path or an address.

    Raises:
        DataError: it cannot be downloaded.
    """
    path = Path(picture)
    if what_is_at(path) == FILE:
        return str(path.absolute()), path
    from bpnet.data.reading.sources import download, is_address  # what reads files needs neither

    if is_address(picture):
        downloaded = download(picture)
        return downloaded.origin, downloaded
    return picture, path


def together(rows: Sequence[Sequence[Entry]]) -> Entry:
    """Return the answer for a picture of several digits, of which a blank picture has none."""
    digits = [kept for row in rows if (kept := [entry for entry in row if entry["top"]])]
    lines = ["".join(entry["label"] or UNSURE for entry in row) for row in digits]
    reasons = {entry["reason"] for row in digits for entry in row}
    is_read = any(entry["label"] for row in digits for entry in row)
    reason = NOT_SURE if reasons - {None} else None
    reason = reason if is_read or NOT_SURE in reasons else NO_DIGIT
    warnings = [warning for row in rows for entry in row for warning in entry.pop("warnings")]
    return {
        "text": "\n".join(lines),
        "reason": reason,
        "digits": [entry for row in digits for entry in row],
        "warnings": warnings,
    }


def words(entry: Entry) -> str:
    """Return an answer in words, without the file and the warnings."""
    if "text" in entry:
        return entry["text"].replace("\n", " / ") or "no digits"
    top = [f"{item['label']} {item['probability']:.1%}" for item in entry["top"]]
    if entry["reason"] == NO_DIGIT:
        return NO_DIGIT
    if entry["reason"] == NOT_SURE:
        return f"{NOT_SURE}  ({', '.join(top)})"
    others = f"  (then {', '.join(top[1:])})" if top[1:] else ""
    return f"{entry['label']}  {entry['probability']:.1%}{others}"
