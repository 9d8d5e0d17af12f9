"""Write results to standard output, and all else to standard error: the only way out for text.

A command goes on when nobody reads its messages, and tells when its results cannot be written.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from bpnet.errors import BpnetError, NoReaderError, escaped

STANDARD = (0, 1, 2)  # input, output, error
ADDRESS = r"""(?i)(?:https?|ftps?):/\S+?(?=[.,:;)'"]*(?:\s|$))"""  # as a path, it has one slash


class ReaderGoneError(NoReaderError):
    """Report that whoever read the results has stopped, as `head` does: no reason for a message."""


def show(*lines: str) -> None:
    """Write lines of a result; what a terminal would obey in them is written out.

    Raises:
        NoReaderError: nobody receives them.
        BpnetError: they cannot be written.
    """
    _write(sys.stdout, lines)


def show_coloured(*lines: str) -> None:
    r"""Write lines of a result in which colours stay: sequences such as `\x1b[1m`, and no others.

    For `bpnet/cli/tables.py` alone, which writes out what strangers have named before colours join
    it. Whatever else a terminal would obey is written out here as well.

    Raises:
        NoReaderError: nobody receives them.
        BpnetError: they cannot be written.
    """
    import re

    parts = (re.split("(\x1b\\[[0-9;]*m)", line) for line in lines)
    shown = ("".join(p if n % 2 else escaped(p) for n, p in enumerate(found)) for found in parts)
    sys.stdout.write("".join(f"{line}\n" for line in shown))
    sys.stdout.flush()


def show_json(document: object) -> None:
    """Write a result as one JSON document.

    Raises:
        NoReaderError: nobody receives it.
        BpnetError: it cannot be written.
    """
    _write(sys.stdout, json_text(document))


def json_text(document: object) -> list[str]:
    r"""Return the lines of a JSON document, in ASCII: all else is written as `\u` and a number."""
    import json

    text = json.dumps(document, indent=2, allow_nan=False).replace("\x7f", "\\u007f")
    return text.split("\n")


def shown(text: str) -> str:
    """Return a text as standard output will show it, so that tables can be measured."""
    text = as_written(escaped(text), sys.stdout)
    encoding = encoding_of(sys.stdout)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def as_written(text: str, stream: object) -> str:
    """Return a text with the signs replaced that a stream cannot show."""
    if text.isascii():
        return text
    from bpnet.cli.plain_signs import plain  # only signs pay for their tables

    return plain(text, encoding_of(stream))


def encoding_of(stream: object) -> str:
    """Return how a stream writes characters; one without an encoding takes them all."""
    return getattr(stream, "encoding", None) or "utf-8"


def note(*lines: str) -> None:
    """Write lines of a message or of progress, without passwords; where that fails, go on."""
    _write(sys.stderr, map(_without_secrets, lines))


def _without_secrets(line: str) -> str:
    """Return a line without passwords: an address in the wrong place is told as a file's name."""
    if ":/" not in line:
        return line
    import re

    from bpnet.data.files.address import without_secrets

    return re.sub(ADDRESS, lambda address: without_secrets(address[0]), line)


def _write(stream: TextIO, lines: Iterable[str]) -> None:
    stream.write("".join(f"{escaped(line)}\n" for line in lines))
    stream.flush()


class GuardedStream:
    """Write to a stream; the first failure sends all that follows nowhere.

    Args:
        stream: where to write.
    """

    buffer = None  # all that is written must pass through here

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._failure: OSError | ValueError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what has no replacement in ASCII

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write a text, with the signs replaced that the stream cannot show."""
        self._try(self.stream.write, as_written(text, self.stream))
        return len(text)

    def flush(self) -> None:
        """Send what has been written."""
        self._try(self.stream.flush)

    def _try(self, action: Callable[..., object], *arguments: str) -> None:
        if self._failure is None:
            try:
                action(*arguments)
                return
            except (OSError, ValueError) as failure:  # a closed file is a ValueError
                self._failure = failure
                self._send_the_rest_nowhere()
        self.failed(self._failure)

    def _send_the_rest_nowhere(self) -> None:
        """Let nothing that is left in the stream fail again at the end of the program."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)

    def failed(self, error: OSError | ValueError) -> None:
        """Go on: a run must not die of what watches it."""


class ResultStream(GuardedStream):
    """Write results, and raise where that fails."""

    def failed(self, error: OSError | ValueError) -> None:
        """Tell that the results have reached nobody.

        Raises:
            ReaderGoneError: whoever read them has gone.
            NoReaderError: standard output was closed from the start.
            BpnetError: the disk is full, for example.
        """
        number = error.errno if isinstance(error, OSError) else errno.EBADF
        if number == errno.EPIPE or (sys.platform == "win32" and number == errno.EINVAL):
            raise ReaderGoneError("nobody reads the results any more") from error
        if number == errno.EBADF:
            raise NoReaderError("the results cannot be shown: standard output is closed") from error
        raise BpnetError(
            "the results cannot be written", where="standard output", found=os.strerror(number or 0)
        ) from error


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Let nothing written to standard error fail, and name what fails on standard output."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = ResultStream(sys.stdout), GuardedStream(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def open_standard_streams() -> None:
    """Open those of the standard streams that were closed when the program began.

    A file opened later would get their numbers, and stray messages could land in a checkpoint.
    They are opened for reading only, so that writing fails as on a closed stream.
    """
    for descriptor in STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # gets the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="locale")
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="locale")
