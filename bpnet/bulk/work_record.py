"""Know the work that an unfinished file of answers belongs to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bpnet.disk import reason
from bpnet.errors import ConfigError, DataError
from bpnet.version import __version__

ANEW = "--overwrite begins anew; or choose another --output"
WORDS = {  # how messages call what may differ
    "pictures": "the number of pictures",
    "names": "the SHA-256 of the pictures' names",
    "checkpoint": "the SHA-256 of the checkpoint",
    "form": "the form",
    "views": "--views",
    "top": "--top",
    "segment": "--segment",
    "min_probability": "--min-probability",
    "version": "bpnet's version",
}
LONGEST = 16  # characters of a value in a message: enough of a SHA-256


@dataclass(frozen=True)
class WorkRecord:
    """Hold what answers depend on, and so what must be the same for them to go on.

    Args:
        pictures: how many there are.
        names: SHA-256 of their names, in order.
        checkpoint: SHA-256 of the weights and of the record beside them.
        form: of the lines.
        views: how many views of a picture are averaged.
        top: how many of the most probable classes are told.
        segment: whether a picture may hold several digits.
        min_probability: below which an answer is not sure.
        version: of the bpnet that answers.
    """

    pictures: int
    names: str
    checkpoint: str
    form: str
    views: int
    top: int
    segment: bool
    min_probability: float | None
    version: str = __version__

    def text(self) -> str:
        """Return the record as it lies beside the answers."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def differences(self, path: Path) -> list[str]:
        """Return what differs from the work that was begun, in words.

        Args:
            path: of its record.

        Raises:
            DataError: nobody can tell.
        """
        there, here = _read(path), asdict(self)
        return [
            f"{words} is {_short(there.get(key))} there, but {_short(here[key])} now"
            for key, words in WORDS.items()
            if key not in there or there[key] != here[key]
        ]

    def demand_same(self, path: Path) -> None:
        """Make sure that the answers that were begun are those that are wanted.

        Args:
            path: of their record.

        Raises:
            ConfigError: they are others.
            DataError: nobody can tell.
        """
        if details := self.differences(path):
            raise ConfigError(
                "these answers were begun with other pictures, weights or options",
                details=details,
                where=path.with_suffix(""),
                hint=ANEW,
            )


def _read(path: Path) -> dict[str, Any]:
    """Return what a record says.

    Raises:
        DataError: there is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            "an unfinished file is in the way, and nothing tells which answers it holds",
            where=path.with_suffix(""),
            expected=f"a record of its pictures and options in {path.name}",
            found=reason(error),
            hint=ANEW,
        ) from error
    if not isinstance(found, dict):
        found = {}
    return found


def _short(value: object) -> str:
    """Return a value as a message shows it."""
    text = "not set" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
