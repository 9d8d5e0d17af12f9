"""Compute the shards of a step in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from bpnet.model.workers import Workers, worker_settings
from bpnet.training.ranks.ranks import Meeting
from bpnet.training.step.batch import Batch, Shard


class ThreadExecutor:
    """Compute the shards of a step in threads; one thread needs no other.

    Use it as a context: within it, NumPy works in a thread that is alone as it should in a step.

    Args:
        shards: what to compute.
        workers: the threads.
        meeting: with the shards of other ranks, where there are any.
    """

    kind = "threads"

    def __init__(
        self, shards: Sequence[Shard], workers: Workers, meeting: Meeting | None = None
    ) -> None:
        self.shards = shards
        self.workers = workers
        self.meeting = meeting
        self._phases = list(zip(*(shard.phases for shard in shards), strict=True))
        self._is_alone = workers.count == 1 or len(shards) == 1
        self._settings = ExitStack()

    def __enter__(self) -> ThreadExecutor:
        if self._is_alone:
            self._settings.enter_context(worker_settings())  # once for all steps: it takes 6 µs
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the threads to their owner."""
        self._settings.close()

    def watch(self, should_stop: Callable[[], bool]) -> None:
        """Do nothing: threads always finish their step."""

    def rest(self) -> None:
        """Let all shards give their memory back until the next step."""
        for shard in self.shards:
            shard.rest()

    def step(self, batch: Batch) -> None:
        """Take one step: every phase of all shards before the next phase of any.

        Raises:
            BaseException: what a shard raised; the others finish their phase first.
        """
        for number, phases in enumerate(self._phases):
            if self._is_alone:
                for phase in phases:
                    phase(batch)
            else:
                self.workers.run([partial(phase, batch) for phase in phases])
            if self.meeting is not None:
                self.meeting.after(number, batch)
