"""Let one process at a time do a piece of work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bpnet.data.files.disk import disk_errors
from bpnet.errors import DataError
from bpnet.locks import Lock, take_lock

INTERVAL = 0.1  # seconds between two attempts


@contextmanager
def exclusive(path: Path, *, timeout: float, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path` during the block, and remove it afterwards.

    Some network file systems have no locks. The work is then done unguarded: its result is
    checked and renamed in one step all the same.

    Args:
        path: a file that exists for this purpose alone.
        timeout: seconds to wait for another process.
        on_wait: called once if there is a wait.

    Raises:
        DataError: another process kept the lock for too long, or the file cannot be written.
    """
    give_up = time.monotonic() + timeout
    waited = False
    while (lock := _take(path)) is None:
        if time.monotonic() >= give_up:
            raise DataError(
                "another process is working on the same file and does not finish",
                where=path,
                expected=f"the lock within {timeout:g} s",
                hint="end the other process, or try again later",
            )
        if not waited:
            on_wait()
            waited = True
        time.sleep(INTERVAL)
    try:
        yield
    finally:
        lock.release()


def _take(path: Path) -> Lock | None:
    with disk_errors("write to the directory", path.parent):
        return take_lock(path)
