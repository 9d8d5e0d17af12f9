"""Compute the shards of a step in threads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bpnet.model.workers import Workers, run_all
from bpnet.training.step.batch import Batch, Shard


class ThreadExecutor:
    """Compute the shards of a step in threads; one thread needs no other.

    Args:
        shards: what to compute.
        workers: the threads.
    """

    kind = "threads"

    def __init__(self, shards: Sequence[Shard], workers: Workers) -> None:
        self.shards = shards
        self.workers = workers

    def __enter__(self) -> ThreadExecutor:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the threads to their owner."""

    def step(self, batch: Batch) -> None:
        """Take one step: every phase of all shards before the next phase of any.

        Raises:
            BaseException: what a shard raised; the others finish their phase first.
        """
        by_phase = [
            [partial(phase, batch) for phase in phases]
            for phases in zip(*(shard.phases for shard in self.shards), strict=True)
        ]
        if self.workers.count > 1 and len(self.shards) > 1:
            for tasks in by_phase:
                self.workers.run(tasks)
            return
        failure = run_all([task for tasks in by_phase for task in tasks])
        if failure is not None:
            raise failure
