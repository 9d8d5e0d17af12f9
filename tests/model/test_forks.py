"""Forked processes: the same results as without, whatever happens to them."""

import errno
import mmap
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bpnet.bench.isolated import family
from bpnet.data.dataset import Samples
from bpnet.model import blocks as blocking
from bpnet.model import forks
from bpnet.model.forks import CAN_FORK, map_forked, may_fork, stream_forked
from bpnet.model.score import evaluate
from bpnet.model.workers import Workers
from bpnet.training.run import prepare_model
from tests.helpers.tiny import NET, TRAIN, draw_dataset, draw_samples, read_config

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")

PARENT = os.getpid()


@pytest.mark.parametrize(("count", "processes"), [(7, 1), (7, 2), (7, 3), (2, 5), (0, 2)])
def test_results_come_in_order(count: int, processes: int) -> None:
    assert map_forked(lambda number: number**2, count, processes) == [n**2 for n in range(count)]


def test_only_the_main_thread_may_fork() -> None:
    assert may_fork()
    with ThreadPoolExecutor(1) as threads:
        assert not threads.submit(may_fork).result()


def computed_here(numbers: list[int], number: int) -> bool:
    """Note a number that the test's own process computes, and let the others come up with it."""
    if os.getpid() == PARENT:
        time.sleep(0.05)
        numbers.append(number)
        return True
    return False


def test_other_processes_take_part() -> None:
    here: list[int] = []

    def named(number: int) -> int:
        if not computed_here(here, number):
            time.sleep(0.01)
        return os.getpid()

    found = map_forked(named, 20, 3)
    assert len(set(found)) == 3
    assert [number for number, process in enumerate(found) if process == PARENT] == here


def test_what_a_killed_process_owes_is_computed_here() -> None:
    here: list[int] = []

    def squared(number: int) -> int:
        if not computed_here(here, number):
            os.kill(os.getpid(), signal.SIGKILL)
        return number**2

    assert map_forked(squared, 5, 2) == [0, 1, 4, 9, 16]
    assert sorted(here) == [0, 1, 2, 3, 4] != here  # one was lost, and made up for


class UnreadableError(Exception):
    """Cannot be unpacked, since that leaves its second argument out."""

    def __init__(self, reason: str, *, number: int) -> None:
        super().__init__(reason)
        self.number = number


def test_what_cannot_be_unpacked_is_computed_here() -> None:
    here: list[int] = []

    def error(number: int) -> int | UnreadableError:
        computed_here(here, number)
        return UnreadableError("as often", number=number) if number % 3 else number

    found = map_forked(error, 12, 3)
    assert [getattr(one, "number", one) for one in found] == list(range(12))
    assert len(here) < 12


def test_few_results_are_ahead_of_their_turn() -> None:
    with mmap.mmap(-1, 8) as shared:  # how many were computed

        def large(number: int) -> bytes:
            shared[0] = max(shared[0], number)
            return bytes(200_000)

        with closing(stream_forked(large, 200, 2)) as stream:
            next(stream)
            time.sleep(0.2)
            assert shared[0] < 40
        assert len(list(stream_forked(large, 200, 2))) == 200


def test_a_stream_that_is_closed_leaves_no_process() -> None:
    before = family(PARENT)
    stream = stream_forked(lambda number: number, 10_000, 3)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    assert len(family(PARENT)) == len(before) + 2
    stream.close()
    assert family(PARENT) == before


@pytest.mark.parametrize("after", [0, 1])
def test_what_a_stopped_process_owes_is_computed_here(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "PATIENCE", 0.2)
    here: list[int] = []

    def squared(number: int) -> int:
        if not computed_here(here, number) and number > after:
            os.kill(os.getpid(), signal.SIGSTOP)
        return number**2

    before = family(PARENT)
    assert map_forked(squared, 9, 2) == [number**2 for number in range(9)]
    assert here != sorted(here)
    assert family(PARENT) == before


def test_a_process_that_goes_on_is_waited_for() -> None:
    here: list[int] = []

    def named(number: int) -> int:
        if not computed_here(here, number):
            waker = f"sleep 0.3; kill -CONT {os.getpid()}"
            subprocess.Popen(["sh", "-c", waker], start_new_session=True)
            os.kill(os.getpid(), signal.SIGSTOP)
        return os.getpid()

    assert len(set(map_forked(named, 2, 2))) == 2
    assert len(here) == 1


@pytest.mark.parametrize("call", ["fork", "pipe"])
def test_without_further_processes_all_is_computed_here(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(os, call, refuse)
    assert map_forked(lambda number: number**2, 5, 3) == [0, 1, 4, 9, 16]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_error_is_raised_as_without_processes() -> None:
    def refuse(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError, match="3"):
        map_forked(refuse, 5, 2)


def test_who_is_interrupted_leaves_no_process() -> None:
    def interrupted(number: int) -> int:
        if os.getpid() == PARENT:
            raise KeyboardInterrupt
        signal.pause()
        return number

    before = family(os.getpid())
    with pytest.raises(KeyboardInterrupt):
        map_forked(interrupted, 4, 2)
    assert family(os.getpid()) == before


def test_processes_score_as_threads_do(monkeypatch: pytest.MonkeyPatch) -> None:
    model = prepare_model(read_config(NET + TRAIN), draw_dataset())
    samples = Samples(*(getattr(draw_samples(300, 5), name) for name in ("inputs", "targets")))
    calls: list[int] = []

    def counted(*arguments: object) -> list[object]:
        calls.append(1)
        return map_forked(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(blocking, "map_forked", counted)
    monkeypatch.setattr(blocking, "FORKED_WORK", 0)
    with Workers(2, "threads") as threads, Workers(2) as processes, Workers(1) as alone:
        by_thread = evaluate(model, samples, threads)
        assert not calls
        by_process = evaluate(model, samples, processes)
        assert len(calls) == 1
        by_one = evaluate(model, samples, alone)
    assert by_thread.loss == by_process.loss == by_one.loss
    for score in (by_thread, by_process, by_one):
        assert score.confusion is not None
        assert score.confusion.sum() == 300
        assert np.trace(score.confusion) == by_one.correct
