"""Offer the commands, each imported only when it is called."""

from importlib import import_module

import click

from bpnet.version import __version__

COMMANDS = (
    "train",
    "eval",
    "predict",
    "draw",
    "data",
    "summary",
    "trace",
    "gradcheck",
    "curves",
    "report",
    "export",
    "import",
    "bench",
    "verify-run",
    "runs",
)
MODULES = {"import": "import_weights"}  # Python keeps the word to itself


class LazyGroup(click.Group):
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

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the presets and the exit codes below the commands."""
        from bpnet.cli.options import write_presets

        write_presets(formatter)
        with formatter.section("Exit codes"):
            codes = "0 done, 1 unexpected error or failed check, 2 usage or config, 3 data, "
            codes += "4 checkpoint, 5 diverged, 6 accuracy gate missed, 129 terminal closed, "
            formatter.write_text(codes + "130 interrupted, 141 nobody reads, 143 terminated")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bpnet")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Train MNIST networks, score them, and read digits with them.

    Start with `bpnet train --config quickstart`: it needs no download and takes seconds.
    """
