"""Write commands for the shell at hand, and do what shells of Windows leave undone."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from glob import glob
from pathlib import Path

from bpnet.cli.output import shown

PLAIN_IN_CMD = re.compile(r"[\w.,:\\/+@~=-]+", re.ASCII)
PLAIN_IN_POWERSHELL = re.compile(r"[\w.:\\/+=-]+", re.ASCII)
SPLIT_IN_POWERSHELL = re.compile(r"-[^.:]*[.:]")  # it takes -a.b for two words
WILD = re.compile(r"[*?[]")
OWN_MODULES = 3  # folders of PSModulePath: Windows sets two of them, PowerShell adds the user's


class Shell(Enum):
    """Name a shell by how it quotes."""

    POSIX = "posix"
    CMD = "cmd"
    POWERSHELL = "powershell"


def shell_at_hand() -> Shell:
    """Return the shell in which the user types.

    On Windows, Git Bash and its like set SHELL. PowerShell hands its long PSModulePath on to a cmd
    that is started in it: there, a command that needs no quotes still runs.
    """
    system: str = sys.platform
    if system != "win32" or os.environ.get("SHELL"):
        return Shell.POSIX
    modules = os.environ.get("PSMODULEPATH", "").split(";")
    return Shell.POWERSHELL if len(modules) >= OWN_MODULES else Shell.CMD


def quoted(word: str) -> str:
    """Return a word as the shell at hand reads it."""
    shell = shell_at_hand()
    if shell is Shell.POSIX:
        return _posix(word)
    return _cmd(word) if shell is Shell.CMD else _powershell(word)


def joined(words: Iterable[str]) -> str:
    """Return a command of these words, the program first."""
    program, *rest = map(quoted, words)
    if shell_at_hand() is Shell.POWERSHELL and program.startswith("'"):
        program = f"& {program}"  # else PowerShell would show it as a text
    return " ".join([program, *rest])


def with_variables(variables: Mapping[str, str]) -> str:
    """Return what a command begins with to run with these environment variables."""
    shell = shell_at_hand()
    if shell is Shell.CMD:
        return " ".join(f'set "{name}={text}" &&' for name, text in variables.items())
    if shell is Shell.POWERSHELL:
        quotes = {name: text.replace("'", "''") for name, text in variables.items()}
        return " ".join(f"$env:{name}='{text}';" for name, text in quotes.items())
    return " ".join(f"{name}={quoted(text)}" for name, text in variables.items())


def _posix(word: str) -> str:
    r"""Return a word for sh and its like; `$'\x1b'` has bytes that the terminal cannot show."""
    if shown(word) == word:
        return shlex.quote(word)
    spelled = b"".join(
        bytes([byte]) if 32 <= byte < 127 and byte not in b"\\'" else b"\\x%02x" % byte
        for byte in os.fsencode(word)
    )
    return f"$'{spelled.decode()}'"


def _cmd(word: str) -> str:
    """Return a word for cmd: between quotes only `%` and `"` mean something."""
    if PLAIN_IN_CMD.fullmatch(word):
        return word
    inner = re.sub(r'(\\*)"', r'\1\1\\"', word)
    inner = re.sub(r"(\\+)$", r"\1\1", inner)  # else it would guard the closing quote
    inner = inner.replace("%", '"^%"')
    return f'"{inner}"'


def _powershell(word: str) -> str:
    """Return a word for PowerShell: between single quotes only they themselves mean something."""
    if PLAIN_IN_POWERSHELL.fullmatch(word) and not SPLIT_IN_POWERSHELL.match(word):
        return word
    return "'" + word.replace("'", "''") + "'"


def expanded(words: Iterable[str]) -> list[str]:
    """Return the words of a command with patterns and `~` replaced, as POSIX shells do it.

    A pattern that matches nothing stays, and so does one that is the name of a file; options stay,
    too. Whether a pattern was in quotes cannot be seen on Windows.
    """
    found = []
    for word in words:
        home = str(Path(word).expanduser()) if re.match(r"~[\\/]|~$", word) else word
        is_pattern = WILD.search(home) and not home.startswith("-") and not os.path.lexists(home)
        matches = sorted(glob(home, recursive=True)) if is_pattern else []  # noqa: PTH207 - as typed
        found += matches or [home]
    return found
