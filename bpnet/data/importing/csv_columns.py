"""Tell what the columns of a table of pictures hold."""

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bpnet.errors import DataError, shorten

SEPARATORS = (",", ";", "\t", " ")
LABEL = re.compile("label|labels|class|target|y|digit|letter", re.IGNORECASE)
IGNORED = re.compile("|id|index|unnamed: 0", re.IGNORECASE)  # numbers of lines
PLACE = re.compile(r"(\d+)x(\d+)")  # a pixel's row and column, as in `28x28`


@dataclass(frozen=True)
class Columns:
    """Describe the columns of a table.

    Args:
        separator: between two of them.
        count: how many there are.
        header: whether the first line names them.
        label: the number of the column that holds the labels; None if there is none.
        pixels: the numbers of the columns that hold pixels.
        size: height and width of a picture, if the names of the columns say so.
    """

    separator: str
    count: int
    header: bool
    label: int | None
    pixels: list[int]
    size: tuple[int, int] | None


def find_columns(lines: Sequence[str], path: Path) -> Columns:
    """Return what the columns hold, judged by the first lines of a table.

    Raises:
        DataError: there are no pixels in these lines.
    """
    if not lines:
        raise wrong(path, "an empty file")
    separator = max(SEPARATORS, key=lines[0].count)
    rows = [row for line in lines if (row := fields_of(line, separator))]
    header = bool(rows) and _are_names(rows[0])
    names = [name.strip() for name in rows[0]] if header else []
    rows = rows[header:]
    if not rows:
        raise wrong(path, "no line with pixels")
    if header and len(names) != len(rows[0]):
        raise wrong(path, f"{len(names)} names of columns, but {len(rows[0])} columns below them")
    dropped = {place for place, name in enumerate(names) if IGNORED.fullmatch(name)}
    columns = [place for place in range(len(rows[0])) if place not in dropped]
    label = _label_column(names, rows, columns)
    pixels = [place for place in columns if place != label]
    if not pixels:
        raise wrong(path, "no pixels")
    size = _size_by(names[pixels[-1]], len(pixels)) if pixels[-1] < len(names) else None
    return Columns(separator, len(rows[0]), header, label, pixels, size)


def is_open(columns: Columns, first: Sequence[str]) -> bool:
    """Return whether the first lines do not tell if the labels stand first or last.

    Each of them begins with the same number, which may be a label or the corner of a picture.
    """
    if columns.header or columns.label is None:
        return False
    starts = {fields_of(line, columns.separator)[0] for line in first}
    return len(starts) == 1 and is_number(starts.pop())


def settled(columns: Columns, lines: Iterable[str]) -> Columns:
    """Return the columns as all lines of a table show them, where the first ones left it open.

    A sorted table begins with many lines of one class. Its labels change once per class; the first
    or last pixel of a picture, if it ever changes, does so again and again.
    """
    places = (0, columns.count - 1)
    changes, seen = [-1, -1], (set[str](), set[str]())
    latest: list[str | None] = [None, None]
    for line in lines:
        row = fields_of(line, columns.separator)
        for end, place in enumerate(places):
            if place < len(row) and row[place] != latest[end]:
                changes[end] += 1
                latest[end] = row[place]
                seen[end].add(row[place])
    is_sorted = [1 <= changes[end] == len(seen[end]) - 1 for end in (0, 1)]
    label = places[1] if not is_sorted[0] and len(seen[1]) > 1 else 0
    pixels = [place for place in range(columns.count) if place != label]
    return replace(columns, label=label, pixels=pixels)


def _are_names(fields: Sequence[str]) -> bool:
    """Return whether a line holds the names of columns.

    A table that pandas read without names and wrote with them begins 5, 0, 0.1, 0.2 …
    """
    numbered = [f"0.{number}" for number in range(1, 4)]
    return sum(map(is_number, fields)) < len(fields) / 2 or numbered in (fields[1:4], fields[2:5])


def _label_column(
    names: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]
) -> int | None:
    """Return the column with the labels; None if pixels make up whole squares without it.

    It is the one of that name; where columns have no names, it is the first one, or the last one
    if the first is always the same, as the corner of a picture is.
    """
    named = [place for place, name in enumerate(names) if LABEL.fullmatch(name)]
    if named:
        return named[0]
    if math.isqrt(len(columns)) ** 2 == len(columns) and all(map(is_number, rows[0])):
        return None
    first, last = ({row[place] for row in rows if place < len(row)} for place in (0, -1))
    return len(rows[0]) - 1 if len(first) == 1 < len(last) else 0


def _size_by(name: str, pixels: int) -> tuple[int, int] | None:
    """Return height and width by the name of the last pixel, counted from 1 or from 0."""
    place = PLACE.fullmatch(name)
    if place is None:
        return None
    height, width = int(place[1]), int(place[2])
    return (height, width) if height * width == pixels else (height + 1, width + 1)


def fields_of(line: str, separator: str) -> list[str]:
    """Return what stands in the columns of a line; several blanks count as one."""
    if separator == " ":
        return line.split()
    return next(csv.reader([line], delimiter=separator), [])


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def wrong(path: Path, found: str) -> DataError:
    """Return the error that tells what is wrong with a table."""
    return DataError(
        "the table cannot be read",
        where=path,
        expected="a line for each picture, with its label and all its pixels",
        found=shorten(found, 200),
    )
