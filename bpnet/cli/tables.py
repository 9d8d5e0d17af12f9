"""Show tables: plain text for files and pipes; on a terminal in its width, headers in bold."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from itertools import zip_longest

import click

from bpnet.cli.narrow import fits, fitted_text, terminal_width
from bpnet.cli.output import show, show_coloured, shown
from bpnet.text_table import Table, aligned, plain_lines, width_of


def show_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    spare: Sequence[int] = (),
) -> None:
    """Show rows below their headers.

    Args:
        headers: one per column.
        rows: as many cells each; whatever a terminal would obey in them is written out.
        right: the columns that are aligned to the right, counted from 0.
        spare: the columns that may be left out where there is no room for all of them.
    """
    show_parts(Table(headers, rows, right, spare=spare))


def show_parts(*parts: str | Table) -> None:
    """Show lines of text, and tables between them, no wider than the terminal."""
    width = terminal_width()
    for part in parts:
        if isinstance(part, Table):
            part = part.written(shown)
        lines = plain_lines(part)
        if isinstance(part, Table) and width and (is_terminal() or not fits(lines)):
            has_bold = is_terminal() and not os.environ.get("NO_COLOR")
            show_coloured(*drawn(part, width, bold=has_bold))
        else:
            show(*fitted_text(*lines))


def is_terminal() -> bool:
    """Return whether standard output is a terminal that can do more than write text."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def drawn(table: Table, width: int, *, bold: bool) -> list[str]:
    """Return the lines of a table for a terminal.

    Columns become narrower where their cells have blanks. Where that is not enough, those that can
    be spared are left out, and named below. Where even that is not enough, each row becomes a
    paragraph, since a number that is broken cannot be read, or the table says itself what is shown
    instead.

    Args:
        table: what a terminal would obey in it is written out before anything is added to it, so
            the only sequences for the terminal are those that make headers bold.
        width: columns of the terminal.
        bold: whether there are such sequences.
    """
    table = table.written()
    for count in range(len(table.spare) + 1):
        left_out = table.spare[:count]
        part = table.without(left_out)
        for gap in (2, 1):
            widths = _widths(part, width - gap * (len(part.headers) - 1))
            if widths is not None:
                names = ", ".join(table.headers[place] for place in sorted(left_out))
                below = fitted_text("", f"no room for: {names}") if names else []
                return _columns(part, widths, gap, bold) + below
    return fitted_text(*table.instead) if table.instead else _paragraphs(table, width, bold)


def _widths(table: Table, room: int) -> list[int] | None:
    """Return the widths of the columns, or None where they do not fit.

    The widest column that can becomes narrower, until all fit.
    """
    narrowest = [_narrowest(table, place) for place in range(len(table.headers))]
    if sum(narrowest) > room:
        return None
    lines = [[*header.split("\n")] for header in table.headers]
    widths = [
        max(map(width_of, [*header, *(row[place] for row in table.rows)]))
        for place, header in enumerate(lines)
    ]
    while sum(widths) > room:
        wide = [place for place, width in enumerate(widths) if width > narrowest[place]]
        widths[max(wide, key=lambda place: widths[place])] -= 1
    return widths


def _narrowest(table: Table, place: int) -> int:
    """Return how narrow a column may become: its longest number, or its longest word."""
    words = table.headers[place].split()
    for row in table.rows:
        words += [row[place]] if place in table.right else row[place].split()
    return max(map(width_of, words), default=0)


def _columns(table: Table, widths: Sequence[int], gap: int, bold: bool) -> list[str]:
    """Return a table as columns of these widths, whose cells are folded between words."""
    head, *rows = (
        [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
        for row in (table.headers, *table.rows)
    )
    height = max(map(len, head))
    titles = zip(*([""] * (height - len(lines)) + lines for lines in head), strict=True)

    def line(cells: Sequence[str]) -> str:
        return (" " * gap).join(aligned(cells, widths, table.right)).rstrip()

    return [
        *(click.style(line(title), bold=True) if bold else line(title) for title in titles),
        *(line(cells) for row in rows for cells in zip_longest(*row, fillvalue="")),
    ]


def _folded(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` columns, if no word is longer than that."""
    lines = []
    for whole in text.split("\n"):
        lines.append("")
        for word in whole.split(" "):
            joined = f"{lines[-1]} {word}" if lines[-1] else word
            if width_of(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(word)
    return lines


def _paragraphs(table: Table, width: int, bold: bool) -> list[str]:
    """Return each row as a paragraph: its first cell, and below it the others, named."""
    from textwrap import wrap

    headers = [header.replace("\n", " ") for header in table.headers]
    lines: list[str] = []
    for row in table.rows:
        title = wrap(row[0], width) or [""]
        lines += [click.style(line, bold=True) if bold else line for line in title]
        for header, cell in zip(headers[1:], row[1:], strict=True):
            if cell:
                text = f"{header}: {cell}" if header else cell
                lines += wrap(text, width, initial_indent="  ", subsequent_indent="    ")
    return lines
