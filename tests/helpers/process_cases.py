"""Watch processes, whether they live and whose children they are, and make executors of them."""

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.nn.parameters import FlatArrays
from bpnet.training.step.batch import Batch, Message, Phase
from bpnet.training.step.processes import ProcessExecutor

Work = Callable[[int, int, Batch], None]  # shard, phase, batch
BATCH = Batch(np.arange(4), 0, 0, 0.1)
LONGEST = 60  # seconds that a test of processes may take before it counts as hanging


def lives(process: int) -> bool:
    """Return whether a process of this number exists and has not ended."""
    return status(process) not in (None, "Z", "X")


def status(process: int) -> str | None:
    """Return the letter by which the system says what a process does; None for no process."""
    fields = stat_fields(process)
    return fields[0] if fields else None


def children_of(process: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [n for n in numbers if lives(n) and (stat_fields(n) or ["", "0"])[1] == str(process)]


def stat_fields(process: int) -> list[str]:
    """Return what the system tells of a process, from its status letter on."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def processor_time(process: int) -> float:
    """Return the processor's time that a process has spent, in seconds."""
    spent = stat_fields(process)[11:13]  # for itself, and in the system for it
    return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait until something holds; return whether it came to that in time."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


@contextmanager
def no_hanging() -> Iterator[None]:
    """Raise where a block hangs, instead of waiting for ever."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("this test hangs")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def fork(task: Callable[[], object]) -> int:
    """Run a task in a process of its own, which ends with 0 if it returned something true."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the threads beside it
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = 0 if task() else 1
    finally:
        os._exit(code)


def exit_code(child: int) -> int:
    """Wait until a process has ended; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# Executors


@dataclass
class PlainShard:
    """Compute anything as a shard of a step."""

    phases: Sequence[Phase]
    messages: Sequence[Message | None] = ()

    def moved(self, arrays: FlatArrays) -> list[NDArray[Any]]:
        """Return nothing: it has no weights."""
        return []

    def rest(self) -> None:
        """Do nothing: it has no memory."""

    def kinks(self, batch_size: int) -> None:
        """Return None: it keeps nothing."""


def executor_of(work: Work, shards: int = 2, *, count: int = 2, phases: int = 2) -> ProcessExecutor:
    """Return an executor whose shards do some work in each phase."""
    plain = [
        PlainShard([partial(work, number, phase) for phase in range(phases)])
        for number in range(shards)
    ]
    return ProcessExecutor(plain, count, 8)


def rest(number: int, phase: int, batch: Batch) -> None:
    """Do nothing."""


def raising(error: BaseException, where: int, *, in_step: int = 0) -> Work:
    """Return work that fails in one shard."""

    def work(number: int, phase: int, batch: Batch) -> None:
        if number == where and batch.step == in_step and phase == 0:
            raise error

    return work


def assert_all_ended(executor: ProcessExecutor, seen: Sequence[int]) -> None:
    """Make sure that none is left of the processes that were seen."""
    assert seen
    assert not any(map(lives, seen))
    assert executor.children == []


def step_and_fail(executor: ProcessExecutor, error: type[BaseException]) -> BaseException:
    """Take a step that must fail and leave no process behind; return what it raised."""
    seen: list[int] = []
    with pytest.raises(error) as caught, executor:  # noqa: PT012
        seen = list(executor.children)
        executor.step(BATCH)
    assert_all_ended(executor, seen)
    return caught.value


def watch_kills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the processes that an executor kills from now on."""
    kill = os.kill
    numbers: list[int] = []

    def watched(process: int, number: int) -> None:
        numbers.append(process)
        kill(process, number)

    monkeypatch.setattr("bpnet.training.step.children.os.kill", watched)
    return numbers
