"""Compute the shards of a step in processes of their own, which share weights and gradients.

Threads hand the interpreter's lock to and fro after every NumPy call, which costs a network of
many small calls a third of its time; processes need nothing but a look at each other's progress.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np

from bpnet.model.forks import fork
from bpnet.model.workers import worker_settings
from bpnet.nn.memory import shared_zeros
from bpnet.training.ranks.ranks import Meeting
from bpnet.training.step.barrier import Barrier
from bpnet.training.step.batch import Batch, Shard
from bpnet.training.step.children import Children

FAILED = 1
ENDING = -1
RESTING = -1  # in place of a number of samples: no step is taken


class ProcessExecutor:
    """Compute the shards of a step in `count − 1` forked processes and in this one.

    Weights, gradients and batches lie in memory that a fork shares; nothing travels. Use it as a
    context: leaving it ends the processes, and should this process die, they end on their own.
    Within it NumPy works as it should in a step (`worker_settings`), in this process as well.

    Args:
        shards: process k computes the shards k, k + count, …
        count: processes in all.
        most: samples of the largest batch.
        meeting: with the shards of other ranks, where there are any; this process has it.
    """

    kind = "processes"

    def __init__(
        self, shards: Sequence[Shard], count: int, most: int, meeting: Meeting | None = None
    ) -> None:
        self.shards = shards
        self.count = count
        self.meeting = meeting
        self._own = [shard.phases for shard in shards[::count]]
        self._phases = len(shards[0].phases)
        self._index = shared_zeros(most, np.int64).view(np.int64)
        # Views of memory, whose elements are read and written faster than those of arrays.
        self._batch = shared_zeros(4, np.float64).data.cast("B").cast("d")
        self._state = shared_zeros(count, np.int64).data.cast("B").cast("q")
        self._children = Children()
        self.barrier = Barrier(count, self._children.demand)
        self._errors: list[Connection] = []
        self._settings = ExitStack()

    @property
    def children(self) -> list[int]:
        """Return the processes beside this one."""
        return self._children.processes

    def watch(self, should_stop: Callable[[], bool]) -> None:
        """Wait less long for stopped processes once `should_stop` says that the run should end."""
        self._children.should_stop = should_stop

    def __enter__(self) -> ProcessExecutor:
        self.barrier = Barrier(self.count, self._children.demand)
        for number in range(self.count):
            self._state[number] = 0
        try:
            for _ in range(1, self.count):
                self._fork()
        except BaseException:
            self.__exit__()
            raise
        self._settings.enter_context(worker_settings())  # once for all steps: it takes 6 µs
        return self

    def __exit__(self, *error: object) -> None:
        self._settings.close()
        self._state[0] = ENDING  # those that wait see it
        for pipe in self._errors:
            pipe.close()
        self._children.end()
        self._errors.clear()

    def step(self, batch: Batch) -> None:
        """Take one step: every phase of all shards before the next phase of any.

        Raises:
            WorkerError: a process has been killed or stopped.
            BaseException: what a shard raised; the others finish the step first.
        """
        self._index[: len(batch.index)] = batch.index
        numbers = len(batch.index), batch.epoch, batch.step, batch.learning_rate
        for place, number in enumerate(numbers):
            self._batch[place] = number
        self.barrier.wait()
        failure = self.take_phases(batch)
        self.barrier.wait()
        for number, pipe in enumerate(self._errors, start=1):
            if self._state[number] == FAILED:
                self._state[number] = 0
                told = pickle.loads(pipe.recv_bytes())
                failure = failure or told
        if failure is not None:
            raise failure

    def rest(self) -> None:
        """Let all shards give their memory back until the next step."""
        if self.children:
            self._batch[0] = RESTING
            self.barrier.wait()
            self.barrier.wait()  # all have read it
        self._rest_own()

    def _rest_own(self) -> None:
        for shard in self.shards[self.barrier.number :: self.count]:
            shard.rest()

    def take_phases(self, batch: Batch) -> BaseException | None:
        """Take all phases of the own shards, waiting for the others between them.

        Raises:
            RankError: another rank has failed.
        """
        failure = None
        for phase in range(self._phases):
            if phase:
                self.barrier.wait()
            try:
                if failure is None:
                    for phases in self._own:
                        phases[phase](batch)
            except Exception as error:
                failure = error
            if self.meeting is not None and self.meeting.meets_after(phase):
                self.barrier.wait()
                if self.barrier.number == 0 and failure is None:
                    self.meeting.after(phase, batch)
        return failure

    def _fork(self) -> None:
        ours, theirs = Pipe(duplex=False)
        number = len(self.children) + 1
        self.children.append(fork(partial(self._serve, number, os.getpid(), theirs)))
        theirs.close()
        self._errors.append(ours)

    def _serve(self, number: int, parent: int, errors: Connection) -> None:
        """Take step after step until the parent leaves its context or dies."""

        def demand_parent() -> None:
            if self._state[0] < 0 or os.getppid() != parent:
                os._exit(0)

        self._own = [shard.phases for shard in self.shards[number :: self.count]]
        self.barrier.number = number
        self.barrier.is_alive = demand_parent
        self._settings.enter_context(worker_settings())
        while True:
            self.barrier.wait()
            samples, epoch, step, rate = self._batch.tolist()
            if samples == RESTING:
                self._rest_own()
                self.barrier.wait()
                continue
            index = self._index[: int(samples)]
            failure = self.take_phases(Batch(index, int(epoch), int(step), rate))
            if failure is not None:
                self._state[number] = FAILED
            self.barrier.wait()
            if failure is not None:
                errors.send_bytes(_pickled(failure))


def _pickled(error: BaseException) -> bytes:
    """Return an error as another process can read it, or what it says where that fails."""
    try:
        text = pickle.dumps(error)
        pickle.loads(text)
        return text
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
