"""Worker processes that die, that are stopped, and that go on again."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial

import pytest

from bpnet.errors import WorkerError
from bpnet.model.forks import CAN_FORK
from bpnet.training.step import children as module
from bpnet.training.step.batch import Batch
from bpnet.training.step.children import Children
from tests.helpers.process_cases import (
    BATCH,
    assert_all_ended,
    eventually,
    executor_of,
    fork,
    lives,
    no_hanging,
    rest,
    status,
    watch_kills,
)

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
sleep_long = partial(time.sleep, 1000)


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    with no_hanging():
        yield


@pytest.fixture
def children() -> Iterator[Children]:
    """Watch one process that sleeps."""
    watched = Children()
    watched.processes.append(fork(sleep_long))
    yield watched
    for process in watched.processes:
        os.kill(process, signal.SIGKILL)
    watched.end()


def stop(process: int) -> None:
    """Stop a process, and wait until it has stopped."""
    os.kill(process, signal.SIGSTOP)
    assert eventually(lambda: status(process) == "T")


def test_a_stopped_process_is_given_up_killed_and_reaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOPPED_PATIENCE", 0.2)
    seen: list[int] = []
    with pytest.raises(WorkerError, match="has been stopped") as caught, executor_of(rest) as two:  # noqa: PT012
        two.step(BATCH)
        seen = list(two.children)
        stop(seen[0])
        began = time.monotonic()
        two.step(BATCH)
    assert time.monotonic() - began >= 0.2
    assert f"process {seen[0]}" in str(caught.value)
    assert_all_ended(two, seen)


def test_a_signal_makes_the_wait_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIGNAL_PATIENCE", 0.05)
    with pytest.raises(WorkerError, match=r"within 0\.05 s"), executor_of(rest) as two:  # noqa: PT012
        two.watch(lambda: True)
        stop(two.children[0])
        two.step(BATCH)


def test_a_process_that_goes_on_in_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with executor_of(rest) as two:
        stop(two.children[0])
        killed = watch_kills(monkeypatch)
        waker = fork(partial(wake_later, two.children[0]))
        two.step(BATCH)
        two.step(BATCH)
        os.waitpid(waker, 0)
    assert killed == []


def wake_later(process: int) -> None:
    time.sleep(0.3)
    os.kill(process, signal.SIGCONT)


def test_a_process_that_computes_is_waited_for_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "STOPPED_PATIENCE", 0.01)

    def work(number: int, phase: int, batch: Batch) -> None:
        if number == 1:
            time.sleep(0.3)

    with executor_of(work) as two:
        two.step(BATCH)


def test_time_in_which_this_process_did_not_run_does_not_count(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    (process,) = children.processes
    stop(process)
    now = [1000.0]
    monkeypatch.setattr("bpnet.training.step.children.time.monotonic", lambda: now[0])
    for _ in range(5):
        children.demand()
        now[0] += 3600  # Ctrl-Z, or a laptop that sleeps
    os.kill(process, signal.SIGCONT)
    assert eventually(lambda: status(process) == "S")
    for _ in range(5000):
        children.demand()
        now[0] += 0.1


def test_stopped_processes_are_not_waited_for_at_the_end(children: Children) -> None:
    (process,) = children.processes
    stop(process)
    children.end()
    assert not lives(process)
    assert children.processes == []


def test_a_process_killed_while_its_end_is_awaited(children: Children) -> None:
    (process,) = children.processes
    killer = fork(partial(kill_later, process))
    children.end()
    os.waitpid(killer, 0)
    assert not lives(process)


def kill_later(process: int) -> None:
    time.sleep(0.1)
    os.kill(process, signal.SIGKILL)


def test_a_wait_that_is_interrupted_leaves_none_behind(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    (process,) = children.processes

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bpnet.training.step.children.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        children.end()
    assert not lives(process)


def test_the_dead_are_noticed_where_the_system_forgets_them() -> None:
    watched = Children()
    previous = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        process = fork(lambda: True)
        watched.processes.append(process)
        assert eventually(lambda: not lives(process))
        with pytest.raises(WorkerError, match="has ended"):
            watched.demand()
    finally:
        signal.signal(signal.SIGCHLD, previous)
