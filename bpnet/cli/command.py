"""Give every command examples in its help, and advice where its words are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

WIDEST = 50  # columns of a command beside its explanation
LEAST_BESIDE = 20  # columns of an explanation beside its command


class ExtraWordsError(click.UsageError):
    """Report words for which a command has no use.

    Args:
        words: these.
        context: of the command.
    """

    def __init__(self, words: list[str], context: click.Context) -> None:
        many = "s" if len(words) > 1 else ""
        super().__init__(f"Got unexpected extra argument{many} ({' '.join(words)})", context)
        self.words = words


class UnknownCommandError(click.UsageError):
    """Report a word where a command should stand.

    Args:
        word: this.
        rest: the words that follow.
        context: of the group of commands.
    """

    def __init__(self, word: str, rest: list[str], context: click.Context) -> None:
        super().__init__(f"No such command '{word}'.", context)
        self.word, self.rest = word, rest


class MissingWordError(click.UsageError):
    """Report that a word is missing that may stand in several ways."""


class BpnetCommand(click.Command):
    """Show examples below the options of a command.

    Args:
        examples: commands that run as they stand, without `bpnet`, and what they are for;
            `PICTURE` stands for the path of a picture that ships with bpnet.
    """

    allow_extra_args = True  # parse_args refuses them

    def __init__(
        self, *arguments: Any, examples: Mapping[str, str] | None = None, **rest: Any
    ) -> None:
        super().__init__(*arguments, **rest)
        self.examples = dict(examples or {})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words behind the command.

        Raises:
            ExtraWordsError: there are more than it takes.
        """
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            raise ExtraWordsError(list(ctx.args), ctx)
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                lines = [(f"bpnet {line}", told) for line, told in self.shown_examples().items()]
                formatter.write_dl(lines, col_max=min(WIDEST, formatter.width - LEAST_BESIDE))

    def shown_examples(self) -> dict[str, str]:
        """Return the examples with the picture's path."""
        if not any("PICTURE" in line for line in self.examples):
            return self.examples
        from bpnet.cli.shell_words import quoted

        path = quoted(picture())
        return {line.replace("PICTURE", path): told for line, told in self.examples.items()}


class BpnetGroup(click.Group):
    """Hold commands, and advise where a word is none of them."""

    command_class = BpnetCommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called.

        Raises:
            UnknownCommandError: there is no such command.
        """
        word, *rest = args
        is_known = word.startswith("-") or self.get_command(ctx, word) is not None
        if not is_known and not ctx.resilient_parsing:
            raise UnknownCommandError(word, rest, ctx)
        return super().resolve_command(ctx, args)


def picture() -> str:
    """Return the path of a picture that ships with bpnet, from here where it lies below."""
    from pathlib import Path

    from bpnet.model.run_files import ASSETS

    path = ASSETS / "seven.jpg"
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return str(path)
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
