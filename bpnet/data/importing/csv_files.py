"""Read tables of pictures: a line per picture, its label and its pixels, as text."""

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.files.disk import disk_errors
from bpnet.data.files.idx import GZIP_MAGIC
from bpnet.data.importing.found import MOST_BYTES, Found, Labelled, Wanted
from bpnet.data.importing.labels import to_labels
from bpnet.data.importing.named_arrays import TRAIN, part_of, with_parts
from bpnet.data.importing.pixels import to_pictures
from bpnet.errors import DataError, quoted, shorten

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".tra", ".tes")
SEPARATORS = (",", ";", "\t", " ")
LABEL = re.compile("label|labels|class|target|y|digit|letter", re.IGNORECASE)
IGNORED = re.compile("|id|index|unnamed: 0", re.IGNORECASE)  # numbers of lines
PLACE = re.compile(r"(\d+)x(\d+)")  # a pixel's row and column, as in `28x28`
LONGEST_LINE = 1 << 24  # characters
MOST_LINES = 10_000_000
MAX_RATIO = 100  # of a large table to its gzip; that of MNIST is 8
LARGE = 1 << 24  # characters; below it, any ratio will do
LINES = 4096  # read at a time


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


@dataclass(frozen=True)
class Table:
    """Hold the content of a table: pixels (lines, columns), and labels (lines,) if it has them."""

    pixels: NDArray[Any]
    labels: NDArray[Any] | None
    size: tuple[int, int] | None


def read_csv(files: Sequence[Path], wanted: Wanted) -> Found:
    """Return the samples in tables, of which the names say which one is the test.

    Raises:
        DataError: a file is damaged, or there are no labels to train with.
    """
    where = files[0] if len(files) == 1 else files[0].parent
    tables = {part_of(path.name) or TRAIN: read_table(path) for path in files}
    notes = [
        f"the {part} table has no labels and was left out"
        for part, table in tables.items()
        if part != TRAIN and table.labels is None
    ]
    pairs = {part: table for part, table in tables.items() if table.labels is not None}
    if TRAIN not in pairs:
        raise DataError(
            "the table has no labels" if TRAIN in tables else "there is no table to train on",
            where=where,
            expected="a column called label, or a label before or after the pixels of each line",
            found=f"{tables[TRAIN].pixels.shape[1]} columns" if TRAIN in tables else list(tables),
        )
    size = wanted.size or pairs[TRAIN].size
    images, note = to_pictures([table.pixels for table in pairs.values()], size, where)
    samples = {
        part: Labelled(pictures, to_labels(np.asarray(table.labels), where))
        for (part, table), pictures in zip(pairs.items(), images, strict=True)
    }
    return with_parts(samples, [*notes, *([note] if note else [])])


def read_table(path: Path) -> Table:
    """Return the pixels and labels of one table.

    Raises:
        DataError: the file cannot be read, or a line of it does not fit.
    """
    with disk_errors("read the file", path), _opened(path) as file:
        lines = _lines(file, path)
        first = list(islice(lines, 50))
        columns = find_columns(first, path)
        if columns.header:
            del first[0]
        blocks, labels, start = [], [], 1 + columns.header
        rest = _chained(first, lines)
        while block := list(islice(rest, LINES)):
            blocks.append(_read_block(block, columns, start, path))
            if columns.label is not None:
                labels.append(_column(block, columns, columns.label))
            start += len(block)
            if (start - 1) * len(columns.pixels) > MOST_BYTES:
                raise _wrong(path, f"more than {MOST_BYTES >> 20:,} million pixels")
    if not blocks:
        raise _wrong(path, "no line with pixels")
    return Table(np.concatenate(blocks), _as_numbers(labels) if labels else None, columns.size)


def find_columns(lines: Sequence[str], path: Path) -> Columns:
    """Return what the columns hold, judged by the first lines of a table.

    Raises:
        DataError: there are no pixels in these lines.
    """
    if not lines:
        raise _wrong(path, "an empty file")
    separator = max(SEPARATORS, key=lines[0].count)
    rows = [row for line in lines if (row := _fields(line, separator))]
    header = bool(rows) and _are_names(rows[0])
    names = [name.strip() for name in rows[0]] if header else []
    rows = rows[header:]
    if not rows:
        raise _wrong(path, "no line with pixels")
    dropped = {place for place, name in enumerate(names) if IGNORED.fullmatch(name)}
    columns = [place for place in range(len(rows[0])) if place not in dropped]
    label = _label_column(names, rows, columns)
    pixels = [place for place in columns if place != label]
    if not pixels:
        raise _wrong(path, "no pixels")
    size = _size_by(names[pixels[-1]], len(pixels)) if pixels[-1] < len(names) else None
    return Columns(separator, len(rows[0]), header, label, pixels, size)


