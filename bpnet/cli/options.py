"""Share options and words between commands."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bpnet.presets import describe, preset_paths

Function = TypeVar("Function", bound=Callable[..., Any])

data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the data sets lie; else BPNET_DATA_DIR, else the user's cache directory.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
mirror = click.option(
    "--mirror", metavar="URL", help="Download from here first; else BPNET_MIRROR."
)


class ConfigCommand(click.Command):
    """List the presets below the options of a command that takes a config."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the presets with one line each."""
        write_presets(formatter)


def write_presets(formatter: click.HelpFormatter) -> None:
    """Write every preset with the first line of its comment."""
    presets = preset_paths()
    if presets:
        with formatter.section("Presets"):
            formatter.write_dl([(name, describe(path)) for name, path in presets.items()])


def command_line(*words: object) -> str:
    """Return a command as the user can paste it, with the path by which bpnet was called."""
    called = Path(sys.argv[0])
    program = [sys.executable, "-m", "bpnet"] if called.name == "__main__.py" else [str(called)]
    return shlex.join([*program, *map(str, words)])


def percent(part: float) -> str:
    """Return a fraction as a percentage with two decimals."""
    return f"{100 * part:.2f} %"
