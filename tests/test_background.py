"""A thread that works at one thing: what it returns, and what it raises."""

import threading

import pytest

from bpnet.background import Background


def test_a_function_runs_beside_this_thread() -> None:
    may_end = threading.Event()

    def answer() -> int:
        assert may_end.wait(10)  # would last for ever in this thread
        return 42

    background = Background(answer)
    may_end.set()
    assert background.result() == 42
    assert background.result() == 42


def test_what_it_raises_is_raised_here() -> None:
    def fail() -> None:
        raise ValueError("as expected")

    background = Background(fail)
    with pytest.raises(ValueError, match="as expected"):
        background.result()
