"""Processes that compute parts: what they do, what they tell, and no trace when they end."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from process_cases import eventually, exit_code, fork, lives, no_hanging
from tiny import NET, TRAIN, after, draw_dataset, new_trainer, read_config

from bpnet.errors import BpnetError, ConfigError
from bpnet.nn.parameters import shared_zeros
from bpnet.training import processes
from bpnet.training.loop import Trainer
from bpnet.training.parallel import ThreadTeam, Workers
from bpnet.training.part import Order, Phase
from bpnet.training.processes import CAN_FORK, ProcessTeam
from bpnet.training.team import build_team

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
Work = Callable[[int, int, Order], None]  # part, phase, order
ORDER = Order(np.arange(4), 0, 0, 0.1)
CONFIG = read_config(NET.replace("relu", "batchnorm\n    relu\n    dropout 0.2") + TRAIN)


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    with no_hanging():
        yield


@dataclass
class PlainPart:
    """Be a part of a step that does anything."""

    phases: Sequence[Phase]


def team_of(work: Work, parts: int = 2, *, count: int = 2, phases: int = 2) -> ProcessTeam:
    """Return a team whose parts do some work in each phase."""
    plain = [
        PlainPart([partial(work, number, phase) for phase in range(phases)])
        for number in range(parts)
    ]
    return ProcessTeam(plain, count, 8)


def rest(number: int, phase: int, order: Order) -> None:
    """Do nothing."""


def raising(error: BaseException, where: int, *, in_step: int = 0) -> Work:
    """Return work that fails in one part."""

    def work(number: int, phase: int, order: Order) -> None:
        if number == where and order.step == in_step and phase == 0:
            raise error

    return work


def assert_all_ended(team: ProcessTeam, seen: Sequence[int]) -> None:
    assert seen
    assert not any(map(lives, seen))
    assert team._children == []


# Steps


def test_every_part_gets_every_order_and_waits_for_all_others() -> None:
    done = shared_zeros(5, np.int64)
    wrong = shared_zeros(1, np.int64)
    doers = shared_zeros(5, np.int64)

    def work(number: int, phase: int, order: Order) -> None:
        wrong[0] += done[number] != 3 * order.step + phase
        wrong[0] += done.min() < 3 * order.step + phase
        wrong[0] += order.index.tolist() != list(range(order.step % 8 + 1))
        wrong[0] += (order.epoch, order.learning_rate) != (order.step // 10, 0.1 * order.step)
        done[number] += 1
        doers[number] = os.getpid()

    with team_of(work, 5, count=3, phases=3) as team:
        for step in range(200):
            team.step(Order(np.arange(step % 8 + 1), step // 10, step, 0.1 * step))
        own, first, second = os.getpid(), *team._children
    assert done.tolist() == [600] * 5
    assert not wrong[0]
    assert doers.tolist() == [own, first, second, own, first]


def test_a_team_can_be_used_again() -> None:
    done = shared_zeros(2, np.int64)

    def work(number: int, phase: int, order: Order) -> None:
        done[number] += 1

    team = team_of(work)
    for _ in range(3):
        with team:
            team.step(ORDER)
            seen = list(team._children)
        assert_all_ended(team, seen)
    assert done.tolist() == [6, 6]


def test_one_worker_needs_no_process(tmp_path: Path) -> None:
    with Workers(1, "processes") as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        assert isinstance(build_team(trainer.parts, workers, 16), ThreadTeam)
        trainer.run(after(2))


def test_the_shared_memory_has_no_name() -> None:
    shared = Path("/dev/shm")
    with team_of(rest) as team:
        team.step(ORDER)
        for process in (os.getpid(), *team._children):
            assert str(shared) not in Path(f"/proc/{process}/maps").read_text()
    if shared.is_dir():
        with tempfile.TemporaryFile(dir=shared) as file:  # what would be seen
            file.write(b"1")
            file.flush()
            with mmap(file.fileno(), 1):
                assert str(shared) in Path("/proc/self/maps").read_text()


# What goes wrong in a part


class LocalError(Exception):
    """Hold what cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.task = lambda: text


