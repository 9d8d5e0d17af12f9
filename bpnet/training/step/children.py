"""Watch the processes that compute shards: notice the dead and the stopped, and end them all."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from bpnet.errors import WorkerError

PATIENCE = 10.0  # seconds that a process has to end before it is killed
STOPPED_PATIENCE = 30.0  # seconds for a stopped process: whoever stopped it may let it go on
SIGNAL_PATIENCE = 2.0  # the same once the run should stop: `kill` and `fg` wake processes in turn
LONGEST_LOOK = 0.1  # seconds: more than that between two looks, and this process did not run
ALONE = "--workers threads needs no further process"


class Children:
    """Watch the worker processes of a step.

    A process that computes is waited for as long as it takes; only one that is stopped, as by
    `kill -STOP`, is given up in the end. Time counts only while this process runs: Ctrl-Z stops
    both, a laptop's sleep as well, and neither harms a run.

    Args:
        what: each of them is, for messages.
        without: how to do without them.
    """

    def __init__(self, what: str = "a worker process", without: str = ALONE) -> None:
        self.what = what
        self.without = without
        self.processes: list[int] = []
        self.should_stop: Callable[[], bool] = lambda: False  # whether a signal asked for it
        self._stopped: set[int] = set()
        self._waited = 0.0  # seconds since a process was stopped
        self._looked = 0.0

    def demand(self) -> None:
        """Make sure that it makes sense to wait for all of them.

        Raises:
            WorkerError: a process has ended, or has been stopped for too long.
        """
        for process in tuple(self.processes):
            if self._has_ended(process):
                raise WorkerError(
                    f"{self.what} has ended in the middle of a step",
                    where=f"process {process}",
                    found="killed, perhaps for lack of memory",
                    hint=self.without,
                )
        if not self._stopped:
            return
        now = time.monotonic()
        self._waited += min(now - self._looked, LONGEST_LOOK)
        self._looked = now
        patience = SIGNAL_PATIENCE if self.should_stop() else STOPPED_PATIENCE
        if self._waited > patience:
            raise WorkerError(
                f"{self.what} has been stopped in the middle of a step",
                where=f"process {min(self._stopped)}",
                expected=f"that it goes on within {patience:g} s",
                found="stopped, as by kill -STOP",
                hint=self.without,
            )

    def end(self, patience: float | None = None) -> None:
        """Wait until all have ended, but not for ever, and not for those that are stopped.

        Args:
            patience: seconds before those that still run are killed; `PATIENCE` if None.
        """
        end = time.monotonic() + (PATIENCE if patience is None else patience)
        try:
            while self._some_may_end() and time.monotonic() < end:
                time.sleep(1e-3)
        finally:
            for process in self.processes:
                with suppress(ProcessLookupError, ChildProcessError):
                    os.kill(process, signal.SIGKILL)
                    os.waitpid(process, 0)
            self.processes.clear()
            self._stopped.clear()

    def _some_may_end(self) -> bool:
        """Return whether there are processes that run, and so can end on their own."""
        for process in tuple(self.processes):
            self._has_ended(process)
        return not self._stopped.issuperset(self.processes)

    def _has_ended(self, process: int) -> bool:
        """Return whether a process has ended; note whether it was stopped, or woken again."""
        try:
            changed, status = os.waitpid(process, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        except ChildProcessError:  # where SIGCHLD is ignored, the system forgets the dead
            changed, status = process, 0
        if not changed:
            return False
        self._stopped.discard(process)
        if os.WIFSTOPPED(status):
            self._stopped.add(process)
            self._waited, self._looked = 0.0, time.monotonic()
            return False
        if os.WIFCONTINUED(status):
            return False
        self.processes.remove(process)
        return True
