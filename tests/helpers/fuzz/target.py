"""Read an input, and tell a documented error from everything that must not happen."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bpnet.errors import BpnetError
from tests.helpers.fuzz.choices import Choices

MOST_SECONDS = 5  # of processor time, for one input
MOST_MEMORY = 500_000_000  # bytes, for one input
LONGEST_MESSAGE = 20_000  # characters: more is not read by anyone


class Finding(Exception):  # noqa: N818 - what fuzzers call it
    """Report what must not happen."""


class _TimeIsUp(BaseException):
    """Stop a read. It is no Exception, so that no handler swallows it."""


@dataclass(frozen=True)
class Target:
    """Describe one kind of input.

    Args:
        name: what it is called on the command line.
        exit_codes: those of the errors that are documented for it.
        prepare: writes the input that some choices make into a folder, and returns the function
            that reads it as a command does.
        seeds: returns bytes that choose inputs worth to begin with.
    """

    name: str
    exit_codes: frozenset[int]
    prepare: Callable[[Choices, Path], Callable[[], object]]
    seeds: Callable[[], list[bytes]]


def check(target: Target, data: bytes, folder: Path) -> None:
    """Let a target read the input that `data` chooses.

    Raises:
        Finding: the error is not a documented one, or time or memory exceed the limits.
        Exception: anything that the target raises and that is no BpnetError.
    """
    read = target.prepare(Choices(data), folder)
    _forget_peak()  # what it took to make the input
    before, peak = _memory()
    try:
        with _limited_time():
            read()
    except BpnetError as error:
        _check_error(target, error)
    except _TimeIsUp as stop:
        raise Finding(f"more than {MOST_SECONDS} s for one input") from stop
    _, new_peak = _memory()
    if new_peak > peak and new_peak - before > MOST_MEMORY:
        raise Finding(f"{(new_peak - before) / 1e6:.0f} MB for one input")


def _check_error(target: Target, error: BpnetError) -> None:
    if error.exit_code not in target.exit_codes:
        raise Finding(f"exit code {error.exit_code} instead of {set(target.exit_codes)}: {error}")
    if len(str(error)) > LONGEST_MESSAGE:
        raise Finding(f"a message of {len(str(error))} characters: {str(error)[:200]}…")


@contextmanager
def _limited_time() -> Iterator[None]:
    """Raise _TimeIsUp within the block once it has used up the processor time for one input."""
    if sys.platform == "win32":
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TimeIsUp

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _forget_peak() -> None:
    """Let the peak of memory begin anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _memory() -> tuple[int, int]:
    """Return the bytes that this process holds and has held at most; zeros where unknown."""
    if sys.platform != "linux":
        return 0, 0
    lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
    sizes = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    held, peak = (int(sizes[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return held, peak
