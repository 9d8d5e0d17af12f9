"""Digits that are drawn ahead: the right ones, never too many, and no process left behind."""

import os
import signal
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.loading import load_config
from bpnet.data.endless import BLOCK, EndlessDigits
from bpnet.errors import WorkerError
from bpnet.model.forks import CAN_FORK
from bpnet.training.step import children as children_module
from bpnet.training.step import ring as ring_module
from bpnet.training.step.batch import Batch
from bpnet.training.step.drawn_ahead import DrawnAhead
from bpnet.training.step.ring import Ring
from bpnet.training.step.supply import MOST, supply_of
from tests.helpers.endless import few_digits
from tests.helpers.process_cases import eventually, exit_code, fork, lives, no_hanging, status
from tests.helpers.tiny import draw_dataset

DIGITS = EndlessDigits(seed=3, variety=1.0, repeat=600)
needs_forks = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")


@pytest.fixture(autouse=True)
def _no_hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("bpnet.training.step.ring.AHEAD", 4)  # what is not wanted takes time
    with no_hanging():
        yield


def supply(count: int = 2, *, forks: bool = True, most: int = 100) -> DrawnAhead:
    return DrawnAhead(Ring(DIGITS, most), count, forks=forks)


def batch(start: int, stop: int, epoch: int = 0) -> Batch:
    return Batch(np.arange(start, stop), epoch, 0, 0.1)


def assert_handed_over(supplied: DrawnAhead, wanted: Batch) -> None:
    """Compare the samples of a batch with what is drawn for their numbers."""
    supplied.hand_over(wanted)
    samples = supplied.samples
    rows = samples.places(wanted.index, wanted.epoch)
    for row, number in zip(rows, wanted.index + wanted.epoch * DIGITS.repeat, strict=True):
        images, labels = drawn(int(number) // BLOCK)
        np.testing.assert_array_equal(samples.inputs[row], images[number % BLOCK])
        assert samples.targets[row] == labels[number % BLOCK]


@cache
def drawn(block: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return DIGITS.draw(block)


@pytest.mark.parametrize(
    ("count", "forks"),
    [
        pytest.param(1, True, marks=needs_forks),
        pytest.param(3, True, marks=needs_forks),
        (1, False),
        (3, False),
    ],
)
def test_every_batch_gets_the_digits_of_its_numbers(count: int, forks: bool) -> None:
    with supply(count, forks=forks) as supplied:
        assert len(supplied.children) == (count if forks else 0)
        for epoch in range(2):
            for start in range(0, 600, 97):
                assert_handed_over(supplied, batch(start, min(start + 97, 600), epoch))


@needs_forks
def test_a_run_goes_on_anywhere_and_the_supply_can_be_used_again() -> None:
    supplied = supply()
    for start in (1, 0):
        with supplied:
            seen = list(supplied.children)
            assert_handed_over(supplied, batch(530, 600, start))
            assert_handed_over(supplied, batch(0, 70, start + 1))
        assert not any(map(lives, seen))
        assert supplied.children == []


def test_a_supply_that_is_not_entered_draws_when_asked() -> None:
    supplied = supply(1)
    assert_handed_over(supplied, batch(240, 260))
    assert_handed_over(supplied, batch(260, 300))


def test_a_large_batch_finds_room() -> None:
    supplied = supply(2, forks=False, most=600)
    assert_handed_over(supplied, batch(0, 600))


@needs_forks
def test_no_more_is_drawn_ahead_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring_module, "AHEAD", 2)
    ring = Ring(DIGITS, most=100)
    assert ring.slots == 4  # a batch of 100 lies in two blocks at most
    assert len(ring.samples.inputs) == 4 * BLOCK
    with DrawnAhead(ring, 3, forks=True) as supplied:
        for first in range(3):
            supplied.hand_over(batch(first * BLOCK, first * BLOCK + 50))
            assert eventually(lambda: all(map(ring.has, range(first, first + 4))))  # noqa: B023
            assert not ring.has(first + 4)
            assert not ring.has_room(first + 4)
            assert ring.has_room(first + 3)


def test_nothing_is_drawn_before_the_first_batch() -> None:
    ring = Ring(DIGITS, most=100)
    assert not ring.has_room(0)
    ring.want_from(5)
    assert ring.has_room(5)
    with pytest.raises(AssertionError, match="once"):
        ring.want_from(4)


# Ends


@needs_forks
def test_a_killed_process_is_told_and_leaves_none_behind() -> None:
    with pytest.raises(WorkerError, match="drawing process has ended") as caught, supply() as two:  # noqa: PT012
        seen = list(two.children)
        os.kill(seen[0], signal.SIGKILL)
        for start in range(0, 600, 100):
            two.hand_over(Batch(np.arange(start, start + 100), 0, 0, 0.1))
    assert "--workers threads" in str(caught.value.parts["try"])
    assert not any(map(lives, seen))


@needs_forks
def test_a_stopped_process_is_given_up_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children_module, "STOPPED_PATIENCE", 0.2)
    with pytest.raises(WorkerError, match="drawing process has been stopped"), supply(1) as one:  # noqa: PT012
        seen = list(one.children)
        os.kill(seen[0], signal.SIGSTOP)
        assert eventually(lambda: status(seen[0]) == "T")
        one.hand_over(batch(0, 100))
    assert not any(map(lives, seen))


@needs_forks
@pytest.mark.parametrize("begun", [False, True])
def test_processes_end_when_their_parent_is_killed(begun: bool) -> None:
    reading, writing = os.pipe()

    def task() -> None:
        with supply(2) as two:
            if begun:
                two.hand_over(batch(0, 100))
            os.write(writing, " ".join(map(str, two.children)).encode() + b"\n")
            os.kill(os.getpid(), signal.SIGKILL)

    assert exit_code(fork(task)) == -signal.SIGKILL
    os.close(writing)
    with os.fdopen(reading) as pipe:
        seen = list(map(int, pipe.readline().split()))
    assert len(seen) == 2
    assert eventually(lambda: not any(map(lives, seen)))


# How many


@pytest.mark.parametrize(
    ("workers", "count", "forks"),
    [
        ("auto", 5, True),
        ("2", 2, True),
        ("threads", 5, False),
        ("3 threads", 3, False),
        ("100", MOST, True),
    ],
)
def test_processors_or_workers_tell_how_many_draw(
    monkeypatch: pytest.MonkeyPatch, workers: str, count: int, forks: bool
) -> None:
    monkeypatch.setattr("bpnet.training.step.supply.available_cores", lambda: 5)
    config = load_config("mlp", (f"train.workers={workers}",))
    supplied = supply_of(config, few_digits(), 100)
    assert supplied is not None
    assert (supplied.count, supplied.forks) == (count, forks)


def test_samples_that_end_need_no_supply() -> None:
    assert supply_of(load_config("mlp"), draw_dataset(), 100) is None
