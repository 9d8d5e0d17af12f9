"""Compute in forked processes what threads would hinder each other at.

After every NumPy call a thread must wait for the interpreter's lock: where calls take ten
microseconds, two threads are hardly faster than one.
"""

from __future__ import annotations

import os
import pickle
import platform
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

    What a process does not deliver, because it was killed or the function raised an error there,
    is computed here in the end: so an error is the same as without processes.
    """
    parent = os.getpid()
    results: dict[int, Result] = {}
    with ExitStack() as held:
        pipes = []
        for first in range(1, processes):
            reading, writing = os.pipe()
            numbers = range(first, count, processes)
            child = fork(partial(_deliver, function, numbers, writing, parent))
            held.callback(_end, child)
            os.close(writing)
            pipes.append(held.enter_context(os.fdopen(reading, "rb")))
        for number in range(0, count, processes):
            results[number] = function(number)
        for pipe in pipes:
            with suppress(EOFError, pickle.UnpicklingError):
                results |= pickle.load(pipe)
        for number in range(count):
            if number not in results:
                results[number] = function(number)
    return [results[number] for number in range(count)]


def _deliver(function: Callable[[int], object], numbers: range, writing: int, parent: int) -> None:
    """Compute in a child, and write all results, unless the parent is gone."""
    results = {}
    for number in numbers:
        if os.getppid() != parent:
            return
        results[number] = function(number)
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(results, pipe)


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
