"""Show tables as aligned text."""

from collections.abc import Collection, Sequence

from bpnet.cli.output import show


def show_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = ()
) -> None:
    """Write rows below their headers, each column as wide as its widest cell.

    Args:
        headers: one per column.
        rows: cells.
        right: columns, counted from 0, whose cells stand to the right.
    """
    table = [headers, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(headers))]
    for row in table:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        show("  ".join(cells).rstrip())
