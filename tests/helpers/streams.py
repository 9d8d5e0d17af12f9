"""Run commands on streams of any encoding and width, within this process."""

import errno
import io
import os
from contextlib import redirect_stderr, redirect_stdout

import pytest

from bpnet.cli.main import run
from tests.helpers.tiny import Answer

ENCODINGS = ("cp1252", "cp437", "cp850", "cp932", "ascii")


def call_in(encoding: str, *arguments: object, columns: int = 80) -> Answer:
    """Run a command whose streams take no other encoding, as under `PYTHONUTF8=0`."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            code = run([str(argument) for argument in arguments], debug=False)
    texts = []
    for stream in streams:
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        texts.append(stream.buffer.getvalue().decode(encoding).replace(os.linesep, "\n"))
    return Answer(code, *texts)


class ClosedPipe(io.StringIO):
    """Be a stream whose reader has gone.

    Args:
        number: the error that the system raises: EPIPE, or EINVAL on Windows.
    """

    def __init__(self, number: int = errno.EPIPE) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        """Fail."""
        raise OSError(self.number, os.strerror(self.number))

    def flush(self) -> None:
        """Fail."""
        self.write("")


def call_unread(*arguments: object, number: int = errno.EPIPE) -> Answer:
    """Run a command whose results nobody reads."""
    err = io.StringIO()
    with redirect_stdout(ClosedPipe(number)), redirect_stderr(err):
        code = run([str(argument) for argument in arguments], debug=False)
    return Answer(code, "", err.getvalue())
