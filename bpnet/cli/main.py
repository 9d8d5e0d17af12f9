"""Run a command, and turn every error into one message and an exit code.

Little is imported before signals are caught, so that Ctrl-C has an answer from the start.
"""

from __future__ import annotations

import errno
import gc
import os
import shutil
import signal
import sys
from contextlib import suppress

from bpnet.cli.output import ReaderGoneError, guarded_streams, note, open_standard_streams
from bpnet.cli.signals import StopAtOnce, StopSignal, handle_signals
from bpnet.errors import BpnetError

JOIN_RANKS = ("train", "predict")
COMPLETION = "_BPNET_COMPLETE"  # in the environment: what a shell's script asks
CLICK_NEEDS = 52  # columns: on fewer, lines of its help pages are longer than the terminal
LOOK_FOR_GARBAGE = 100_000  # objects: modules that are loaded are none


def main() -> None:
    """Run the command line and leave with its exit code; or answer a shell that completes words."""
    gc.set_threshold(LOOK_FOR_GARBAGE)
    if question := os.environ.get(COMPLETION):
        from bpnet.cli.shells import answer

        sys.exit(answer(question))
    open_standard_streams()
    handle_signals(StopAtOnce())
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if sys.platform == "darwin":
        from bpnet.machine import limit_accelerate

        limit_accelerate()
    if sys.platform == "win32":
        from bpnet.cli.shell_words import expanded

        arguments = expanded(arguments)
    try:
        if arguments and arguments[0] in JOIN_RANKS:
            from bpnet.cli.ranks import run_as_rank

            code = run_as_rank(arguments[0], lambda ranks: run(arguments, debug=debug, ranks=ranks))
        else:
            code = run(arguments, debug=debug)
    except StopSignal as stop:  # it came while the last message was written
        code = stop.exit_code
    handle_signals(signal.SIG_DFL)  # all is done: the interpreter's own end needs no message
    gc.freeze()  # nor need the interpreter look for any at its end: 20 ms
    sys.exit(code)


def run(arguments: list[str], *, debug: bool, ranks: object = None) -> int:
    """Run one command and return its exit code; errors become one message each.

    Args:
        arguments: of the command line.
        debug: show where an error comes from.
        ranks: those that mpirun has started with this process, if it has.
    """
    with guarded_streams():
        try:
            return _invoke(arguments, ranks)
        except StopSignal as stop:
            note(str(stop))
            return stop.exit_code
        except BpnetError as error:
            if debug:
                _show_traceback()
            if not isinstance(error, ReaderGoneError):
                _advise(error, arguments)
                note(*f"bpnet: {_mended(error)}".split("\n"))
            return error.exit_code
        except Exception as error:
            if debug:
                _show_traceback()
            note(*_unforeseen(error))
            return 1


def _invoke(arguments: list[str], ranks: object) -> int:
    """Run one command; return its exit code, or that of wrong usage after a message."""
    import click

    from bpnet.cli.group import cli

    click.Context.formatter_class = click.HelpFormatter
    if shutil.get_terminal_size().columns < CLICK_NEEDS:
        from bpnet.cli.narrow_help import NarrowHelp

        click.Context.formatter_class = NarrowHelp  # click asks the class alone
    try:
        cli.main(arguments, prog_name="bpnet", standalone_mode=False, obj=ranks)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        from bpnet.cli.advice import usage_lines

        note(*usage_lines(error, arguments))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        raise StopSignal(signal.SIGINT) from None
    return 0


def _unforeseen(error: Exception) -> list[str]:
    """Return the message for lack of memory or disk space, or for a bug of ours."""
    if isinstance(error, MemoryError):
        return ["bpnet: there is not enough memory", "  try: a smaller network or train.batch_size"]
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return ["bpnet: the output cannot be written", f"  found: {error.strerror}"]
    hint = "add --debug to see where, and please report it"
    return [f"bpnet: unexpected {type(error).__name__}: {error}", f"  try: {hint}"]


def _advise(error: BpnetError, arguments: list[str]) -> None:
    """Add what to type to an error about a word that belongs elsewhere."""
    if error.parts["where"] is not None:
        from bpnet.cli.misplaced import advise

        with suppress(OSError):  # the working directory may be gone
            advise(error, arguments)


def _mended(error: BpnetError) -> str:
    """Return the message of an error, and the command that mends it behind its hint."""
    from bpnet.cli.options import command_line

    return f"{str(error).rstrip()} {command_line(*error.command)}" if error.command else str(error)


def _show_traceback() -> None:
    import traceback

    note(*traceback.format_exc().rstrip("\n").split("\n"))
