"""Fit help pages into terminals that are narrower than click expects."""

import shutil
from collections.abc import Iterable
from textwrap import wrap

import click

TERM = 12  # columns of a term whose explanation stands beside it


class NarrowHelp(click.HelpFormatter):
    """Write a help page as wide as the terminal, long terms above their explanations."""

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(width=shutil.get_terminal_size().columns - 1)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is called; no word of it is broken."""
        text = f"{'Usage: ' if prefix is None else prefix}{prog} {args}"
        lines = wrap(
            text,
            self.width,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        self.write("".join(f"{line}\n" for line in lines))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = TERM, col_spacing: int = 2
    ) -> None:
        """Write terms and explanations; long terms stand above theirs."""
        for term, explanation in rows:
            if len(term) <= TERM:
                super().write_dl([(term.ljust(TERM), explanation)], TERM, col_spacing)
                continue
            self.write_text(term)
            with self.indentation():
                self.write_text(explanation)
