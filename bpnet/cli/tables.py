"""Show tables: plain text for files and pipes; on a terminal in its width, drawn by rich."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from typing import Any

from bpnet.cli.narrow import fits, fitted_text, terminal_width
from bpnet.cli.output import show, show_coloured, shown
from bpnet.text_table import Table, plain_lines, width_of

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


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
    """Return a table as columns of these widths."""
    import io

    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    style = "bold" if bold else ""
    columns = RichTable(box=None, pad_edge=False, padding=0, header_style=style)
    for place, (header, width) in enumerate(zip(table.headers, widths, strict=True)):
        if place:
            columns.add_column(width=gap)
        side: Any = "right" if place in table.right else "left"
        columns.add_column(Text(header), justify=side, width=width)  # no markup in brackets
    for row in table.rows:
        cells = [part for cell in row for part in ("", Text(cell))]  # each behind a gap
        columns.add_row(*cells[1:])
    console = Console(
        file=io.StringIO(),
        width=sum(widths) + gap * (len(widths) - 1),
        force_terminal=True,
        color_system="standard" if bold else None,
        legacy_windows=False,
    )
    with console.capture() as captured:
        console.print(columns)
    return [line.rstrip() for line in captured.get().rstrip("\n").split("\n")]


def _paragraphs(table: Table, width: int, bold: bool) -> list[str]:
    """Return each row as a paragraph: its first cell, and below it the others, named."""
    from textwrap import wrap

    headers = [header.replace("\n", " ") for header in table.headers]
    lines: list[str] = []
    for row in table.rows:
        title = wrap(row[0], width) or [""]
        lines += [f"{BOLD}{line}{PLAIN}" if bold else line for line in title]
        for header, cell in zip(headers[1:], row[1:], strict=True):
            if cell:
                text = f"{header}: {cell}" if header else cell
                lines += wrap(text, width, initial_indent="  ", subsequent_indent="    ")
    return lines
