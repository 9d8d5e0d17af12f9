"""Compute shards in processes of their own, which share weights and gradients.

Threads hand the interpreter's lock to and fro after every NumPy call, which costs a network of
many small calls a third of its time; processes need two messages a step.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import BpnetError
from bpnet.training.parallel import Shard, ThreadTeam, Workers, run_all, task_of

CAN_FORK = sys.platform == "linux"  # elsewhere the system's own libraries forbid it


class ProcessTeam:
    """Compute the shards of a batch in `count − 1` forked processes and in this one.

    Weights and gradients lie in memory that a fork shares, so that only the numbers of the
    samples travel there, and loss and right answers back. Use it as a context: leaving it ends
    the processes, and should this process die, they end by themselves as their pipe closes.

    Args:
        shards: process k computes the shards k, k + count, …
        count: processes in all.
    """

    def __init__(self, shards: Sequence[Shard], count: int) -> None:
        self.shards = shards
        self.count = count
        self._pipes: list[Connection] = []
        self._children: list[int] = []

    def __enter__(self) -> ProcessTeam:
        for _ in range(1, self.count):
            self._fork()
        return self

    def __exit__(self, *error: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for child in self._children:
            os.waitpid(child, 0)
        self._pipes.clear()
        self._children.clear()

    def compute(
        self, parts: Sequence[NDArray[np.int64]], batch_size: int, epoch: int, step: int
    ) -> None:
        """Let every shard compute loss and gradient of its part of the batch.

        Raises:
            BpnetError: a process has been killed.
            BaseException: what a shard raised; the others are finished first.
        """
        for number, pipe in enumerate(self._pipes, start=1):
            try:
                pipe.send((parts[number :: self.count], batch_size, epoch, step))
            except OSError:
                raise _lost(self._children[number - 1]) from None
        tasks = [
            task_of(shard, part, batch_size, epoch, step)
            for shard, part in zip(self.shards, parts, strict=False)
        ]
        failure = run_all(tasks[:: self.count])
        for number, pipe in enumerate(self._pipes, start=1):
            try:
                results, error = pipe.recv()
            except (EOFError, OSError):
                raise _lost(self._children[number - 1]) from None
            failure = failure or error
            for shard, (loss_sum, correct) in zip(
                self.shards[number :: self.count], results, strict=False
            ):
                shard.loss_sum, shard.correct = loss_sum, correct
        if failure is not None:
            raise failure

    def _fork(self) -> None:
        ours, theirs = Pipe()
        number = len(self._pipes) + 1
        with warnings.catch_warnings():
            # Python warns of forking beside threads: the child takes none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child:
            theirs.close()
            self._pipes.append(ours)
            self._children.append(child)
            return
        try:
            for pipe in (*self._pipes, ours):
                pipe.close()  # else they would stay open when the parent has died
            _serve(theirs, self.shards[number :: self.count])
        finally:
            os._exit(0)  # no clean-up of what belongs to the parent


def _serve(pipe: Connection, shards: Sequence[Shard]) -> None:
    """Compute what comes through the pipe until its other end is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent finishes the step, then hangs up
    while True:
        try:
            parts, batch_size, epoch, step = pipe.recv()
        except EOFError:
            return
        pairs = zip(shards, parts, strict=False)
        error = run_all([task_of(shard, part, batch_size, epoch, step) for shard, part in pairs])
        results = [(shard.loss_sum, shard.correct) for shard in shards[: len(parts)]]
        pipe.send((results, error))


def _lost(child: int) -> BpnetError:
    return BpnetError(
        "a worker process has ended in the middle of a step",
        where=f"process {child}",
        found="killed, perhaps for lack of memory",
        hint="go on with --resume; --workers 1 needs no further process",
    )


def build_team(shards: Sequence[Shard], workers: Workers) -> ProcessTeam | ThreadTeam:
    """Return what computes the shards: processes where the system can fork, else threads."""
    count = min(workers.count, len(shards))
    return ProcessTeam(shards, count) if CAN_FORK and count > 1 else ThreadTeam(shards, workers)
