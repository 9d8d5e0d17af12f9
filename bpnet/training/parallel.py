"""Compute the parts of a step in one thread or in several, the same bits either way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from queue import SimpleQueue
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from bpnet.training.part import Order, Part

UFUNC_BUFFER = 512  # elements; NumPy's 8192 make short strided runs 3–4 times slower
Task = Callable[[], None]


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes 200 µs: once is enough


def blas_threads(count: int) -> AbstractContextManager[Any]:
    """Give every matrix product `count` threads until the context ends."""
    limits: AbstractContextManager[Any] = _blas().limit(limits=count, user_api="blas")
    return limits


def blas_description() -> list[dict[str, Any]]:
    """Return which libraries compute matrix products, and with how many threads."""
    keys = ("internal_api", "version", "architecture", "num_threads")
    return [{key: library.get(key) for key in keys} for library in _blas().info()]


def available_cores() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """Run tasks in the calling thread and in `count − 1` threads beside it.

    NumPy lets go of the interpreter's lock inside matrix products and long loops, so threads
    compute side by side. Use it as a context: leaving it ends the threads.

    Args:
        count: threads in all.
        kind: what computes the parts of training steps: `threads`, `processes`, or `auto`.
    """

    def __init__(self, count: int, kind: str = "auto") -> None:
        self.count = count
        self.kind = kind
        self._jobs: list[SimpleQueue[Sequence[Task] | None]] = []
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        for jobs in self._jobs:
            jobs.put(None)
        self._jobs.clear()

    def run(self, tasks: Sequence[Task]) -> None:
        """Run all tasks, worker k the tasks k, k + count, …, and return when all have ended.

        Raises:
            BaseException: what a task raised; the others are finished first.
        """
        self._start(min(self.count, len(tasks)) - 1)
        others = self._jobs[: max(0, len(tasks) - 1)]
        stride = len(others) + 1
        for number, jobs in enumerate(others, start=1):
            jobs.put(tasks[number::stride])
        failure = run_all(tasks[::stride])
        for _ in others:
            failure = self._done.get() or failure
        if failure is not None:
            raise failure

    def _start(self, threads: int) -> None:
        """Start threads until there are as many, the first time they are needed."""
        while len(self._jobs) < threads:
            jobs: SimpleQueue[Sequence[Task] | None] = SimpleQueue()
            name = f"bpnet-worker-{len(self._jobs) + 1}"
            threading.Thread(target=self._serve, args=(jobs,), name=name, daemon=True).start()
            self._jobs.append(jobs)

    def _serve(self, jobs: SimpleQueue[Sequence[Task] | None]) -> None:
        while (tasks := jobs.get()) is not None:
            self._done.put(run_all(tasks))


def run_all(tasks: Sequence[Task]) -> BaseException | None:
    """Run tasks one after the other under the settings of a worker; return what one raised."""
    previous = np.setbufsize(UFUNC_BUFFER)
    try:
        # A loss that overflows is found and named by the loop; a warning would only repeat it.
        with np.errstate(all="ignore"):
            for task in tasks:
                task()
    except BaseException as error:
        return error
    finally:
        np.setbufsize(previous)
    return None


class ThreadTeam:
    """Compute the parts of a step in threads; one thread needs no other.

    Args:
        parts: what to compute.
        workers: the threads.
    """

    kind = "threads"

    def __init__(self, parts: Sequence[Part], workers: Workers) -> None:
        self.parts = parts
        self.workers = workers

    def __enter__(self) -> ThreadTeam:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the threads to whoever made them."""

    def step(self, order: Order) -> None:
        """Take one step: every phase of all parts before the next phase of any.

        Raises:
            BaseException: what a part raised; the others finish their phase first.
        """
        by_phase = [
            [partial(phase, order) for phase in phases]
            for phases in zip(*(part.phases for part in self.parts), strict=True)
        ]
        if self.workers.count > 1 and len(self.parts) > 1:
            for tasks in by_phase:
                self.workers.run(tasks)
            return
        failure = run_all([task for tasks in by_phase for task in tasks])
        if failure is not None:
            raise failure
