"""Tables as plain text, as wide as they have to be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from bpnet.errors import escaped

GAP = "  "  # between columns


def width_of(text: str) -> int:
    """Return the columns of a text on a terminal: two for each Chinese character, for example."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(sign) else 1 + (east_asian_width(sign) in "WF") for sign in text)


@dataclass(frozen=True)
class Table:
    """Hold a table among lines of text.

    Args:
        headers: one per column; a line break divides one into lines.
        rows: as many cells each.
        right: the columns that are aligned to the right, counted from 0.
        least: widths that columns have at least in plain text.
        instead: lines that say the same where there is no room for columns.
        spare: columns that may be left out where there is no room for all, the first of them first.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Collection[int] = ()
    least: Sequence[int] = ()
    instead: Sequence[str] = ()
    spare: Sequence[int] = ()

    def written(self, write: Callable[[str], str] = escaped) -> Table:
        """Return the same table with each line of its cells as it is written.

        By default, what a terminal would obey in it is written out.
        """
        headers = ["\n".join(map(write, header.split("\n"))) for header in self.headers]
        rows = [list(map(write, row)) for row in self.rows]
        return replace(self, headers=headers, rows=rows, instead=list(map(write, self.instead)))

    def without(self, left_out: Collection[int]) -> Table:
        """Return the same table without some columns."""
        kept = [place for place in range(len(self.headers)) if place not in left_out]
        return Table(
            [self.headers[place] for place in kept],
            [[row[place] for place in kept] for row in self.rows],
            [number for number, place in enumerate(kept) if place in self.right],
        )

    def lines(self) -> list[str]:
        """Return the lines of the table; what a terminal would obey in it is written out."""
        table = self.written()
        above = [header.split("\n") for header in table.headers]
        height = max(map(len, above))
        titles = zip(*([""] * (height - len(lines)) + lines for lines in above), strict=True)
        rows = [*titles, *table.rows]
        least = table.least or [0] * len(above)
        widths = [
            max(wanted, *map(width_of, column))
            for wanted, column in zip(least, zip(*rows, strict=True), strict=True)
        ]
        return [GAP.join(aligned(row, widths, table.right)).rstrip() for row in rows]


def plain_lines(*parts: str | Table) -> list[str]:
    """Return the lines of texts and tables."""
    lines: list[str] = []
    for part in parts:
        lines += part.lines() if isinstance(part, Table) else [part]
    return lines


def aligned(row: Sequence[str], widths: Sequence[int], right: Collection[int]) -> list[str]:
    """Return the cells of a row, each as wide as its column."""
    return [
        (flush_right if place in right else flush_left)(cell, width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def flush_left(text: str, width: int) -> str:
    """Pad a text with blanks on the right."""
    return text + " " * (width - width_of(text))


def flush_right(text: str, width: int) -> str:
    """Pad a text with blanks on the left."""
    return " " * (width - width_of(text)) + text
