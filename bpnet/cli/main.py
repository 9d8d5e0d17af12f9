"""Offer the commands, and turn every error into one message and an exit code."""

import sys
import traceback
from importlib import import_module

import click

from bpnet import __version__
from bpnet.errors import BpnetError

COMMANDS = {
    "train": "Train a network and score it on the test set.",
    "eval": "Score a checkpoint on a data set.",
    "predict": "Read the digit in each picture.",
    "data": "Fetch, import, check or draw the data sets.",
    "summary": "Show a network layer by layer.",
}


class LazyGroup(click.Group):
    """Import a command's module only when that command runs, so that `--help` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"bpnet.cli.{cmd_name}").command
        return command
