"""Read tables of pictures: a line per picture, its label and its pixels, as text."""

import csv
import gzip
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
from bpnet.data.importing.csv_columns import (
    Columns,
    fields_of,
    find_columns,
    is_number,
    is_open,
    settled,
    wrong,
)
from bpnet.data.importing.found import MOST_BYTES, Found, Labelled, Wanted
from bpnet.data.importing.labels import to_labels
from bpnet.data.importing.named_arrays import TRAIN, demand_one_each, part_of, with_parts
from bpnet.data.importing.pixels import to_pictures
from bpnet.errors import DataError, quoted

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".tra", ".tes")
LONGEST_LINE = 1 << 24  # characters
MOST_LINES = 10_000_000
MAX_RATIO = 100  # of a large table to its gzip; that of MNIST is 8
LARGE = 1 << 24  # characters; below it, any ratio will do
LINES = 4096  # read at a time


@dataclass(frozen=True)
class Table:
    """Hold the content of a table: pixels (lines, pixels), and labels (lines,) if it has them."""

    pixels: NDArray[Any]
    labels: NDArray[Any] | None
    columns: Columns


def read_csv(files: Sequence[Path], wanted: Wanted) -> Found:
    """Return the samples in tables, of which the names say which one is the test.

    Raises:
        DataError: a file is damaged, or there are no labels to train with.
    """
    where = files[0] if len(files) == 1 else files[0].parent
    demand_one_each([(part_of(path.name) or TRAIN, path.name) for path in files], where)
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
    notes += [
        f"the columns of the {part} table have no names: the last one was taken for the labels"
        for part, table in pairs.items()
        if not table.columns.header and table.columns.label
    ]
    size = wanted.size or pairs[TRAIN].columns.size
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
    with disk_errors("read the file", path):
        with _opened(path) as file:
            first = list(islice(_lines(file, path), 50))
        columns = find_columns(first, path)
        if is_open(columns, first):
            with _opened(path) as file:
                columns = settled(columns, _lines(file, path))
        with _opened(path) as file:
            pixels, labels = _read_lines(_lines(file, path), columns, path)
    return Table(pixels, _as_numbers(labels) if labels else None, columns)


def _read_lines(
    lines: Iterator[str], columns: Columns, path: Path
) -> tuple[NDArray[Any], list[str]]:
    """Return the pixels (lines, columns) of all lines, and their labels as texts."""
    start = 1 + columns.header
    rest = islice(lines, columns.header, None)
    blocks, labels = [], []
    while block := list(islice(rest, LINES)):
        labels += _read_labels(block, columns, start, path)
        blocks.append(_read_block(block, columns, start, path))
        start += len(block)
        if (start - 1) * len(columns.pixels) > MOST_BYTES:
            raise wrong(path, f"more than {MOST_BYTES >> 20:,} million pixels")
    return np.concatenate(blocks), labels


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
        raise wrong(path, f"a gzip file that is damaged or cut short: {error}") from error
    except csv.Error as error:
        raise wrong(path, str(error)) from error


def _lines(file: IO[str], path: Path) -> Iterator[str]:
    """Yield the lines in which something stands; neither they nor the file may be endless."""
    longest = max(LARGE, MAX_RATIO * path.stat().st_size)
    characters = 0
    for _ in range(MOST_LINES):
        line = file.readline(LONGEST_LINE)
        characters += len(line)
        if len(line) == LONGEST_LINE:
            raise wrong(path, f"a line of more than {LONGEST_LINE:,} characters")
        if characters > longest:
            raise wrong(path, f"more than {longest:,} characters, far more than its gzip")
        if not line:
            return
        if line.strip():
            yield line
    raise wrong(path, f"more than {MOST_LINES:,} lines")


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
        _check_pixels(lines, columns, start, path)
        raise wrong(path, str(error)) from error
    if not np.isfinite(block).all():
        _check_pixels(lines, columns, start, path)
    is_bytes = block.min() >= 0 and block.max() <= 255 and (block == np.rint(block)).all()
    return block.astype(np.uint8) if is_bytes else block


def _check_pixels(lines: Sequence[str], columns: Columns, start: int, path: Path) -> None:
    """Raise the error that tells in which line a pixel is no number, if there is one."""
    for number, line in enumerate(lines, start=start):
        fields = fields_of(line, columns.separator)
        for column in columns.pixels:
            if not is_number(fields[column]):
                found = f"{quoted(fields[column])} in line {number}, column {column + 1}"
                raise wrong(path, found)


def _read_labels(lines: Sequence[str], columns: Columns, start: int, path: Path) -> list[str]:
    """Return the labels of some lines, each of which has as many columns as the first."""
    labels = []
    for number, line in enumerate(lines, start=start):
        fields = fields_of(line, columns.separator)
        if len(fields) != columns.count:
            found = f"{len(fields)} columns in line {number}, but {columns.count} in the first one"
            raise wrong(path, found)
        if columns.label is not None:
            labels.append(fields[columns.label].strip())
            if not labels[-1]:
                raise wrong(path, f"no label in line {number}")
    return labels


def _as_numbers(texts: Sequence[str]) -> NDArray[Any]:
    """Return labels as whole numbers if all of them are, else as texts."""
    try:
        numbers = np.array(texts, dtype=np.float64)
    except ValueError:
        return np.array(texts)
    is_whole = np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()
    return numbers if is_whole else np.array(texts)