class PairError(Exception):
    """Be pickled, but not read again: it is made from two things and keeps one."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


def step_and_fail(team: ProcessTeam, error: type[BaseException]) -> BaseException:
    """Take a step that must fail, without anybody being killed; return what it raised."""
    seen: list[int] = []
    with pytest.raises(error) as caught, team:  # noqa: PT012
        seen = list(team._children)
        team.step(ORDER)
    assert_all_ended(team, seen)
    return caught.value


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the processes that are killed from now on."""
    kill, numbers = os.kill, []

    def watched(process: int, number: int) -> None:
        numbers.append(process)
        kill(process, number)

    monkeypatch.setattr("bpnet.training.processes.os.kill", watched)
    return numbers


ERRORS = [
    MemoryError("no room"),
    KeyError("x"),
    ConfigError("wrong", where="a.ini:3", expected="more", found="less", hint="try this"),
    ValueError("x" * 1_000_000),  # more than a pipe holds
]


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_part_raises_is_raised_here(killed: list[int], error: Exception, where: int) -> None:
    raised = step_and_fail(team_of(raising(error, where), 3, count=3), type(error))
    assert str(raised) == str(error)
    assert type(raised) is type(error)
    assert vars(raised) == vars(error)
    assert not killed


@pytest.mark.parametrize("error", [LocalError("no room"), PairError("no room", "hell")])
def test_an_error_that_cannot_travel_is_told_in_words(killed: list[int], error: Exception) -> None:
    raised = step_and_fail(team_of(raising(error, 1)), RuntimeError)
    assert str(raised) == f"{type(error).__name__}: {error}"
    assert not killed


@pytest.mark.parametrize("where", [0, 1])
def test_after_an_error_the_processes_are_still_in_step(where: int) -> None:
    done = shared_zeros(2, np.int64)
    fail = raising(ValueError("no"), where, in_step=1)

    def work(number: int, phase: int, order: Order) -> None:
        fail(number, phase, order)
        done[number] += 1

    with team_of(work) as team:
        for step in range(4):
            order = Order(np.arange(4), 0, step, 0.1)
            if step == 1:
                with pytest.raises(ValueError, match="no"):
                    team.step(order)
            else:
                team.step(order)
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

    def work(number: int, phase: int, order: Order) -> None:
        if phase == 1 and (order.step, number) in errors:
            raise ValueError(errors[order.step, number])

    with team_of(work) as team:
        for step, text in enumerate(("first here", "second there", "third here")):
            with pytest.raises(ValueError, match=text):
                team.step(Order(np.arange(4), 0, step, 0.1))


def test_an_error_in_a_run_is_raised_and_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = raising(MemoryError("no room"), 1, in_step=3)
    with Workers(2, "processes") as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        for number, part in enumerate(trainer.parts):
            compute: Phase = part.phases[0]

            def failing(order: Order, number: int = number, compute: Phase = compute) -> None:
                fail(number, 0, order)
                compute(order)

            monkeypatch.setattr(part, "compute", failing)
        with pytest.raises(MemoryError, match="no room"):
            trainer.run()
    assert trainer.progress.step == 3
    assert children(trainer) == []


# Ends


def children(trainer: Trainer) -> list[int]:
    """Return the processes that the trainer's team has forked."""
    assert isinstance(trainer.team, ProcessTeam)
    return list(trainer.team._children)


def kill_itself(number: int, phase: int, order: Order) -> None:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def leave(number: int, phase: int, order: Order) -> None:
    if number == 1:
        raise SystemExit


