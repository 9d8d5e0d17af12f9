"""Offer the commands, and turn every error into one message and an exit code."""

import errno
import os
import sys
from importlib import import_module

import click

from bpnet import __version__
from bpnet.errors import BpnetError

COMMANDS = (
    "train",
    "eval",
    "predict",
    "data",
    "summary",
    "trace",
    "gradcheck",
    "curves",
    "bench",
    "verify-run",
)
INTERRUPTED = 130


class LazyGroup(click.Group):
    """Import a command's module only when it is needed, so that `--help` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"bpnet.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the presets and the exit codes below the commands."""
        from bpnet.cli.options import write_presets

        write_presets(formatter)
        with formatter.section("Exit codes"):
            codes = "0 done, 1 unexpected error or failed check, 2 usage or config, 3 data, "
            codes += "4 checkpoint, 5 diverged, 6 accuracy gate missed, 130 interrupted, "
            formatter.write_text(codes + "143 terminated")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bpnet")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Train MNIST networks, score them, and read digits with them.

    Start with `bpnet train --config quickstart`: it needs no download and takes seconds.
    """


def main() -> None:
    """Run the command line and leave with its exit code."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.exit(run(arguments, debug=debug))


def run(arguments: list[str], *, debug: bool) -> int:
    """Run one command and return its exit code; errors become one message each."""
    try:
        cli.main(arguments, prog_name="bpnet", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does: nothing more can be reported.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except BpnetError as error:
        if debug:
            _show_traceback()
        click.echo(f"bpnet: {error}{_mending(error)}", err=True)
        return error.exit_code
    except Exception as error:
        if debug:
            _show_traceback()
        click.echo(_unforeseen(error), err=True)
        return 1
    return 0


def _unforeseen(error: Exception) -> str:
    """Return the message for lack of memory or disk space, or for a bug of ours."""
    if isinstance(error, MemoryError):
        return "bpnet: there is not enough memory\n  try: a smaller network or train.batch_size"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"bpnet: the output cannot be written\n  found: {error.strerror}"
    hint = "add --debug to see where, and please report it"
    return f"bpnet: unexpected {type(error).__name__}: {error}\n  try: {hint}"


def _mending(error: BpnetError) -> str:
    """Return the command that mends an error, to follow its message."""
    from bpnet.cli.options import command_line

    return f" {command_line(*error.command)}" if error.command else ""


def _show_traceback() -> None:
    import traceback

    traceback.print_exc()
