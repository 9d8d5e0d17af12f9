"""Compute in forked processes what threads would hinder each other at.

After every NumPy call a thread must wait for the interpreter's lock: where calls take ten
microseconds, two threads are hardly faster than one.
"""

from __future__ import annotations

import os
import pickle
import platform
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")

# Elsewhere the system's own libraries forbid it, or the processor may show writes out of order.
CAN_FORK = sys.platform == "linux" and platform.machine() == "x86_64"
LOOK = 0.1  # seconds between two looks at a process that has delivered nothing yet
PATIENCE = 2.0  # seconds for a stopped one; what it owes is then computed here
SIGNALS = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP")]


def fork(serve: Callable[[], object]) -> int:
    """Let a new process call `serve` and end, deaf to signals for this one; return its number."""
    with warnings.catch_warnings(), _signals_kept_back():
        # Python warns of forking beside threads: the child takes none of their locks.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child:
            return child
        try:  # it never returns: its stack belongs to the parent
            for name in SIGNALS:
                signal.signal(name, signal.SIG_IGN)  # the parent finishes, then ends us
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            serve()
        finally:
            os._exit(0)


def map_forked(function: Callable[[int], Result], count: int, processes: int) -> list[Result]:
    """Return `function(0) … function(count − 1)`, of which process k computes every k-th.

    What a process does not deliver, because it was killed, stopped, never made, or the function
    raised an error there, is computed here in the end: so an error is the same as without
    processes.
    """
    parent = os.getpid()
    results: dict[int, Result] = {}
    with ExitStack() as held:
        children: dict[int, int] = {}  # and the pipe of each
        for first in range(1, processes):
            numbers = range(first, count, processes)
            try:
                child, reading = _process(partial(_deliver, function, numbers), parent)
            except OSError:  # no more of them, or of their pipes, are allowed, or fit the memory
                break
            held.callback(os.close, reading)
            held.callback(_end, child)
            children[child] = reading
        for number in range(0, count, processes):
            results[number] = function(number)
        for child, pipe in children.items():
            with suppress(EOFError, pickle.UnpicklingError):
                results |= pickle.loads(_received(child, pipe))
        for number in range(count):
            if number not in results:
                results[number] = function(number)
    return [results[number] for number in range(count)]


def _process(deliver: Callable[[int, int], object], parent: int) -> tuple[int, int]:
    """Make a process that delivers; return its number, and where what it writes can be read."""
    reading, writing = os.pipe()
    try:
        return fork(partial(deliver, writing, parent)), reading
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)


def _deliver(function: Callable[[int], object], numbers: range, writing: int, parent: int) -> None:
    """Compute in a child, and write all results, unless the parent is gone."""
    results = {}
    for number in numbers:
        if os.getppid() != parent:
            return
        results[number] = function(number)
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(results, pipe)


def _received(child: int, pipe: int) -> bytes:
    """Return what a process writes until its end, or until it has been stopped for too long."""
    parts, stopped = [], 0.0
    while stopped < PATIENCE:
        if not select.select([pipe], [], [], LOOK)[0]:
            stopped = stopped + LOOK if _is_stopped(child) else 0.0
        elif part := os.read(pipe, 1 << 16):
            parts.append(part)
        else:
            break
    return b"".join(parts)


def _is_stopped(child: int) -> bool:
    """Return whether a process has been stopped, as by `kill -STOP`, and does not go on."""
    try:
        return os.waitid(os.P_PID, child, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # where SIGCHLD is ignored, the system forgets the dead
        return False


def _end(child: int) -> None:
    """End a process whose results are there, or no longer wanted."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@contextmanager
def _signals_kept_back() -> Iterator[None]:
    """Let signals reach this process only after the block: a new one must not unwind our stack."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
