"""Run tasks in one thread or in several, with the same bits either way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

import numpy as np

from bpnet.fast import sizes

Task = Callable[[], None]


class Workers:
    """Run tasks in the calling thread and in `count − 1` threads beside it.

    NumPy lets go of the interpreter's lock inside matrix products and long loops, so threads
    compute side by side. Use it as a context: leaving it ends the threads.

    Args:
        count: threads in all.
        kind: what computes the shards of training steps: `threads`, `processes`, or `auto`.
    """

    def __init__(self, count: int, kind: str = "auto") -> None:
        self.count = count
        self.kind = kind
        self._jobs: list[SimpleQueue[Sequence[Task] | None]] = []
        self._threads: list[threading.Thread] = []
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        for jobs in self._jobs:
            jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._jobs.clear()
        self._threads.clear()

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
            thread = threading.Thread(target=self._serve, args=(jobs,), name=name, daemon=True)
            thread.start()
            self._jobs.append(jobs)
            self._threads.append(thread)

    def _serve(self, jobs: SimpleQueue[Sequence[Task] | None]) -> None:
        while (tasks := jobs.get()) is not None:
            self._done.put(run_all(tasks))


def run_all(tasks: Sequence[Task]) -> BaseException | None:
    """Run tasks one after the other under the settings of a worker; return what one raised."""
    try:
        with worker_settings():
            for task in tasks:
                task()
    except BaseException as error:
        return error
    return None


@contextmanager
def worker_settings() -> Iterator[None]:
    """Let NumPy work in this thread as it should within a step, until the context ends.

    A loss that overflows is found and named by the loop; a warning would only repeat it.
    """
    previous = np.setbufsize(sizes.UFUNC_BUFFER)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        np.setbufsize(previous)
