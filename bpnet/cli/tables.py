"""Show tables: plain text for files and pipes; on a terminal fitted to its width, by rich.

Where columns would be too narrow to read, each row has lines of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence

from bpnet.cli.narrow import fitted, terminal_width
from bpnet.cli.output import show, show_coloured
from bpnet.errors import escaped

GAP = "  "  # between columns
NARROW = 60  # columns of a terminal: on fewer, no table has room


def show_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = ()
) -> None:
    """Show rows below their headers.

    Args:
        headers: one per column.
        rows: as many cells each; whatever a terminal would obey in them is written out.
        right: the columns that are aligned to the right, counted from 0.
    """
    width = terminal_width()
    if is_terminal() and width is not None and width >= NARROW:
        show_coloured(*_drawn(headers, rows, right, width))
    else:
        show(*fitted(table_lines(headers, rows, right=right), headers, rows))


def table_lines(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = ()
) -> list[str]:
    """Return the lines of a table as plain text, as wide as they have to be."""
    cells = [[escaped(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        GAP.join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def is_terminal() -> bool:
    """Return whether standard output is a terminal that can do more than write text."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _drawn(
    headers: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int], width: int
) -> list[str]:
    """Return the lines of a table as wide as the terminal at most, with its header in bold.

    Cells become plain texts of rich after they are escaped, so nothing in them is markup, and the
    only sequences for the terminal are those that rich adds itself; with NO_COLOR it adds none.
    """
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, header in enumerate(headers):
        side = "right" if place in right else "left"
        table.add_column(Text(header), justify=side, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(escaped(cell)) for cell in row))
    has_colours = not os.environ.get("NO_COLOR")
    console = Console(
        width=width,
        force_terminal=True,
        color_system="standard" if has_colours else None,
        legacy_windows=False,
        file=io.StringIO(),
    )
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().rstrip("\n").split("\n")]
