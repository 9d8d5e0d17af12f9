"""Fit text into the width of the terminal."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

from bpnet.text_table import width_of

LEAST = 20  # columns: nobody reads on less


def terminal_width() -> int | None:
    """Return the columns of the terminal, or those that COLUMNS names; None for a file or pipe."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return max(LEAST, shutil.get_terminal_size().columns)
    return None


def fits(lines: Sequence[str]) -> bool:
    """Return whether lines are no longer than the terminal, if that is where they go."""
    width = terminal_width()
    return width is None or max(map(width_of, lines), default=0) <= width


def _broken(text: str, width: int, hang: str = "  ") -> list[str]:
    """Return a text in lines, those after the first indented further by `hang`."""
    indent = text[: len(text) - len(text.lstrip())] + hang
    lines = textwrap.wrap(
        text, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )
    return lines or [""]


def fitted_text(*lines: str) -> list[str]:
    """Return lines of prose, those that are too long for the terminal broken between words."""
    width = terminal_width()
    if width is None or fits(lines):
        return list(lines)
    return [part for line in lines for part in _broken(line, width)]
