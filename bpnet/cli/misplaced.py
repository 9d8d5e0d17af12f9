"""Suggest what to type when a word belongs to another command."""

from __future__ import annotations

import os
from pathlib import Path

from bpnet.cli.kinds import (
    CONFIGS,
    OPTION_TAKES,
    RUN,
    RUNS,
    TAKES,
    configs_in,
    fitting_command,
    kind_of,
    run_for,
    runs_in,
    similar_path,
)
from bpnet.disk import NOTHING, what_is_at
from bpnet.errors import BpnetError, some


def advise(error: BpnetError, arguments: list[str]) -> None:
    """Add to an error what to type, where it is about a word that is made for another command.

    Args:
        error: says where it happened.
        arguments: the words behind `bpnet`.
    """
    where = error.parts["where"]
    place = place_among(str(where), arguments) if where is not None else None
    if place is None or is_nothing_typed(arguments[place]):
        return
    word, option = arguments[place], arguments[place - 1]
    within = " ".join(arguments[:2])  # `runs note`
    command = within if within in TAKES else arguments[0]
    if option not in OPTION_TAKES and takes_value(option, arguments):
        return  # where results go, for example
    accepted = OPTION_TAKES.get(option, TAKES.get(command, ()))
    kind = kind_of(word)
    if kind in accepted:
        return

    def with_word(other: str) -> tuple[str, ...]:
        return (*arguments[:place], other, *arguments[place + 1 :])

    if kind is None:
        if command == "config" and is_explained(word):
            error.parts["try"], error.command = "", (command, "--explain", word)
            return
        is_vague = not str(error.parts["try"]).startswith("did you mean")
        if is_vague and (near := similar_path(word)) is not None:
            error.parts["try"], error.command = "did you mean", with_word(near)
        elif error.parts["try"] is None and what_is_at(Path(word)) == NOTHING:
            error.parts["try"] = "check the path"
        return
    error.parts["found"] = (
        f"{kind}: {some(names_in(kind, word))}" if kind in (RUNS, CONFIGS) else kind
    )
    if option in OPTION_TAKES and RUN in accepted:  # what follows an option is changed alone
        run = run_for(kind, word)
        if run is not None:
            error.parts["try"], error.command = "", with_word(run)
        return
    words = fitting_command(kind, word, command)
    is_same = words[0] == command and len(words) == 2  # with other options, perhaps
    error.parts["try"], error.command = "", with_word(words[1]) if is_same else tuple(words)


def is_explained(word: str) -> bool:
    """Return whether `config --explain` knows what a word is: a section, or a setting."""
    from bpnet.config.other_names import meant_by, section_meant_by
    from bpnet.config.settings import SECTIONS

    meant = meant_by(word)
    is_setting = meant is not None and bool(meant.key)
    return is_setting or word in SECTIONS or section_meant_by(word) is not None


def takes_value(option: str, arguments: list[str]) -> bool:
    """Return whether a word is an option of the command that takes the next word."""
    import click

    from bpnet.cli.advice import context_of

    params = context_of(arguments).command.params
    return any(
        option in param.opts and isinstance(param, click.Option) and not param.is_flag
        for param in params
    )


def names_in(kind: str, word: str) -> list[str]:
    """Return what lies in a folder of runs or of configs."""
    return [str(path) for path in (runs_in if kind == RUNS else configs_in)(Path(word))]


def place_among(where: str, arguments: list[str]) -> int | None:
    """Return which of the words names the place of an error."""
    for place, word in enumerate(arguments):
        is_same = os.path.abspath(word) == os.path.abspath(where)  # noqa: PTH100
        if place and word and (word == where or (is_same and not is_nothing_typed(word))):
            return place
    return None


def is_nothing_typed(word: str) -> bool:
    """Return whether a word is an option, not a path."""
    return word.startswith("-") and what_is_at(Path(word)) == NOTHING
