"""Put the metrics of runs into tables that spreadsheets and pandas read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a line of names; numbers keep all digits, None leaves a cell empty.

    Args:
        columns: keys of the rows, in the order in which they stand.
        rows: of plain values; one that a row lacks counts as None.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(column) for column in columns] for row in rows)
    return text.getvalue()


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return all keys of some rows, in the order in which they first appear."""
    return list(dict.fromkeys(key for row in rows for key in row))


def metrics_csv(history: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each epoch of a run; nothing at all before the first."""
    return csv_text(columns_of(history), history) if history else ""
