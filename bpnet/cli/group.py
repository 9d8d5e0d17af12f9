"""Offer the commands, each imported only when it is called."""

from importlib import import_module

import click

from bpnet.cli.command import BpnetGroup
from bpnet.version import __version__

GROUPS = {  # in the order in which a newcomer meets them
    "Begin": ("train", "presets", "config", "completion"),
    "Use": ("eval", "predict", "draw", "data", "export", "import"),
    "Look": ("summary", "trace", "curves", "report", "runs"),
    "Check": ("gradcheck", "bench", "verify-run"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
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
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words behind `bpnet`; `help train` is `train --help`."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in groups."""
        commands = {name: self.get_command(ctx, name) for name in COMMANDS}
        room = formatter.width - 6 - max(map(len, COMMANDS))
        for title, names in GROUPS.items():
            with formatter.section(title):
                found = [(name, commands[name]) for name in names]
                formatter.write_dl(
                    [(name, one.get_short_help_str(room)) for name, one in found if one],
                    col_spacing=2 + max(map(len, COMMANDS)) - max(map(len, names)),
                )

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
