"""The barrier at which processes meet: nobody passes early, and whoever waits long sleeps."""

import copy
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.errors import BpnetError
from bpnet.model.forks import CAN_FORK
from bpnet.nn.memory import shared_zeros
from bpnet.training.step.barrier import LONGEST_SLEEP, Barrier
from tests.helpers.process_cases import exit_code, fork, no_hanging, processor_time

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    with no_hanging():
        yield


SLEEP = time.sleep


def never() -> None:
    """Say that all others are alive."""


class Open(Barrier):
    """Let everybody pass at once."""

    def wait(self) -> None:
        """Return."""


class Leaky(Barrier):
    """Let everybody pass who is not the last to come by more than one round."""

    def wait(self) -> None:
        arrivals = self.arrive()
        while min(self.counts[place] for place in self.places) < arrivals - 1:
            self.is_alive()


def rounds_were_met(barrier: Barrier, processes: int, rounds: int) -> bool:
    """Let processes count rounds and meet behind each; return whether none passed early."""
    counts = shared_zeros(processes, np.int64)
    children = [
        fork(partial(count_rounds, barrier, counts, number, rounds))
        for number in range(1, processes)
    ]
    met = count_rounds(barrier, counts, 0, rounds)
    codes = [exit_code(child) for child in children]
    return met and codes == [0] * len(codes)


def count_rounds(barrier: Barrier, counts: NDArray[Any], number: int, rounds: int) -> bool:
    """Count and meet; return whether all others had counted as far each time."""
    barrier.number = number
    met = True
    for done in range(1, rounds + 1):
        if number and done == 1:
            time.sleep(0.02)  # whoever does not wait has finished long before
        counts[number] = done
        barrier.wait()
        met = met and bool(counts.min() >= done)
    return met


@pytest.mark.parametrize(("processes", "rounds"), [(1, 10), (2, 3000), (3, 300), (5, 50)])
def test_nobody_passes_before_all_have_come(processes: int, rounds: int) -> None:
    assert rounds_were_met(Barrier(processes, never), processes, rounds)


@pytest.mark.parametrize("wrong", [Open, Leaky])
def test_passing_early_is_noticed(wrong: type[Barrier]) -> None:
    assert not rounds_were_met(wrong(2, never), 2, 100)


def yield_slowly() -> None:
    """Take the time of others, as on a machine that has much else to do."""
    SLEEP(0.005)


def test_processes_meet_on_a_busy_machine_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.training.step.barrier.SPINS", 0)
    monkeypatch.setattr("bpnet.training.step.barrier.os.sched_yield", yield_slowly)
    assert rounds_were_met(Barrier(3, never), 3, 50)


# While one waits


def other_of(barrier: Barrier) -> Barrier:
    """Return the same barrier as the other process has it."""
    other = copy.copy(barrier)
    other.number = 1 - barrier.number
    return other


def awaited(asked_before: int) -> tuple[Barrier, list[str]]:
    """Return a barrier for two whose other side comes after that many questions, and a record."""
    record: list[str] = []

    def is_alive() -> None:
        record.append("asked")
        if record.count("asked") == asked_before:
            other_of(barrier).arrive()

    barrier = Barrier(2, is_alive)
    return barrier, record


def test_who_waits_long_asks_and_sleeps_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    barrier, record = awaited(8)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        record.append("slept")
        pauses.append(seconds)

    monkeypatch.setattr("bpnet.training.step.barrier.time.sleep", sleep)
    barrier.wait()
    assert record == ["asked", "slept"] * 8
    assert pauses == sorted(pauses)
    assert pauses[0] > 0
    assert pauses[-1] == LONGEST_SLEEP


def test_who_meets_soon_neither_asks_nor_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    barrier, record = awaited(1)
    monkeypatch.setattr(
        "bpnet.training.step.barrier.time.sleep", lambda seconds: record.append("slept")
    )
    other_of(barrier).arrive()
    barrier.wait()
    assert record == []


def test_nobody_waits_for_the_dead() -> None:
    def is_alive() -> None:
        raise BpnetError("gone")

    with pytest.raises(BpnetError, match="gone"):
        Barrier(2, is_alive).wait()


def test_the_dead_are_noticed_soon_on_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    yields: list[int] = []

    def is_alive() -> None:
        raise BpnetError("gone")

    def counted() -> None:
        yields.append(1)
        yield_slowly()

    monkeypatch.setattr("bpnet.training.step.barrier.os.sched_yield", counted)
    with pytest.raises(BpnetError, match="gone"):
        Barrier(2, is_alive).wait()
    assert len(yields) < 20


def time_spent_waiting(comes_when: Callable[[float], bool]) -> float:
    """Wait for a process that comes late; return the processor's time that this one spent.

    Args:
        comes_when: tells the other whether to come, from the time that this one has spent so far.
    """
    barrier = Barrier(2, never)
    child = fork(partial(come_late, barrier, os.getpid(), comes_when))
    before = time.process_time()
    barrier.wait()
    spent = time.process_time() - before
    assert exit_code(child) == 0
    return spent


def come_late(barrier: Barrier, waiting: int, comes_when: Callable[[float], bool]) -> bool:
    barrier.number = 1
    before = processor_time(waiting)
    while not comes_when(processor_time(waiting) - before):
        SLEEP(0.01)
    barrier.wait()
    return True


def seconds_later(seconds: float) -> Callable[[float], bool]:
    end = time.monotonic() + seconds
    return lambda spent: time.monotonic() > end


def test_a_process_that_waits_leaves_the_processor_to_others() -> None:
    assert time_spent_waiting(seconds_later(0.4)) < 0.2


def test_a_process_that_spins_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.training.step.barrier.time.sleep", lambda seconds: None)
    assert time_spent_waiting(lambda spent: spent >= 0.25) >= 0.2
