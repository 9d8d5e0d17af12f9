"""Offer the commands, each imported only when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from bpnet.cli.command import BpnetGroup
from bpnet.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

GROUPS = {  # with summaries, so that help needs no module of a command
    "Begin": {
        "train": "Train a network and score it on the test set.",
        "sweep": "Train many settings and seeds, and score the best.",
        "presets": "List the presets and the worked examples.",
        "config": "Write a config to begin with, or explain settings.",
        "completion": "Print what completes commands in bash, zsh or fish.",
    },
    "Use": {
        "eval": "Score a checkpoint on a data set.",
        "predict": "Read the digit in each picture.",
        "draw": "Draw a digit in the browser, and see the answer at once.",
        "data": "Fetch, import, check, draw or remove the data sets.",
        "export": "Write a network for ONNX, PyTorch or a web page.",
        "import": "Make a checkpoint of weights trained elsewhere.",
    },
    "Look": {
        "summary": "Show each layer's shape, parameters, cost and memory.",
        "trace": "Show every number of a small network's first steps.",
        "curves": "Train networks, or read runs, and compare how they learn.",
        "report": "Show runs on a page: curves, mistakes, what layers see.",
        "runs": "List what has been trained, compare it, export it.",
    },
    "Check": {
        "gradcheck": "Check every gradient against central differences.",
        "bench": "Measure speed against this machine's peak.",
        "verify-run": "Train a run anew, and name the first difference.",
    },
}
SUMMARIES = {name: told for commands in GROUPS.values() for name, told in commands.items()}
COMMANDS = tuple(SUMMARIES)  # in the order in which a newcomer meets them
MODULES = {"import": "import_weights"}  # Python keeps the word to itself


class LazyGroup(BpnetGroup):
    """Import a command's module only when it is needed, so that `--help` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = MODULES.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = import_module(f"bpnet.cli.{module}").command
        command.short_help = SUMMARIES[cmd_name]
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words behind `bpnet`; `help train` is `train --help`."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in groups."""
        widest = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                space = 2 + widest - max(map(len, commands))
                formatter.write_dl(list(commands.items()), col_spacing=space)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer commands and options."""
        from click.shell_completion import CompletionItem

        options = click.Command.shell_complete(self, ctx, incomplete)
        found = [name for name in COMMANDS if name.startswith(incomplete)]
        return [CompletionItem(name, help=SUMMARIES[name]) for name in found] + options

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes."""
        with formatter.section("Exit codes"):
            codes = "0 done, 1 unexpected error or failed check, 2 usage or config, 3 data, "
            codes += "4 checkpoint, 5 diverged, 6 accuracy gate missed, 129 terminal closed, "
            formatter.write_text(codes + "130 interrupted, 141 nobody reads, 143 terminated")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bpnet")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Train MNIST networks, score them, and read digits with them.

    Start with `bpnet train quickstart`: it needs no download and takes seconds. `bpnet presets`
    lists what else can be trained.
    """
