"""Run one command of bpnet as the command line does, but let its errors through."""

import io
import sys
import unicodedata
from typing import Any

import click
import pytest

from bpnet.cli.group import cli
from bpnet.errors import ConfigError
from tests.helpers.fuzz.target import Finding


def run_command(*words: object, stdin: Any = None) -> None:
    """Run a command; what it prints must be text without control characters.

    Args:
        words: what follows `bpnet`.
        stdin: a stream of bytes; empty if left out.

    Raises:
        ConfigError: the usage is wrong.
        BpnetError: whatever the command reports.
        Finding: the output could change the terminal.
    """
    printed = io.BytesIO()
    out, err = (io.TextIOWrapper(to, "utf-8", "backslashreplace") for to in (printed, io.BytesIO()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(stdin or io.BytesIO(), encoding="utf-8"))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            cli.main(list(map(str, words)), prog_name="bpnet", standalone_mode=False)
        except click.ClickException as error:
            raise ConfigError(error.format_message()) from error
        finally:
            out.flush()
    text = printed.getvalue().decode()
    if any(unicodedata.category(letter) == "Cc" for letter in text.replace("\n", "")):
        raise Finding(f"control characters in the output: {text!r:.500}")
