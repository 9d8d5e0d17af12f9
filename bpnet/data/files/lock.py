"""Let one process at a time do a piece of work."""

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bpnet.data.files.disk import disk_errors
from bpnet.errors import DataError

INTERVAL = 0.1  # seconds between two attempts
HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}

# Both locks belong to the operating system, which releases them when their owner dies.
if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive(path: Path, *, timeout: float, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path` during the block, and remove it afterwards.

    Args:
        path: a file that exists for this purpose alone.
        timeout: seconds to wait for another process.
        on_wait: called once if there is a wait.

    Raises:
        DataError: another process kept the lock for too long, or the file cannot be written.
    """
    give_up = time.monotonic() + timeout
    waited = False
    while (descriptor := _try_to_hold(path)) is None:
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
        # Still held, so that nobody can take a lock on a file that is about to go. Windows
        # refuses to remove an open file: there it remains, empty and harmless.
        with suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _try_to_hold(path: Path) -> int | None:
    """Return the descriptor of the locked file, or None if another process holds it."""
    with disk_errors("write to the directory", path.parent):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    if _is_locked_by_us(descriptor) and _is_still_there(descriptor, path):
        return descriptor
    os.close(descriptor)
    return None


def _is_locked_by_us(descriptor: int) -> bool:
    try:
        _lock(descriptor)
    except OSError as error:
        # Some network file systems have no locks. The work is then done unguarded: its result
        # is checked and renamed in one step all the same.
        return error.errno not in HELD
    return True


def _is_still_there(descriptor: int, path: Path) -> bool:
    """Return whether the file we opened is still there, not removed by its previous owner."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
