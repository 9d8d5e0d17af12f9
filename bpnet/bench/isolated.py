"""Run a function in a fresh process, and watch how much memory it takes."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bpnet.errors import BpnetError

PERIOD = 0.05  # seconds between two readings of the memory


def run_isolated(
    function: Callable[..., Any], *arguments: object, watch: Callable[[], None] = lambda: None
) -> tuple[Any, int]:
    """Return what a function returns in its own process, and the most memory it took.

    Args:
        function: defined in a module, not inside another function.
        arguments: its arguments; they and its result must be picklable.
        watch: called several times a second; what it raises ends the process.

    Returns:
        The result, and the peak in bytes of the process and those it started: pages that they
        share count once, pages that others use too in proportion. 0 if the system reports none.

    Raises:
        BpnetError: the process ended without an answer.
        Exception: what the function raised.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments))
    with _ctrl_c_kept_back():  # the new process keeps it blocked: this one must end it
        process.start()
    theirs.close()
    assert process.pid is not None
    peak = 0
    try:
        while not ours.poll(PERIOD):
            peak = max(peak, sum(map(proportional_bytes, family(process.pid))))
            watch()
        result, error = ours.recv()
    except EOFError:
        watch()  # what ended that process may have been meant for this one too
        process.join()
        raise BpnetError(
            "the measuring process ended too early",
            expected="a result",
            found=f"exit code {process.exitcode}, perhaps for lack of memory",
            hint="a smaller network or --batch-size",
        ) from None
    finally:
        process.terminate()
        process.join()
        ours.close()
    if error is not None:
        raise error
    return result, peak


def _answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    """Send what a function returns, or raises, through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    result, failure = None, None
    try:
        result = function(*arguments)
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))  # for --debug
        failure = error
    with suppress(BrokenPipeError):  # the process that asked has been killed
        pipe.send((result, failure))


@contextmanager
def _ctrl_c_kept_back() -> Iterator[None]:
    """Let Ctrl-C reach this process only after the block."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would lift the block if it started within it
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def family(process: int) -> list[int]:
    """Return a process and all its descendants (Linux)."""
    members = [process]
    for member in members:
        for path in Path(f"/proc/{member}/task").glob("*/children"):
            members += map(int, _read(path).split())
    return members


def proportional_bytes(process: int) -> int:
    """Return the memory of a process, each page divided by the number of its users (Linux)."""
    lines = _read(Path(f"/proc/{process}/smaps_rollup")).splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _read(path: Path) -> str:
    """Return a file of the system, or nothing if it does not exist."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
