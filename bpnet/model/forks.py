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
import struct
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")

# Elsewhere the system's own libraries forbid it, or the processor may show writes out of order.
CAN_FORK = sys.platform == "linux" and platform.machine() == "x86_64"
LOOK = 0.1  # seconds between two looks at a process that has delivered nothing yet
MOST_AHEAD = 16  # results that this process computes before their turn
PIPE = 1 << 20  # bytes of results that another process computes before their turn
LENGTH = struct.Struct("<Q")  # stands before each of them
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
    """Return `function(0) … function(count − 1)`, computed as `stream_forked` does."""
    return list(stream_forked(function, count, processes))


def stream_forked(
    function: Callable[[int], Result], count: int, processes: int
) -> Generator[Result]:
    """Yield `function(0) … function(count − 1)` in order; process k computes every k-th.

    This process is the first. While another one's result is due, it computes ahead; the others wait
    where their pipes are full. So few results are in memory at a time, however many there are.

    What a process does not deliver, because it was killed, stopped, never made, or the function
    raised an error there, is computed here when it is due: so an error is the same as without
    processes. Close the generator to end the processes before it is exhausted.
    """
    parent = os.getpid()
    with ExitStack() as held:
        others: dict[int, _Process] = {}
        for first in range(1, min(processes, count)):
            numbers = range(first, count, processes)
            try:
                others[first] = _Process(partial(_deliver, function, numbers, parent))
            except OSError:  # no more of them, or of their pipes, are allowed, or fit the memory
                break
            held.callback(others[first].end)
        mine = iter(range(0, count, processes))
        ahead: dict[int, Result] = {}
        for number in range(count):
            other = others.get(number % processes)
            while other is not None and other.may_deliver() and not other.has_result():
                following = next(mine, None) if len(ahead) < MOST_AHEAD else None
                if following is None:
                    other.wait()
                else:
                    ahead[following] = function(following)
            if other is not None and other.has_result():
                yield other.result()
            elif number in ahead:
                yield ahead.pop(number)
            else:
                if number % processes == 0:
                    next(mine)
                yield function(number)


class _Process:
    """Receive what a forked process delivers, one result after the other.

    Args:
        deliver: given where to write, called in the new process.

    Raises:
        OSError: there can be no such process.
    """

    def __init__(self, deliver: Callable[[int], object]) -> None:
        self._pipe, writing = os.pipe()
        try:
            _widen(writing)
            self._child = fork(partial(deliver, writing))
        except OSError:
            os.close(self._pipe)
            raise
        finally:
            os.close(writing)
        self._received = bytearray()
        self._is_open = True

    def has_result(self) -> bool:
        """Take what has arrived, and return whether it is a whole result."""
        while not self._is_whole() and self._is_open and select.select([self._pipe], [], [], 0)[0]:
            part = os.read(self._pipe, 1 << 16)
            self._received += part
            self._is_open = bool(part)
        return self._is_whole()

    def may_deliver(self) -> bool:
        """Return whether a result is there, or may still come."""
        return self._is_open or self._is_whole()

    def wait(self) -> None:
        """Wait for a result, until the process ends or has been stopped for too long."""
        stopped = 0.0
        while self._is_open and not self.has_result():
            if not select.select([self._pipe], [], [], LOOK)[0]:
                stopped = stopped + LOOK if _is_stopped(self._child) else 0.0
                self._is_open = stopped < PATIENCE

    def result(self) -> Any:
        """Return the result that is there."""
        end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
        result = pickle.loads(self._received[LENGTH.size : end])
        del self._received[:end]
        return result

    def end(self) -> None:
        """End the process: its results are there, or no longer wanted."""
        os.close(self._pipe)
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)

    def _is_whole(self) -> bool:
        held = len(self._received) - LENGTH.size
        return held >= 0 and held >= LENGTH.unpack_from(self._received)[0]


def _widen(pipe: int) -> None:
    """Let a pipe hold a megabyte, so that a process rarely waits for who reads."""
    if sys.platform == "linux":
        import fcntl  # other systems have none, or no such call

        with suppress(OSError):  # the user has many such pipes already
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)


def _deliver(function: Callable[[int], object], numbers: range, parent: int, writing: int) -> None:
    """Compute in a child, and write each result behind its length, unless the parent is gone."""
    with os.fdopen(writing, "wb") as pipe:
        for number in numbers:
            if os.getppid() != parent:
                return
            content = pickle.dumps(function(number))
            pipe.write(LENGTH.pack(len(content)) + content)
            pipe.flush()


def _is_stopped(child: int) -> bool:
    """Return whether a process has been stopped, as by `kill -STOP`, and does not go on."""
    try:
        return os.waitid(os.P_PID, child, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # where SIGCHLD is ignored, the system forgets the dead
        return False


@contextmanager
def _signals_kept_back() -> Iterator[None]:
    """Let signals reach this process only after the block: a new one must not unwind our stack."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
