"""The progress of a gradient check: on a terminal, and nowhere else."""

import io
import sys

import pytest

from bpnet.cli.check_bar import CheckBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown_by_a_check(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with CheckBar() as bar:
        for total in (2, 3):
            bar.started(total)
            for _ in range(total):
                bar.done()
    return stream.getvalue()


def test_a_terminal_sees_each_check_begin_and_nothing_of_it_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = shown_by_a_check(Terminal(), monkeypatch)
    assert "checking:   0%" in shown
    assert "0/2" in shown
    assert "0/3" in shown
    assert shown.endswith("\r")


def test_a_file_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown_by_a_check(io.StringIO(), monkeypatch) == ""
