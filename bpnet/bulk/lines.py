"""Write answers as lines: JSON, or values that commas separate."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from bpnet.errors import DataError, escaped

if TYPE_CHECKING:
    from bpnet.library.picture_reader import Wishes

JSONL, CSV = "jsonl", "csv"
ROWS = " / "  # stands between the rows of digits of a picture
HEAD_BEGINS = b"image,"  # in every table, and in no line of JSON
UNREADABLE = "unreadable"  # the reason why a picture has no answer at all
_TOLD = f'"reason": "{UNREADABLE}"'.encode()  # no text holds it: its quotes would be escaped

Entry = dict[str, Any]


class Lines:
    """Write each answer as one line of a file.

    Args:
        form: `jsonl` or `csv`.
        wishes: what is told of each picture.
    """

    def __init__(self, form: str, wishes: Wishes) -> None:
        self.form = form
        self.segment = wishes.segment
        self.columns = [*csv_columns(wishes), "error"]

    @property
    def head(self) -> bytes:
        """Return the line before all others, if there is one."""
        return _encoded(csv_line(self.columns)) if self.form == CSV else b""

    def line(self, entry: Entry) -> bytes:
        """Return the line of an answer."""
        if self.form == JSONL:
            return _encoded(json_line(entry))
        return _encoded(csv_line(csv_values(entry, self.columns)))

    def unreadable(self, error: DataError) -> bytes:
        """Return the line of a picture that cannot be read."""
        entry: Entry = {"image": str(error.parts["where"])}
        if self.segment:
            entry |= {"text": "", "reason": UNREADABLE, "digits": []}
        else:
            entry |= {"label": None, "probability": None, "reason": UNREADABLE, "top": []}
        return self.line(entry | {"warnings": [], "error": in_words(error)})

    def tells_unreadable(self, line: bytes) -> bool:
        """Return whether a line is that of a picture that could not be read."""
        if self.form == JSONL:
            return _TOLD in line
        if UNREADABLE.encode() not in line:
            return False
        (values,) = csv.reader([line.decode(errors="replace")])
        return values[self.columns.index("reason")] == UNREADABLE


def in_words(error: DataError) -> str:
    """Return why a picture cannot be read."""
    found = error.parts["found"]
    return error.what + (f" ({found})" if found else "")


def json_line(entry: Entry) -> str:
    r"""Return an answer as JSON, in ASCII: all else is written as `\u` and a number."""
    return json.dumps(entry, allow_nan=False).replace("\x7f", "\\u007f")


def csv_columns(wishes: Wishes) -> list[str]:
    """Return the names of the columns."""
    if wishes.segment:
        return ["image", "text", "reason", "warnings"]
    columns = ["image", "label", "probability", "reason", "warnings"]
    for place in range(1, wishes.top + 1):
        columns += [f"label_{place}", f"probability_{place}"]
    return columns


def csv_values(entry: Entry, columns: list[str]) -> list[Any]:
    """Return the values of an answer; None for what does not apply."""
    values = {name: entry.get(name) for name in columns}
    values["warnings"] = "; ".join(entry["warnings"])
    if "text" in entry:
        values["text"] = entry["text"].replace("\n", ROWS)  # a line holds one picture
    for place, item in enumerate(entry.get("top", ()), start=1):
        values |= {f"{name}_{place}": value for name, value in item.items()}
    return list(values.values())


def csv_line(values: list[Any]) -> str:
    """Return values as a line of a CSV file; nothing stands for what does not apply."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _encoded(line: str) -> bytes:
    r"""Return a line as it lies in a file; what would begin another one is written as `\n`."""
    return f"{escaped(line)}\n".encode()
