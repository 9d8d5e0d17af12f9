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
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
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


def may_fork() -> bool:
    """Return whether work may be shared with forked processes: the system can, and this is safe.

    A fork in one of several busy threads would leave what the others have locked shut for ever.
    """
    return CAN_FORK and threading.current_thread() is threading.main_thread()


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
    """Yield `function(0) … function(count − 1)` in order, each computed by whoever is free.

    This process takes part; the others hand over what they have computed through pipes, and wait
    where these are full. So few results are in memory at a time, however many there are.

    What a process does not deliver, because it was killed, stopped, never made, or the function
    raised an error there, is computed here when it is due: so an error is the same as without
    processes. Close the generator to end the processes before it is exhausted.
    """
    with ExitStack() as held:
        numbers = iter(range(count))
        others: list[_Process] = []
        with suppress(OSError):  # no more processes, or pipes, are allowed, or fit the memory
            if min(processes, count) > 1:
                numbers = held.enter_context(_shared_numbers(count))
            while len(others) < min(processes, count) - 1:
                others.append(_Process(partial(_deliver, function, numbers, os.getpid())))
                held.callback(others[-1].end)
        ahead: dict[int, Result] = {}
        for due in range(count):
            while due not in ahead and not any(other.has_result(due) for other in others):
                busy = [other for other in others if other.may_deliver()]
                number = next(numbers, None) if len(ahead) < MOST_AHEAD else None
                if number is None and busy:
                    _wait(busy)
                else:
                    number = due if number is None else number
                    ahead[number] = function(number)
            if due in ahead:
                yield ahead.pop(due)
            else:
                yield next(other for other in others if other.has_result(due)).result()


@contextmanager
def _shared_numbers(count: int) -> Iterator[Iterator[int]]:
    """Yield an iterator over 0 … count − 1 that gives each number to one of all forked processes.

    Such processes share the place in an open file, which each call moves by one.
    """
    file = os.memfd_create("numbers")

    def numbers() -> Iterator[int]:
        while (number := os.lseek(file, 1, os.SEEK_CUR) - 1) < count:
            yield number

    try:
        yield numbers()
    finally:
        os.close(file)


class _Process:
    """Receive what a forked process delivers: results whose numbers rise.

    Args:
        deliver: given where to write, called in the new process.

    Raises:
        OSError: there can be no such process.
    """

    def __init__(self, deliver: Callable[[int], object]) -> None:
        self.pipe, writing = os.pipe()
        try:
            _widen(writing)
            self._child = fork(partial(deliver, writing))
        except OSError:
            os.close(self.pipe)
            raise
        finally:
            os.close(writing)
        self._received = bytearray()
        self._first: tuple[int, Any] | None = None  # number and result that come next
        self._is_open = True
        self._stopped = 0.0

    def has_result(self, number: int) -> bool:
        """Take what has arrived, and return whether the result of a number comes next."""
        while self._first is None and self._is_open and select.select([self.pipe], [], [], 0)[0]:
            part = os.read(self.pipe, 1 << 16)
            self._received += part
            self._is_open = bool(part)
            self._unpack()
        return self._first is not None and self._first[0] == number

    def may_deliver(self) -> bool:
        """Return whether what comes next is still unknown."""
        return self._is_open and self._first is None

    def result(self) -> Any:
        """Return the result that comes next."""
        assert self._first is not None
        _, result = self._first
        self._first = None
        self._unpack()
        return result

    def look(self) -> None:
        """Give the process up once it has been stopped for too long, look by look."""
        self._stopped = self._stopped + LOOK if _is_stopped(self._child) else 0.0
        self._is_open = self._stopped < PATIENCE

    def end(self) -> None:
        """End the process: its results are there, or no longer wanted."""
        os.close(self.pipe)
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)

    def _unpack(self) -> None:
        """Take the next result out of what was received, if it is whole."""
        while self._first is None and len(self._received) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            with suppress(Exception):  # what cannot be unpacked counts as not delivered
                self._first = pickle.loads(self._received[LENGTH.size : end])
            del self._received[:end]


def _wait(others: Sequence[_Process]) -> None:
    """Wait until a process delivers something or ends, and look at all where none does."""
    if not select.select([other.pipe for other in others], [], [], LOOK)[0]:
        for other in others:
            other.look()


def _widen(pipe: int) -> None:
    """Let a pipe hold a megabyte, so that a process rarely waits for who reads."""
    if sys.platform == "linux":
        import fcntl  # other systems have none, or no such call

        with suppress(OSError):  # the user has many such pipes already
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)


def _deliver(
    function: Callable[[int], object], numbers: Iterator[int], parent: int, writing: int
) -> None:
    """Compute in a child, and write each result behind its length, unless the parent is gone."""
    with os.fdopen(writing, "wb") as pipe:
        for number in numbers:
            if os.getppid() != parent:
                return
            content = pickle.dumps((number, function(number)))
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
