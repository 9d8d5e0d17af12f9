"""Processes that compute shards: what they do, what they tell, and no trace when they end."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.errors import BpnetError
from bpnet.model.forks import CAN_FORK
from bpnet.model.workers import Workers
from bpnet.nn.memory import shared_zeros
from bpnet.training.loop import Trainer
from bpnet.training.step.batch import Batch
from bpnet.training.step.engine import build_executor
from bpnet.training.step.processes import ProcessExecutor
from bpnet.training.step.threads import ThreadExecutor
from tests.helpers.process_cases import (
    BATCH,
    assert_all_ended,
    eventually,
    executor_of,
    exit_code,
    fork,
    lives,
    no_hanging,
    rest,
    watch_kills,
)
from tests.helpers.tiny import NET, TRAIN, after, draw_dataset, new_trainer, read_config

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
CONFIG = read_config(NET.replace("relu", "batchnorm\n    relu\n    dropout 0.2") + TRAIN)


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    with no_hanging():
        yield


# Steps


def test_every_shard_gets_every_batch_and_waits_for_all_others() -> None:
    done = shared_zeros(5, np.int64)
    wrong = shared_zeros(1, np.int64)
    doers = shared_zeros(5, np.int64)

    def work(number: int, phase: int, batch: Batch) -> None:
        wrong[0] += done[number] != 3 * batch.step + phase
        wrong[0] += done.min() < 3 * batch.step + phase
        wrong[0] += batch.index.tolist() != list(range(batch.step % 8 + 1))
        wrong[0] += (batch.epoch, batch.learning_rate) != (batch.step // 10, 0.1 * batch.step)
        done[number] += 1
        doers[number] = os.getpid()

    with executor_of(work, 5, count=3, phases=3) as executor:
        for step in range(200):
            executor.step(Batch(np.arange(step % 8 + 1), step // 10, step, 0.1 * step))
        own, first, second = os.getpid(), *executor.children
    assert done.tolist() == [600] * 5
    assert not wrong[0]
    assert doers.tolist() == [own, first, second, own, first]


def test_all_shards_rest_and_go_on() -> None:
    done, rested = shared_zeros(5, np.int64), shared_zeros(5, np.int64)

    def work(number: int, phase: int, batch: Batch) -> None:
        done[number] += rested[number] == batch.step

    def count(number: int) -> None:
        rested[number] += 1

    executor = executor_of(work, 5, count=3, phases=1)
    for number, shard in enumerate(executor.shards):
        shard.rest = partial(count, number)  # type: ignore[method-assign]
    with executor:
        for step in range(50):
            executor.step(Batch(np.arange(8), 0, step, 0.1))
            executor.rest()
    assert done.tolist() == rested.tolist() == [50] * 5
    executor.rest()  # those of this process alone: the others have ended
    assert rested.tolist() == [51, 50, 50, 51, 50]


def test_an_executor_can_be_used_again() -> None:
    done = shared_zeros(2, np.int64)

    def work(number: int, phase: int, batch: Batch) -> None:
        done[number] += 1

    executor = executor_of(work)
    for _ in range(3):
        with executor:
            executor.step(BATCH)
            seen = list(executor.children)
        assert_all_ended(executor, seen)
    assert done.tolist() == [6, 6]


def test_one_worker_needs_no_process(tmp_path: Path) -> None:
    with Workers(1, "processes") as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)
        assert isinstance(build_executor(trainer.engine.shards, workers, 16), ThreadExecutor)
        trainer.run(after(2))


def named_memory(process: int) -> set[str]:
    """Return the shared memory of a process that has a name, and so could outlive it."""
    lines = Path(f"/proc/{process}/maps").read_text(encoding="utf-8").splitlines()
    return {line.split()[5] for line in lines if "/dev/shm/" in line}


def test_the_shared_memory_has_no_name() -> None:
    before = named_memory(os.getpid())
    with executor_of(rest) as executor:
        executor.step(BATCH)
        for process in (os.getpid(), *executor.children):
            assert named_memory(process) <= before


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no such place")
def test_shared_memory_with_a_name_is_noticed() -> None:
    before = named_memory(os.getpid())
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        file.write(b"1")
        file.flush()
        with mmap(file.fileno(), 1):
            assert named_memory(os.getpid()) > before


# Ends


def children(trainer: Trainer) -> list[int]:
    """Return the processes that the trainer's executor has forked."""
    assert isinstance(trainer.engine.executor, ProcessExecutor)
    return list(trainer.engine.executor.children)


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
def test_processes_end_with_the_run(tmp_path: Path, error: type[BaseException]) -> None:
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
    assert isinstance(trainer.engine.executor, ProcessExecutor)
    assert_all_ended(trainer.engine.executor, seen)


def test_processes_end_with_a_run_that_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = watch_kills(monkeypatch)
    seen: list[int] = []
    with Workers(2) as workers:
        trainer = new_trainer(CONFIG, draw_dataset(), tmp_path / "run", workers)

        def look_and_stop() -> bool:
            seen.extend(children(trainer))
            return len(seen) == 3

        assert trainer.run(look_and_stop) is False
    assert not any(map(lives, seen))
    assert not killed


def test_signals_are_left_to_the_parent() -> None:
    with executor_of(rest) as executor:
        executor.step(BATCH)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(executor.children[0], number)
        for _ in range(100):
            executor.step(BATCH)
        assert lives(executor.children[0])


@pytest.mark.parametrize("moment", ["waiting", "in a step"])
def test_processes_end_when_their_parent_is_killed(moment: str) -> None:
    """A parent of its own dies without any chance to clean up."""
    reading, writing = os.pipe()

    def die() -> None:
        os.write(writing, str(executor.children[0]).encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def work(number: int, phase: int, batch: Batch) -> None:
        if number == 0 and moment == "in a step":
            die()

    executor = executor_of(work)

    def run_and_die() -> Any:
        with executor:
            executor.step(BATCH)
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