@pytest.mark.parametrize("work", [kill_itself, leave])
def test_a_process_that_ends_in_a_step_is_told(work: Work) -> None:
    error = step_and_fail(team_of(work, 3, count=3), BpnetError)
    assert str(error).startswith("a worker process has ended")
    assert "--resume" in str(error)


def test_a_killed_process_is_told_and_leaves_none_behind(tmp_path: Path) -> None:
    with Workers(2) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        victims: list[int] = []

        def kill() -> bool:
            if not victims:
                victims.extend(children(trainer))
                os.kill(victims[0], signal.SIGKILL)
            return False

        with pytest.raises(BpnetError, match="worker process has ended"):
            trainer.run(kill)
    assert not any(map(lives, victims))
    assert (tmp_path / "run" / "last.npz").is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_processes_end_with_the_run(tmp_path: Path, error: type[BaseException] | None) -> None:
    seen: list[int] = []
    with Workers(2) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)

        def look_and_stop() -> bool:
            seen.extend(children(trainer))
            if len(seen) == 3:
                raise error
            return False

        with pytest.raises(error):
            trainer.run(look_and_stop)
    assert len(set(seen)) == 1
    assert isinstance(trainer.team, ProcessTeam)
    assert_all_ended(trainer.team, seen)


def test_processes_end_with_a_run_that_stops(tmp_path: Path, killed: list[int]) -> None:
    seen: list[int] = []
    with Workers(2) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        assert trainer.run(lambda: bool(seen.extend(children(trainer))) or len(seen) == 3) is False
    assert not any(map(lives, seen))
    assert not killed


def test_an_interrupt_within_a_step_ends_them_too(killed: list[int]) -> None:
    step_and_fail(team_of(raising(KeyboardInterrupt(), 0), 3, count=3), KeyboardInterrupt)
    assert not killed


def test_signals_are_left_to_the_parent() -> None:
    with team_of(rest) as team:
        team.step(ORDER)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(team._children[0], number)
        for _ in range(100):
            team.step(ORDER)
        assert lives(team._children[0])


def test_a_process_that_hangs_is_killed_in_the_end(
    monkeypatch: pytest.MonkeyPatch, killed: list[int]
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.1)

    def work(number: int, phase: int, order: Order) -> None:
        if number == 1:
            time.sleep(1000)
        raise KeyboardInterrupt

    team = team_of(work)
    step_and_fail(team, KeyboardInterrupt)
    assert len(killed) == 1


def test_where_no_more_processes_can_be_made_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    forked: list[int] = []
    real = os.fork

    def fork_once() -> int:
        if forked:
            raise BlockingIOError("no more processes")
        forked.append(child := real())
        return child

    monkeypatch.setattr("bpnet.training.processes.os.fork", fork_once)
    team = team_of(rest, 3, count=3)
    with pytest.raises(BlockingIOError), team:
        pass
    ended = eventually(lambda: not lives(forked[0]))
    if not ended:
        os.kill(forked[0], signal.SIGKILL)
    assert ended


@pytest.mark.parametrize("moment", ["waiting", "in a step"])
def test_processes_end_when_their_parent_is_killed(moment: str) -> None:
    """A parent of its own dies without any chance to clean up."""
    reading, writing = os.pipe()

    def die() -> None:
        os.write(writing, str(team._children[0]).encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def work(number: int, phase: int, order: Order) -> None:
        if number == 0 and moment == "in a step":
            die()

    team = team_of(work)

    def run_and_die() -> Any:
        with team:
            team.step(ORDER)
            die()

    assert exit_code(fork(run_and_die)) == -signal.SIGKILL
    os.close(writing)
    orphan = int(os.read(reading, 32))
    os.close(reading)
    assert eventually(lambda: not lives(orphan))


def test_a_process_that_outlives_its_parent_would_be_noticed() -> None:
    child = fork(lambda: time.sleep(1000))
    assert lives(child)
    os.kill(child, signal.SIGKILL)
    assert eventually(lambda: not lives(child))
    exit_code(child)
