"""Hold what was read in a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bpnet.errors import escaped
from bpnet.library.html import table
from bpnet.library.html import text as html_text
from bpnet.library.picture_reader import words


class Guess(NamedTuple):
    """Hold a class and its probability, 0–1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Digit:
    """Hold one digit of a picture.

    Args:
        label: its class; None where the network is not sure.
        probability: of the label; None likewise.
        reason: why there is no label: `not sure` or `no digit`.
        top: the most probable classes.
    """

    label: str | None
    probability: float | None
    reason: str | None
    top: tuple[Guess, ...]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Digit:
        """Return the digit that an answer in plain values describes."""
        top = tuple(Guess(one["label"], one["probability"]) for one in entry["top"])
        return cls(entry["label"], entry["probability"], entry["reason"], top)


@dataclass(frozen=True)
class Reading:
    """Hold what was read in a picture.

    Args:
        image: its path or address.
        text: the labels, a line for each row of digits; `?` where the network is not sure.
        reason: why there is no label, or not every one: `not sure` or `no digit`.
        digits: in order, row by row from left to right.
        warnings: what to mind about the answer.
        line: the answer in words.
    """

    image: str
    text: str
    reason: str | None
    digits: tuple[Digit, ...]
    warnings: tuple[str, ...]
    line: str = field(repr=False)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Reading:
        """Return the reading that an answer in plain values describes."""
        several = "text" in entry
        digits = tuple(map(Digit.of, entry["digits"] if several else [entry]))
        written = entry["text"] if several else entry["label"] or ""
        warnings = tuple(entry["warnings"])
        return cls(entry["image"], written, entry["reason"], digits, warnings, words(dict(entry)))

    @property
    def label(self) -> str | None:
        """Return the class of the only digit; None where there is none, or more than one."""
        return self.digits[0].label if len(self.digits) == 1 else None

    @property
    def probability(self) -> float | None:
        """Return the probability of `label`."""
        return self.digits[0].probability if len(self.digits) == 1 else None

    @property
    def top(self) -> tuple[Guess, ...]:
        """Return the most probable classes of the only digit."""
        return self.digits[0].top if len(self.digits) == 1 else ()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        lines = [f"{self.image}: {self.line}", *(f"warning: {one}" for one in self.warnings)]
        return "\n".join(map(escaped, lines))

    def _repr_html_(self) -> str:
        rows = [
            (
                digit.label or digit.reason or "",
                *(f"{one.label} {one.probability:.1%}" for one in digit.top),
            )
            for digit in self.digits
        ]
        most = max((len(row) - 1 for row in rows), default=0)
        headers = ("digit", *(f"{place}." for place in range(1, most + 1)))
        padded = [(*row, *[""] * (len(headers) - len(row))) for row in rows]
        return table(headers, padded) + "".join(f"<p>{html_text(one)}</p>" for one in self.warnings)
