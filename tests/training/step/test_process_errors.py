"""What goes wrong in a shard of a step: told here, with nobody killed and nobody left behind."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bpnet.errors import BpnetError, ConfigError
from bpnet.model.forks import CAN_FORK
from bpnet.model.workers import Workers
from bpnet.nn.memory import shared_zeros
from bpnet.training.step import children
from bpnet.training.step.batch import Batch, Phase
from bpnet.training.step.processes import ProcessExecutor
from tests.helpers.process_cases import (
    Work,
    eventually,
    executor_of,
    lives,
    no_hanging,
    raising,
    rest,
    step_and_fail,
    watch_kills,
)
from tests.helpers.tiny import NET, TRAIN, draw_dataset, new_trainer, read_config

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    with no_hanging():
        yield


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the processes that are killed from now on."""
    return watch_kills(monkeypatch)


# Exceptions


class LocalError(Exception):
    """Hold what cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.task = lambda: text


class PairError(Exception):
    """Be pickled, but not read again: it is made from two things and keeps one."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


ERRORS = {
    "of Python": MemoryError("no room"),
    "of ours": ConfigError("wrong", where="a.ini:3", expected="1", found="2", hint="try this"),
    "larger than a pipe": ValueError("x" * 1_000_000),
}


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("kind", ERRORS)
def test_what_a_shard_raises_is_raised_here(killed: list[int], kind: str, where: int) -> None:
    error = ERRORS[kind]
    raised = step_and_fail(executor_of(raising(error, where), 3, count=3), type(error))
    assert str(raised) == str(error)
    assert type(raised) is type(error)
    assert vars(raised) == vars(error)
    assert not killed


@pytest.mark.parametrize("error", [LocalError("no room"), PairError("no room", "the house")])
def test_an_error_that_cannot_travel_is_told_in_words(killed: list[int], error: Exception) -> None:
    raised = step_and_fail(executor_of(raising(error, 1)), RuntimeError)
    assert str(raised) == f"{type(error).__name__}: {error}"
    assert not killed


@pytest.mark.parametrize("where", [0, 1])
def test_after_an_error_the_processes_are_still_in_step(where: int) -> None:
    done = shared_zeros(2, np.int64)
    fail = raising(ValueError("no"), where, in_step=1)

    def work(number: int, phase: int, batch: Batch) -> None:
        fail(number, phase, batch)
        done[number] += 1

    with executor_of(work) as executor:
        for step in range(4):
            batch = Batch(np.arange(4), 0, step, 0.1)
            if step == 1:
                with pytest.raises(ValueError, match="no"):
                    executor.step(batch)
            else:
                executor.step(batch)
    expected = [8, 8]
    expected[where] = 6  # it lost one step; the others finished theirs
    assert done.tolist() == expected


def test_each_step_tells_its_own_error() -> None:
    errors = {
        (0, 0): "first here",
        (0, 1): "first there",
        (1, 1): "second there",
        (2, 0): "third here",
    }

    def work(number: int, phase: int, batch: Batch) -> None:
        if phase == 1 and (batch.step, number) in errors:
            raise ValueError(errors[batch.step, number])

    with executor_of(work) as executor:
        for step, text in enumerate(("first here", "second there", "third here")):
            with pytest.raises(ValueError, match=text):
                executor.step(Batch(np.arange(4), 0, step, 0.1))


def test_an_error_in_a_run_is_raised_and_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = raising(MemoryError("no room"), 1, in_step=3)
    with Workers(2, "processes") as workers:
        trainer = new_trainer(read_config(NET + TRAIN), draw_dataset(), tmp_path / "run", workers)
        for number, shard in enumerate(trainer.engine.shards):
            compute: Phase = shard.phases[0]

            def failing(batch: Batch, number: int = number, compute: Phase = compute) -> None:
                fail(number, 0, batch)
                compute(batch)

            monkeypatch.setattr(shard, "compute", failing)
        with pytest.raises(MemoryError, match="no room"):
            trainer.run()
    assert trainer.progress.step == 3
    assert isinstance(trainer.engine.executor, ProcessExecutor)
    assert trainer.engine.executor.children == []


# Ends


def kill_itself(number: int, phase: int, batch: Batch) -> None:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def leave(number: int, phase: int, batch: Batch) -> None:
    if number == 1:
        raise SystemExit


@pytest.mark.parametrize("work", [kill_itself, leave])
def test_a_process_that_ends_in_a_step_is_told(work: Work) -> None:
    error = step_and_fail(executor_of(work, 3, count=3), BpnetError)
    assert str(error).startswith("a worker process has ended")
    assert "--workers threads" in str(error)


def test_an_interrupt_within_a_step_ends_them_too(killed: list[int]) -> None:
    step_and_fail(executor_of(raising(KeyboardInterrupt(), 0), 3, count=3), KeyboardInterrupt)
    assert not killed


def test_a_process_that_hangs_is_killed_in_the_end(
    monkeypatch: pytest.MonkeyPatch, killed: list[int]
) -> None:
    monkeypatch.setattr(children, "PATIENCE", 0.1)

    def work(number: int, phase: int, batch: Batch) -> None:
        if number == 1:
            time.sleep(1000)
        raise KeyboardInterrupt

    executor = executor_of(work)
    step_and_fail(executor, KeyboardInterrupt)
    assert len(killed) == 1


def test_where_no_more_processes_can_be_made_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    forked: list[int] = []
    real = os.fork

    def fork_once() -> int:
        if forked:
            raise BlockingIOError("no more processes")
        forked.append(child := real())
        return child

    monkeypatch.setattr("bpnet.training.step.processes.os.fork", fork_once)
    executor = executor_of(rest, 3, count=3)
    with pytest.raises(BlockingIOError), executor:
        pass
    ended = eventually(lambda: not lives(forked[0]))
    if not ended:
        os.kill(forked[0], signal.SIGKILL)
    assert ended
