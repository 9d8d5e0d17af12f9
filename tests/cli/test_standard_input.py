"""Standard input is read to its end, or until a signal comes."""

import io
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from bpnet.cli.standard_input import read_standard_input

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals and pipes")


class WokenError(Exception):
    """Show that a handler ran."""


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make a pipe standard input; return the end that is written to."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield writing


def send(writing: int, content: bytes) -> None:
    with os.fdopen(writing, "wb") as file:
        file.write(content)


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_all_of_it_is_read(pipe: int, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    sender = threading.Thread(target=send, args=(pipe, content))
    sender.start()
    assert read_standard_input(1 << 20) == content
    sender.join()


def test_no_more_is_read_than_is_wanted(pipe: int) -> None:
    send(pipe, b"0123456789")
    assert read_standard_input(4) == b"0123"


def test_closed_standard_input_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert read_standard_input(10) == b""


def test_what_has_no_descriptor_is_read_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"abc"), encoding="utf-8"))
    assert read_standard_input(2) == b"ab"


@pytest.mark.parametrize("rounds", [200])
def test_a_signal_ends_the_wait(pipe: int, rounds: int) -> None:
    def handler(number: int, frame: FrameType | None) -> None:
        raise WokenError

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        for pause in range(rounds):
            timer = threading.Timer(pause * 5e-6, os.kill, (os.getpid(), signal.SIGUSR1))
            with pytest.raises(WokenError):  # noqa: PT012 — it may come before the wait
                timer.start()
                read_standard_input(10)
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
        os.close(pipe)


def test_a_signal_just_before_the_wait_ends_it(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = select.select
    seen: list[list[int]] = []

    def late(reading: list[int], *_: list[int]) -> tuple[list[int], list[int], list[int]]:
        if not seen:  # the system has noted a signal, and Python's handler has not run yet
            descriptor = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(descriptor)
            os.write(descriptor, b"\0")
        seen.append(wait(reading, [], [], 10)[0])
        return seen[-1], [], []

    monkeypatch.setattr(select, "select", late)
    send(pipe, b"content")
    assert read_standard_input(7) == b"content"
    assert [len(ready) for ready in seen] == [2, 1]  # the first time, something woke it
