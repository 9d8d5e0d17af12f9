"""Let messages say what to write in a program, where they would name options and commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bpnet.errors import BpnetError

ARGUMENTS = {  # what the library calls the options that errors of lower levels name
    "--config": "config",
    "--data-dir": "data_dir",
    "--dataset": "data",
    "--epochs": "epochs",
    "--from": "weights",
    "--mirror": "mirror",
    "--resume": "resume",
    "--run-dir": "run_dir",
    "--sabotage": "sabotage",
    "--seed": "seed",
    "--split": "split",
    "--steps": "steps",
    "--views": "views",
    "--workers": "workers",
}
SETTING = re.compile(r"--set ([a-z]+\.[a-z_0-9]+)(?:=([\w.+-]*\w))?")
OPTION = re.compile(r"(?<!\S)(--[a-z-]+)(?: (\d+))?(?![\w-])")
NUMBER = re.compile(r"-?\d+(\.\d*)?(e[+-]?\d+)?")
SPOKEN = ("where", "expected", "try")  # parts of a message that may name options


@contextmanager
def python_advice(**names: str) -> Iterator[None]:
    """Let an error name arguments and calls of the library instead of options and commands.

    Args:
        names: of arguments that are called otherwise than in `bpnet.train`, as `run_dir="path"`.
    """
    try:
        yield
    except BpnetError as error:
        for part in SPOKEN:
            if isinstance(said := error.parts[part], str):
                error.parts[part] = in_python(said, names)
        if error.command:
            error.parts["try"] = f"{error.parts['try'] or ''} {as_call(error.command)}".strip()
            error.command = ()
        raise


def in_python(said: str, names: dict[str, str]) -> str:
    """Return a part of a message with arguments in place of options."""

    def argument(found: re.Match[str]) -> str:
        option, value = found.groups()
        name = ARGUMENTS.get(option)
        if name is None:
            return found.group()
        name = names.get(name, name)
        return name if value is None else f"{name}={value}"

    def setting(found: re.Match[str]) -> str:
        key, value = found.groups()
        return key if value is None else f'settings={{"{key}": {_literal(value)}}}'

    return OPTION.sub(argument, SETTING.sub(setting, said))


def as_call(words: Sequence[str]) -> str:
    """Return the call that trains as a command would; another command as a shell takes it."""
    if words[0] != "train":
        return shlex.join(("bpnet", *words))
    arguments: list[str] = []
    settings: list[str] = []
    rest = iter(words[1:])
    for option in rest:
        value: Any = next(rest)
        if option == "--set":
            key, _, text = value.partition("=")
            settings.append(f'"{key}": {_literal(text)}')
        else:
            arguments.append(f"{ARGUMENTS[option]}={value!r}")
    if settings:
        arguments.append(f"settings={{{', '.join(settings)}}}")
    return f"bpnet.train({', '.join(arguments)})"


def _literal(text: str) -> str:
    """Return the value of a setting as Python writes it."""
    return text if NUMBER.fullmatch(text) else repr(text)
