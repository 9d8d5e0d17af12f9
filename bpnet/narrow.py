"""Fit tables and prose into pages that are narrower than they are."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

TIE = "\0"  # for a blank where no line is broken


def fits(lines: Sequence[str], width: int | None) -> bool:
    """Return whether lines are no longer than a page is wide; one of None takes any."""
    return width is None or max(map(len, lines), default=0) <= width


def fitted(
    lines: Sequence[str],
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None,
    names: int = 1,
) -> list[str]:
    """Return the lines of a table, or each row in its own lines where the page is too narrow.

    Args:
        lines: the table as it is laid out for a page that is wide enough.
        headings: of all fields.
        rows: all fields; empty ones are then left out.
        width: columns of the page; None for a file, which takes lines of any length.
        names: how many fields at the beginning name a row.
    """
    if width is None or fits(lines, width):
        return list(lines)
    stacked = []
    for row in rows:
        pairs = zip(headings[names:], row[names:], strict=True)
        named = [f"{heading} {field}".strip() for heading, field in pairs if field]
        stacked += _broken("  ".join(filter(None, row[:names])), width)
        stacked += _broken(f"  {', '.join(map(_tied, named))}", width, hang="")
    return [line.replace(TIE, " ") for line in stacked]


def _tied(text: str) -> str:
    """Return a text that is not broken between its words."""
    return text.replace(" ", TIE)


def _broken(text: str, width: int, hang: str = "  ") -> list[str]:
    """Return a text in lines, those after the first indented further by `hang`."""
    indent = text[: len(text) - len(text.lstrip())] + hang
    lines = textwrap.wrap(
        text, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    return lines or [""]


def fitted_text(lines: Sequence[str], width: int | None) -> list[str]:
    """Return lines of prose, those that are too long for the page broken between words."""
    if width is None or fits(lines, width):
        return list(lines)
    return [part for line in lines for part in _broken(line, width)]
