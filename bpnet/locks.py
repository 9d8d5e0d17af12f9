"""Hold lock files, which the operating system releases when the process that holds them dies."""

from __future__ import annotations

import errno
import os
import platform
import re
import stat
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe would wait
LONGEST_SIGNATURE = 1000  # bytes
TRIES = 20  # to learn who holds a lock: it may be signed, or released, a moment later
INTERVAL = 0.05  # seconds between them
SIGNATURE = re.compile(r"process (\d{1,18}) on (.+)\n")

if sys.platform == "win32":
    import msvcrt

    BEHIND = 1 << 30  # where nobody reads: a locked byte cannot be read by others

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, BEHIND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _close_inherited() -> None:
        """Close what a forked process inherits, or it would keep the locks of a dead parent."""
        for descriptor in _held:
            os.close(descriptor)
        _held.clear()

    os.register_at_fork(after_in_child=_close_inherited)

_held: set[int] = set()


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file, and return whether that worked; None where the file system has no locks.

    The lock lasts until the file is closed or the process ends.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        return False if error.errno in HELD else None
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether `path` still leads to the open file; another process may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def host_name() -> str:
    """Return the name of this machine, no longer than fits in the name of a file."""
    return platform.node()[:64] or "unknown"


@dataclass(frozen=True)
class Owner:
    """Name a process of some machine."""

    process: int
    host: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"

    def may_be_running(self) -> bool:
        """Return whether the process may be alive: it is, or nobody can tell from here."""
        if self.host != host_name() or sys.platform == "win32":
            return True
        try:
            os.kill(self.process, 0)  # sends nothing, but looks whether it could
        except (ProcessLookupError, OverflowError):
            return False
        except OSError:
            return True
        return True


@dataclass(frozen=True)
class Lock:
    """Hold a lock file until it is released.

    Args:
        path: the lock file.
        descriptor: the open file.
        is_certain: no other process holds it; false where the file system has no locks.
        left_by: who signed the file before, and did not release it.
    """

    path: Path
    descriptor: int
    is_certain: bool
    left_by: Owner | None

    def sign(self) -> None:
        """Write into the file who holds it."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        os.write(self.descriptor, f"{Owner(os.getpid(), host_name())}\n".encode())

    def release(self) -> None:
        """Remove the lock file and let go of the lock."""
        if sys.platform == "win32":  # no open file can be removed there, so ours goes first
            self.close()
            with suppress(OSError):
                self.path.unlink()
            return
        with suppress(OSError):  # still held, so that nobody can lock a file that is about to go
            if is_at(self.descriptor, self.path):  # not another's, if a user has removed ours
                self.path.unlink()
        self.close()

    def close(self) -> None:
        """Let go of the lock, and leave the file."""
        _held.discard(self.descriptor)
        os.close(self.descriptor)


def take_lock(path: Path) -> Lock | None:
    """Return the lock of that file, made if need be, or None if another process holds it.

    Raises:
        OSError: the file cannot be made, or something else is there.
    """
    flags = os.O_RDWR | os.O_CREAT | NO_LINK
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if path.is_symlink():
            raise OSError(errno.EINVAL, "a symbolic link, not a lock of bpnet") from error
        raise
    if not _is_ours(descriptor):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "something that is not a lock of bpnet", str(path))
    _held.add(descriptor)
    locked = try_lock(descriptor)
    lock = Lock(path, descriptor, locked is True, owner_of(path))
    if locked is not False and is_at(descriptor, path):
        return lock
    lock.close()
    return None


class HeldError(Exception):
    """Report that another process holds a lock, or may hold it.

    Args:
        owner: who signed the file, if anybody did.
        hint: what the user can do about it.
    """

    def __init__(self, owner: Owner | None, hint: str = "wait until it ends") -> None:
        super().__init__(str(owner))
        self.owner = owner or "a lock that is held"
        self.hint = hint


def claim_lock(path: Path) -> Lock:
    """Return the lock of that file, signed; that of a killed process is taken over.

    Where the file system has no locks, the signature decides.

    Raises:
        HeldError: another process holds it, or nobody can tell from here whether it does.
        OSError: the file cannot be made or written, or something else is there.
    """
    for _ in range(TRIES):
        lock = take_lock(path)
        owner = owner_of(path) if lock is None else lock.left_by
        may_run = owner is not None and owner.may_be_running()
        if lock is not None or may_run:
            break
        time.sleep(INTERVAL)
    if lock is None:
        raise HeldError(owner)
    if may_run and not lock.is_certain:
        lock.close()
        raise HeldError(owner, f"if it has ended, remove {path}")
    try:
        lock.sign()
    except OSError:  # a full disk: nothing is left there
        lock.release()
        raise
    if not lock.is_certain:
        time.sleep(INTERVAL)  # another process may have looked and signed at the same moment
        if (owner := owner_of(path)) != Owner(os.getpid(), host_name()):
            lock.close()
            raise HeldError(owner)
    return lock


def _is_ours(descriptor: int) -> bool:
    """Return whether an open file is a lock: of one name alone, and empty or signed."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return False
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        text = os.read(descriptor, LONGEST_SIGNATURE).decode(errors="replace")
    except OSError:  # another process holds it, on systems that keep others from reading then
        return True
    return not text or SIGNATURE.fullmatch(text) is not None


def is_held(path: Path) -> bool:
    """Return whether a process holds a lock file; it is neither made nor kept."""
    locked = None
    with suppress(OSError):  # there is none, or it is another user's
        descriptor = os.open(path, os.O_RDWR | NO_LINK)
        try:
            locked = try_lock(descriptor)
        finally:
            os.close(descriptor)
    if locked is not None:
        return not locked
    owner = owner_of(path)  # all that there is where the file system has no locks
    return owner is not None and owner.may_be_running()


def owner_of(path: Path) -> Owner | None:
    """Return who signed a lock file, or None if nobody did."""
    try:
        signed = SIGNATURE.fullmatch(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return Owner(int(signed[1]), signed[2]) if signed else None
