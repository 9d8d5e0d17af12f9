"""Suggest what to type when the words of a command are wrong."""

from __future__ import annotations

import shlex

import click

from bpnet.cli.command import (
    BpnetCommand,
    BpnetGroup,
    ExtraWordsError,
    MissingWordError,
    UnknownCommandError,
)
from bpnet.cli.kinds import DATASET, OPTION_TAKES, PRESET, TAKES, fitting_command, kind_of
from bpnet.cli.options import PathType, command_line
from bpnet.cli.other_commands import OTHER_COMMANDS, OTHER_SUBCOMMANDS
from bpnet.library.opening import SHIPPED

BOUNDS = (click.IntRange, click.FloatRange)


def usage_lines(error: click.ClickException, arguments: list[str]) -> list[str]:
    """Return the lines that tell what is wrong with the words of a command, and what to type.

    Args:
        error: what click found.
        arguments: the words behind `bpnet`.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.message.split("\n")  # the help itself
    lines = [f"Error: {wording(error, arguments)}"]
    told = advice(error, arguments)
    lines += [f"  try: {told}"] if told else []
    context = getattr(error, "ctx", None) or context_of(arguments)
    path = context.command_path
    usage = context.get_usage().split("\n")  # more than one line where the terminal is narrow
    return [*usage, f"Try '{path} --help' for help.", "", *lines]


def wording(error: click.ClickException, arguments: list[str]) -> str:
    """Return what is wrong in a sentence; numbers are asked for as a person would."""
    if isinstance(error, click.NoSuchOption):
        return f"No such option '{typed_option(error, arguments)}'."
    kind = error.param.type if isinstance(error, click.BadParameter) and error.param else None
    if isinstance(kind, BOUNDS) and error.message.startswith(("'", '"', "-", *"0123456789")):
        found = error.message.partition(" is not ")[0].strip("'")
        return f"{_named(error)} takes {in_words(kind)}, found '{found}'."
    return " ".join(error.format_message().split())  # click puts each choice on a line


def in_words(kind: click.IntRange | click.FloatRange) -> str:
    """Return what numbers an option takes."""
    words = ["a whole number" if isinstance(kind, click.IntRange) else "a number"]
    bounds = {"at least": kind.min, "at most": kind.max}
    told = [f"{word} {bound:,}" for word, bound in bounds.items() if bound is not None]
    return " of ".join(filter(None, [*words, " and ".join(told)]))


def _named(error: click.ClickException) -> str:
    """Return the option or argument that an error is about, as it is typed."""
    param = getattr(error, "param", None)
    if isinstance(param, click.Option):
        return f"'{max(param.opts, key=len)}'"
    return "this" if param is None else f"'{param.make_metavar(error.ctx)}'"  # type: ignore[attr-defined]


def advice(error: click.ClickException, arguments: list[str]) -> str | None:
    """Return what to type instead, or None where nobody knows."""
    if isinstance(error, UnknownCommandError):
        return command_for(error)
    if isinstance(error, ExtraWordsError):
        return place_of(error, arguments)
    if isinstance(error, click.NoSuchOption):
        return option_for(error, arguments)
    context = getattr(error, "ctx", None) or context_of(arguments)
    if isinstance(error, click.MissingParameter) and is_output(arguments[-1], context.command):
        return f"-o {arguments[-1]}"
    if isinstance(error, click.MissingParameter | MissingWordError):
        return first_example(context)
    if isinstance(error, click.exceptions.BadOptionUsage):
        return usage_of(error.option_name, context)
    param = getattr(error, "param", None)
    if isinstance(error, click.BadParameter) and isinstance(param, click.Parameter):
        return value_for(param, error.message)
    return None


def command_for(error: UnknownCommandError) -> str | None:
    """Return the command that was probably meant by an unknown word."""
    from bpnet.config.values import nearest

    word, rest = error.word, error.rest
    group = error.ctx.command if error.ctx else None
    names = group.list_commands(error.ctx) if isinstance(group, BpnetGroup) and error.ctx else []
    before = [] if error.ctx is None or error.ctx.parent is None else [error.ctx.info_name or ""]
    if not before and (kind := kind_of(word)) is not None:
        return f"{command_line(*fitting_command(kind, word, ''), *rest)} (this is {kind})"
    if not before and word in OTHER_COMMANDS:
        return command_line(*OTHER_COMMANDS[word].split(), *rest)
    others = OTHER_SUBCOMMANDS.get(before[0], {}) if before else {}
    near = others.get(word) or nearest(word, names)
    return None if near is None else command_line(*before, near, *rest)


def place_of(error: ExtraWordsError, arguments: list[str]) -> str | None:
    """Return where a word belongs for which a command has no use, or the command without it."""
    from bpnet.config.other_names import meant_by

    context = error.ctx
    if context is None:
        return None
    options = options_of(context.command)
    word = error.words[0]
    name, equals, value = word.partition("=")
    if "--set" in options and not equals:  # `--set train.epochs 5`
        before = arguments[: arguments.index(word)]
        is_value = before[-2:-1] == ["--set"] and "=" not in before[-1]
        name, value, equals = (before[-1], word, "=") if is_value else (name, value, equals)
    if "--set" in options and word == "=":  # `--set train.epochs = 5`
        name, value = arguments[arguments.index(word) - 1], " ".join(error.words[1:2])
    meant = meant_by(name) if "--set" in options and equals else None
    if meant is not None:
        return meant.to_set(value)
    kind = kind_of(word)
    if kind == DATASET and "--dataset" in options:
        return f"--dataset {word}"
    is_checkpoint = word == SHIPPED or kind in OPTION_TAKES["--checkpoint"]
    if is_checkpoint and "--checkpoint" in options:
        return f"--checkpoint {word}"
    if is_output(word, context.command):
        return f"-o {word}"
    if kind == PRESET and context.info_name == "train":
        given = [text for text in context.params.values() if isinstance(text, str)]
        return command_line("curves", *given[:1], *error.words) + " (it trains each, and compares)"
    return without(error.words, arguments)


def without(words: list[str], arguments: list[str]) -> str | None:
    """Return the command without some of its words; None where it is not clear which these are."""
    end = len(arguments) - len(words)
    if arguments[end:] == words:
        return command_line(*arguments[:end])
    if any(arguments.count(word) > 1 for word in words):
        return None
    return command_line(*(argument for argument in arguments if argument not in words))


def is_output(word: str, command: click.Command) -> bool:
    """Return whether a word ends as the files do that a command writes to the path after -o."""
    return any(
        isinstance(param.type, PathType) and word.endswith(param.type.suffixes)
        for param in command.params
        if "--output" in param.opts
    )


def option_for(error: click.NoSuchOption, arguments: list[str]) -> str | None:
    """Return what to type instead of an option that does not exist."""
    from bpnet.config.other_names import meant_by, option_meant_by
    from bpnet.config.values import nearest

    if error.ctx is None:
        return None
    option = typed_option(error, arguments)
    name, options = option.lstrip("-"), options_of(error.ctx.command)
    value = value_after(option, arguments)
    near = option_meant_by(f"{name}={value}") or option_meant_by(name)
    if near in options:
        return usage_with(near, value, error.ctx.command)
    if value and "--config" in options and kind_of(value) in OPTION_TAKES["--config"]:
        return f"--config {value}"
    meant = meant_by(name)
    if meant is not None and "--set" in options:
        return meant.to_set(value)
    if near := nearest(name, [option.lstrip("-") for option in options if len(option) > 2]):
        return f"--{near}"
    others = [command for command in TAKES if f"--{name}" in options_of(find_command(command))]
    if others:
        named = " and ".join(f"`bpnet {other}`" for other in others[:3])
        return f"--{name} is an option of {named}"
    if meant is not None and meant.key:
        return f"it is a setting of training: bpnet train … {meant.to_set(value)}"
    return None if meant is None else meant.advice


def usage_with(option: str, value: str, command: click.Command) -> str:
    """Return an option, with the value that was given if it takes one."""
    is_flag = any(
        option in param.opts and getattr(param, "is_flag", False) for param in command.params
    )
    return option if is_flag else f"{option} {value}".rstrip()


def typed_option(error: click.NoSuchOption, arguments: list[str]) -> str:
    """Return an unknown option as it was typed: of `-lr`, click tells `-l` alone."""
    option = error.option_name
    if len(option) == 2:
        words = [word.partition("=")[0] for word in arguments if not word.startswith("--")]
        return next((word for word in words if word.startswith(option)), option)
    return option


def context_of(arguments: list[str]) -> click.Context:
    """Return the context of the command that was called, where click has lost it."""
    from bpnet.cli.group import cli

    context = click.Context(cli, info_name="bpnet")
    for word in arguments:
        group = context.command
        found = group.get_command(context, word) if isinstance(group, click.Group) else None
        if found is not None:
            context = click.Context(found, info_name=word, parent=context)
    return context


def find_command(name: str) -> click.Command | None:
    """Return a command by its name."""
    from bpnet.cli.group import cli

    return cli.get_command(click.Context(cli), name)


def options_of(command: click.Command | None) -> list[str]:
    """Return the options of a command, as they are typed."""
    params = [] if command is None else command.params
    return [opt for param in params if isinstance(param, click.Option) for opt in param.opts]


def value_after(option: str, arguments: list[str]) -> str:
    """Return what was given for an option that nobody knows: the word behind it, or behind `=`."""
    for place, word in enumerate(arguments):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option and place + 1 < len(arguments):
            following = arguments[place + 1]
            return "" if following.startswith("-") and not following[1:2].isdigit() else following
    return ""


def first_example(context: click.Context | None) -> str | None:
    """Return the first example of a command, which lacks a word."""
    command = None if context is None else context.command
    if not isinstance(command, BpnetCommand) or not command.examples:
        return None
    return command_line(*shlex.split(next(iter(command.shown_examples()))))


def usage_of(option: str, context: click.Context | None) -> str | None:
    """Return an option with what has to follow it."""
    for param in [] if context is None else context.command.params:
        if option in param.opts and isinstance(param, click.Option) and context is not None:
            return f"{option} {param.make_metavar(context)}"
    return None


def value_for(param: click.Parameter, message: str) -> str | None:
    """Return a value that an option takes."""
    from bpnet.config.values import nearest

    option = max(param.opts, key=len) if isinstance(param, click.Option) else ""
    if isinstance(param.type, click.Choice):
        wrong = message.partition(" is not ")[0].strip("'")
        near = nearest(wrong, [str(choice) for choice in param.type.choices])
        return f"{option} {near}".strip() if near else None
    if isinstance(param.type, BOUNDS):
        least = param.type.min if param.type.min is not None else 0
        value = param.default if isinstance(param.default, (int, float)) else least
        return f"{option} {value}".strip()
    return None
