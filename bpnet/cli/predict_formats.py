"""Write the answers of `predict` for programs: as one JSON document, JSON lines or CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bpnet.cli.output import json_text, show
from bpnet.library.picture_reader import Wishes

Entry = dict[str, Any]
Write = Callable[[Entry], None]


ROWS = " / "  # stands between the rows of digits of a picture


@contextmanager
def one_document(rest: Mapping[str, object]) -> Iterator[Write]:
    """Write answers as the list `predictions` of one document, each as it comes.

    A document that was begun is finished whatever happens: what was answered can be read.

    Args:
        rest: the keys that follow the list.
    """
    empty = json_text({"predictions": [], **rest})
    pending: list[str] = []  # the last line of an answer, which a comma may follow

    def write(entry: Entry) -> None:
        *lines, last = [f"    {line}" for line in json_text(entry)]
        before = [f"{line}," for line in pending] or ["{", '  "predictions": [']
        show(*before, *lines)
        pending[:] = [last]

    def finish() -> None:
        show(*pending, "  ],", *empty[2:])

    try:
        yield write
    except BaseException:
        if pending:
            finish()
        raise
    if pending:
        finish()
    else:
        show(*empty)


@contextmanager
def json_lines() -> Iterator[Write]:
    """Write every answer as a JSON document in a line of its own."""
    yield lambda entry: show(*json_text(entry, indent=None))


@contextmanager
def comma_separated(wishes: Wishes) -> Iterator[Write]:
    """Write a line with the names of the columns, then every answer in a line."""
    columns = ["image", "label", "probability", "reason", "warnings"]
    for place in range(1, wishes.top + 1):
        columns += [f"label_{place}", f"probability_{place}"]
    if wishes.segment:
        columns = ["image", "text", "reason", "warnings"]
    show(csv_line(columns))

    def write(entry: Entry) -> None:
        values = {name: entry.get(name) for name in columns}
        values["warnings"] = "; ".join(entry["warnings"])
        if wishes.segment:
            values["text"] = entry["text"].replace("\n", ROWS)  # a line holds one picture
        for place, item in enumerate(entry.get("top", ()), start=1):
            values |= {f"{name}_{place}": value for name, value in item.items()}
        show(csv_line(list(values.values())))

    yield write


def csv_line(values: list[Any]) -> str:
    """Return values as a line of a CSV file; nothing stands for what does not apply."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
