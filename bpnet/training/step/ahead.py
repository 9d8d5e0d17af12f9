"""Have processes of their own prepare samples ahead of the steps that learn from them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from bpnet.model.forks import fork, may_fork
from bpnet.training.step.children import Children

PAUSE = 4e-3  # seconds between two looks of a process that has nothing to do
SHORTEST_WAIT, LONGEST_WAIT = 1e-4, 2e-3  # seconds between two looks for what is wanted


class Preparers:
    """Hold the processes that prepare samples; should this process die, they end on their own.

    Args:
        what: each of them is, for messages.
        count: how many, where there may be any; threads otherwise.
        forks: whether there may be processes.
    """

    def __init__(self, what: str, count: int, *, forks: bool) -> None:
        self.count = count
        self.forks = forks
        self._children = Children(what)

    @property
    def children(self) -> list[int]:
        """Return the processes."""
        return self._children.processes

    def watch(self, should_stop: Callable[[], bool]) -> None:
        """Wait less long for stopped processes once `should_stop` says that the run should end."""
        self._children.should_stop = should_stop

    def start(self, serve: Callable[[int, Callable[[], None]], object]) -> None:
        """Let processes serve, where there may be any.

        Args:
            serve: called with the number of the process and a function to call where there is
                nothing to do: it waits a little, and ends the process when its parent is gone.
        """
        if not (self.forks and may_fork()):
            return
        try:
            for number in range(self.count):
                pause = partial(_pause, os.getpid())
                self.children.append(fork(partial(serve, number, pause)))
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """End the processes at once: nothing of what they hold is wanted."""
        self._children.end(patience=0.0)

    def wait_until(self, is_done: Callable[[], bool]) -> None:
        """Wait for something that the processes do.

        Raises:
            WorkerError: one of them has been killed or stopped.
        """
        pause = SHORTEST_WAIT
        while not is_done():
            self._children.demand()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)


def _pause(parent: int) -> None:
    if os.getppid() != parent:
        os._exit(0)
    time.sleep(PAUSE)
