"""Write the answers of `predict` for programs: as one JSON document, JSON lines or CSV."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bpnet.bulk.lines import csv_columns, csv_line, csv_values, json_line
from bpnet.cli.output import json_text, show
from bpnet.library.picture_reader import Wishes

Entry = dict[str, Any]
Write = Callable[[Entry], None]


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
    yield lambda entry: show(json_line(entry))


@contextmanager
def comma_separated(wishes: Wishes) -> Iterator[Write]:
    """Write a line with the names of the columns, then every answer in a line."""
    columns = csv_columns(wishes)
    show(csv_line(columns))
    yield lambda entry: show(csv_line(csv_values(entry, columns)))
