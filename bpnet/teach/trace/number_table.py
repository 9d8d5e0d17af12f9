"""Tables whose cells hold rows of numbers, aligned, and never wider than a page.

`bpnet/text_table.py` has the plain ones, with one text in a cell.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bpnet.text_table import GAP, flush_left, flush_right, width_of

NARROWEST = 16  # columns of a formula that is broken over several lines


def paragraph(text: str, width: int, indent: int = 0, hang: int = 2) -> list[str]:
    """Break a text into lines; those after the first are indented further by `hang`."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
    )


@dataclass(frozen=True)
class Cell:
    """Hold what stands in one field of a table: rows of numbers, each with a label.

    Args:
        rows: label and numbers, as text; a row without numbers is a line of words.
    """

    rows: tuple[tuple[str, tuple[str, ...]], ...]

    def written(self, write: Callable[[str], str]) -> Cell:
        """Return the cell with every text as `write` spells it."""
        return Cell(tuple((write(name), tuple(map(write, row))) for name, row in self.rows))

    @property
    def is_words(self) -> bool:
        """Return whether it holds no number."""
        return not any(numbers for _, numbers in self.rows)

    def lines(self) -> list[str]:
        """Return the rows, labels to the left and numbers aligned."""
        return aligned([self])[0]

    def within(self, width: int) -> list[str]:
        """Return the rows broken so that they fit: some columns of all rows, then the next."""
        whole = self.lines()
        if all(width_of(line) <= width for line in whole):
            return whole
        label = max((width_of(name) for name, numbers in self.rows if numbers), default=0)
        widest = max((width_of(text) for _, numbers in self.rows for text in numbers), default=1)
        each = max(1, (width - label) // (widest + len(GAP)))
        longest = max(len(numbers) for _, numbers in self.rows)
        starts = range(0, longest, each)
        parts = [
            Cell(tuple((name, row[start : start + each]) for name, row in self.rows))
            for start in starts
        ]
        lines = whole
        if len(self.rows) == 1 and parts:
            lines = Cell(tuple(part.rows[0] for part in parts)).lines()
        elif len(parts) > 1:
            lines = []
            for start, part in zip(starts, parts, strict=True):
                heading = f"columns {start + 1}–{min(start + each, longest)}"
                lines += [heading, *part.lines()]
        return [piece for line in lines for piece in paragraph(line, width)]


def aligned(cells: Sequence[Cell]) -> list[list[str]]:
    """Return the lines of cells that stand below each other: the n-th numbers of all align."""
    rows = [row for cell in cells for row in cell.rows if row[1]]
    label = max((width_of(name) for name, _ in rows), default=0)
    label += len(GAP) if label else 0
    sizes = [
        max(width_of(numbers[place]) for _, numbers in rows if place < len(numbers))
        for place in range(max((len(numbers) for _, numbers in rows), default=0))
    ]
    return [[_line(name, numbers, label, sizes) for name, numbers in cell.rows] for cell in cells]


def _line(name: str, numbers: Sequence[str], label: int, sizes: Sequence[int]) -> str:
    if not numbers:
        return name
    return flush_left(name, label) + GAP.join(map(flush_right, numbers, sizes))


@dataclass(frozen=True)
class Row:
    """Hold one row of a table: words that stay on one line, and cells of numbers."""

    title: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class NumberTable:
    """Hold rows below their headings.

    Args:
        titles: headings of the words.
        cells: headings of the numbers.
        rows: as many words and cells each.
    """

    titles: tuple[str, ...]
    cells: tuple[str, ...]
    rows: tuple[Row, ...]

    def written(self, write: Callable[[str], str]) -> NumberTable:
        """Return the table with every text as `write` spells it, before it is measured."""
        rows = (
            Row(tuple(map(write, row.title)), tuple(cell.written(write) for cell in row.cells))
            for row in self.rows
        )
        titles, cells = (tuple(map(write, names)) for names in (self.titles, self.cells))
        return NumberTable(titles, cells, tuple(rows))

    def lines(self, width: int) -> list[str]:
        """Return the table: words and numbers side by side if they fit, else below each other.

        The last title, a formula, may be broken over several lines. Headings always come first.
        """
        blocks = self._blocks()
        titles = [
            max(map(width_of, [heading, *(row.title[place] for row in self.rows)]))
            for place, heading in enumerate(self.titles)
        ]
        cells = [width_of(lines[0]) for lines in blocks[0]]
        room = width - sum(titles[:-1] + cells) - len(GAP) * len(titles + cells)
        if min(titles[-1], max(NARROWEST, self._longest_word())) <= room:
            return list(self._side_by_side(blocks, [*titles[:-1], min(titles[-1], room)]))
        fits = sum(cells) + len(GAP) * len(cells) <= width
        if fits and not (len(cells) == 1 and self._sums_up()):
            return list(self._under_titles(blocks, width))
        return list(self._stacked(width))

    def _longest_word(self) -> int:
        """Return the columns of what cannot be broken in the last title."""
        texts = [self.titles[-1], *(row.title[-1] for row in self.rows)]
        return max(width_of(word) for text in texts for word in [*text.split(), ""])

    def _sums_up(self) -> bool:
        """Return whether words stand in for numbers, which would look like one more title."""
        return any(cell.is_words for row in self.rows for cell in row.cells)

    def _blocks(self) -> list[list[list[str]]]:
        """Return the lines of every cell, headings first; all of a column are equally wide."""
        blocks = []
        for place, heading in enumerate(self.cells):
            cells = aligned([row.cells[place] for row in self.rows])
            own = max(width_of(line) for lines in cells for line in lines)
            width = max(width_of(heading), own)
            column = [
                [flush_right(flush_left(line, own), width) for line in lines] for lines in cells
            ]
            blocks.append([[flush_right(heading, width)], *column])
        return [list(row) for row in zip(*blocks, strict=True)]

    def _side_by_side(self, blocks: list[list[list[str]]], widths: list[int]) -> Iterator[str]:
        titles = [self.titles, *(row.title for row in self.rows)]
        for title, cells in zip(titles, blocks, strict=True):
            *words, last = map(flush_left, title, widths)
            broken = paragraph(title[-1], widths[-1]) if width_of(last) > widths[-1] else [last]
            words_of = [[word] for word in words]
            formula = [flush_left(line, widths[-1]) for line in broken]
            for parts in _beside([*words_of, formula, *cells]):
                yield _join(parts)

    def _under_titles(self, blocks: list[list[list[str]]], width: int) -> Iterator[str]:
        headings, *cells_of = blocks
        yield _join(self.titles)
        yield from map(_join, _beside(headings))
        for row, cells in zip(self.rows, cells_of, strict=True):
            yield from paragraph(_title(row), width, len(GAP))
            yield from map(_join, _beside(cells))

    def _stacked(self, width: int) -> Iterator[str]:
        yield _join(self.titles)
        if len(self.cells) == 1:  # several stand beside their numbers
            yield GAP * 2 + self.cells[0]
        for row in self.rows:
            yield from paragraph(_title(row), width, len(GAP))
            for heading, cell in zip(self.cells, row.cells, strict=True):
                lines = cell.within(width - 3 * len(GAP))
                if len(self.cells) == 1:
                    yield from (GAP * 2 + line for line in lines)
                    continue
                together = f"{GAP * 2}{heading}{GAP}{lines[0].strip()}"
                if len(lines) == 1 and width_of(together) <= width:
                    yield together
                else:
                    yield f"{GAP * 2}{heading}"
                    yield from (GAP * 3 + line for line in lines)


def _title(row: Row) -> str:
    return GAP.join(filter(None, row.title))


def _join(parts: Sequence[str]) -> str:
    return (GAP + GAP.join(parts)).rstrip()


def _beside(cells: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Yield the lines of cells that stand side by side."""
    blanks = [" " * width_of(lines[0]) for lines in cells]
    for line in range(max(map(len, cells))):
        pairs = zip(cells, blanks, strict=True)
        yield [lines[line] if line < len(lines) else blank for lines, blank in pairs]
