"""Read standard input without making a signal wait for it."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO

from bpnet.disk import reason
from bpnet.errors import DataError

PART = 1 << 16  # bytes


def standard_picture() -> BytesIO:
    """Return the picture file that comes through standard input, no longer than a file may be.

    Raises:
        DataError: standard input cannot be read.
    """
    from bpnet.data.reading.cost import MOST_BYTES

    try:
        return BytesIO(read_standard_input(MOST_BYTES + 1))
    except OSError as error:
        what = "a picture cannot be opened"
        raise DataError(what, where="standard input", found=reason(error)) from error


def read_standard_input(most: int) -> bytes:
    """Return the bytes of standard input, at most `most`; none where it is closed, as in a service.

    Raises:
        OSError: it cannot be read.
    """
    if sys.stdin is None:
        return b""
    stream = sys.stdin.buffer
    if os.name != "posix" or not isinstance(stream, BufferedReader):
        return stream.read(most)
    parts: list[bytes] = []
    with _woken_by_signals() as woken:
        while most > 0:
            _wait(stream.fileno(), woken)
            if not (part := stream.read1(min(most, PART))):
                break
            parts.append(part)
            most -= len(part)
    return b"".join(parts)


def _wait(descriptor: int, woken: int) -> None:
    """Wait for something to read, or for a signal, whose handler runs before this returns.

    A signal that comes between Python's last look for one and the system's `read` would not end
    that: the handler would have to wait for the input.
    """
    while True:
        ready, *_ = select.select([descriptor, woken], [], [])
        if woken not in ready:
            return
        os.read(woken, PART)


@contextmanager
def _woken_by_signals() -> Iterator[int]:
    """Yield a descriptor from which there is something to read after every signal."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