def _are_names(fields: Sequence[str]) -> bool:
    """Return whether a line holds the names of columns.

    A table that pandas read without names and wrote with them begins 5, 0, 0.1, 0.2 …
    """
    numbered = [f"0.{number}" for number in range(1, 4)]
    return sum(map(_is_number, fields)) < len(fields) / 2 or numbered in (fields[1:4], fields[2:5])


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
    if math.isqrt(len(columns)) ** 2 == len(columns) and all(map(_is_number, rows[0])):
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


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """Open a table as text, unpacked if it is gzipped."""
    try:
        with path.open("rb") as raw:
            packed = raw.peek(2)[:2] == GZIP_MAGIC
            opener: Any = gzip.open if packed else open
            with opener(path, "rt", encoding="utf-8-sig", errors="replace", newline=None) as file:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _wrong(path, f"a gzip file that is damaged or cut short: {error}") from error
    except csv.Error as error:
        raise _wrong(path, str(error)) from error


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    """Yield the lines in which something stands; neither they nor the file may be endless."""
    longest = max(LARGE, MAX_RATIO * path.stat().st_size)
    characters = 0
    for _ in range(MOST_LINES):
        line = file.readline(LONGEST_LINE)
        characters += len(line)
        if len(line) == LONGEST_LINE:
            raise _wrong(path, f"a line of more than {LONGEST_LINE:,} characters")
        if characters > longest:
            raise _wrong(path, f"more than {longest:,} characters, far more than its gzip")
        if not line:
            return
        if line.strip():
            yield line
    raise _wrong(path, f"more than {MOST_LINES:,} lines")


def _chained(first: Sequence[str], rest: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from rest


def _fields(line: str, separator: str) -> list[str]:
    """Return what stands in the columns of a line; several blanks count as one."""
    if separator == " ":
        return line.split()
    return next(csv.reader([line], delimiter=separator), [])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _read_block(lines: Sequence[str], columns: Columns, start: int, path: Path) -> NDArray[Any]:
    """Return the pixels (lines, columns) of some lines, in bytes where that is what they are."""
    try:
        block = np.loadtxt(
            lines,
            dtype=np.float32,
            delimiter=None if columns.separator == " " else columns.separator,
            usecols=columns.pixels,
            comments=None,
            quotechar='"',
            ndmin=2,
        )
    except ValueError as error:
        for number, line in enumerate(lines, start=start):
            _check_line(_fields(line, columns.separator), columns, number, path)
        raise _wrong(path, str(error)) from error
    is_bytes = block.min() >= 0 and block.max() <= 255 and (block == np.rint(block)).all()
    return block.astype(np.uint8) if is_bytes else block


def _check_line(fields: Sequence[str], columns: Columns, number: int, path: Path) -> None:
    """Raise the error that tells what is wrong with a line, if anything is."""
    if len(fields) != columns.count:
        found = f"{len(fields)} columns in line {number}, but {columns.count} in the first one"
        raise _wrong(path, found)
    for column in columns.pixels:
        if not _is_number(fields[column]):
            found = f"{quoted(fields[column])} in line {number}, column {column + 1}"
            raise _wrong(path, found)


def _column(lines: Sequence[str], columns: Columns, column: int) -> list[str]:
    """Return the texts in one column."""
    return [_fields(line, columns.separator)[column].strip() for line in lines]


def _as_numbers(blocks: Sequence[list[str]]) -> NDArray[Any]:
    """Return labels as whole numbers if all of them are, else as texts."""
    texts = [text for block in blocks for text in block]
    try:
        numbers = np.array(texts, dtype=np.float64)
    except ValueError:
        return np.array(texts)
    is_whole = np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
    return numbers if is_whole else np.array(texts)


def _wrong(path: Path, found: str) -> DataError:
    return DataError(
        "the table cannot be read",
        where=path,
        expected="a line for each picture, with its label and all its pixels",
        found=shorten(found, 200),
    )
