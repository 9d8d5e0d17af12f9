"""Write files so that a reader sees the old content or the new one, never half of either."""

import errno
import os
import re
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from bpnet.disk import DEVICE_NAME, DIRECTORY, FILE, NOTHING, NUL, what_is_at
from bpnet.errors import BpnetError, DataError
from bpnet.locks import Owner, host_name, is_at, try_lock

TEMPORARY = re.compile(r"\.bpnet-(\d+)-(.+)-[a-z0-9_]{8}\.tmp")
OLDER = r"\.(?:{names})\.[a-z0-9_]{{8}}\.tmp"  # of earlier versions: unsigned
DAY = 86400.0  # seconds after which nobody can still be writing an unsigned one

IN_USE = (5, 32)  # Windows' numbers: access denied, sharing violation
OPEN_ELSEWHERE = "another program has it open, or it is read-only"
PATIENCE = 2.0  # seconds for which a file may be open elsewhere
INTERVAL = 0.05  # seconds between two attempts


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` if the block succeeds.

    Where `path` is a symbolic link, what it leads to is replaced. The temporary file lies in the
    same directory, is flushed to disk and then renamed. When the block raises, it is removed and
    `path` keeps its old content; when the process is killed, the next write to the directory
    removes it.

    Raises:
        OSError: the directory cannot be written, the disk is full, or no file can be there.
    """
    target = _end_of_links(path)
    remove_leftovers(target.parent)
    descriptor, temporary = _open_temporary(target.parent)
    try:
        with cast(BinaryIO, os.fdopen(descriptor, "wb")) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)  # mkstemp's 0600 ignores the user's umask
            if sys.platform == "win32":
                file.close()  # there, nobody can rename an open file
            _replace(target, temporary)  # elsewhere it is still locked, so that nobody removes it
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _flush_names(target.parent)


def move_into_place(temporary: Path, target: Path) -> None:
    """Give a finished file, which lies on the disk, its name; a file of that name is replaced.

    Raises:
        OSError: that is not possible.
    """
    _replace(target, temporary)
    _flush_names(target.parent)


def _replace(target: Path, temporary: Path) -> None:
    """Give a temporary file its name.

    Windows refuses while another program has the old file open, a virus scanner for a moment.
    """
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            temporary.replace(target)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in IN_USE or not target.exists():
                raise
            if time.monotonic() >= give_up:
                raise PermissionError(errno.EBUSY, OPEN_ELSEWHERE, str(target)) from error
        time.sleep(INTERVAL)


def demand_place(path: Path, thing: str, kind: type[BpnetError] = DataError) -> None:
    """Make sure, before anything is computed for it, that a file can be there.

    Args:
        path: of the file, which may exist.
        thing: what it will be, for the message.
        kind: of the error, by which the exit code follows.

    Raises:
        BpnetError: there is no such folder, or something that is no file is there.
    """
    found = what_is_at(path.parent)
    if found != DIRECTORY:
        raise kind(
            "there is no such folder", where=path.parent, found=found, hint="create it first"
        )
    if (found := what_is_at(path)) not in (FILE, NOTHING):
        raise kind(f"there can be no {thing} here", where=path, found=found)


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` with `text`, in UTF-8 and in one step."""
    with atomic_write(path) as file:
        file.write(text.encode())


def remove_leftovers(directory: Path, older: Collection[str] = ()) -> None:
    """Remove the temporary files of processes that have died; what may be in use stays.

    Args:
        directory: where `atomic_write` was interrupted.
        older: files whose temporary ones of earlier versions, which say nothing of their process,
            are removed a day after they were last written.
    """
    unsigned = re.compile(OLDER.format(names="|".join(map(re.escape, older))))
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                if signed := TEMPORARY.fullmatch(entry.name):
                    _remove_if_left(Path(entry.path), Owner(int(signed[1]), signed[2]))
                elif older and unsigned.fullmatch(entry.name) and _age(entry) > DAY:
                    Path(entry.path).unlink()


def _age(entry: os.DirEntry[str]) -> float:
    """Return for how many seconds a file has not been written."""
    return time.time() - entry.stat(follow_symlinks=False).st_mtime


def _remove_if_left(path: Path, owner: Owner) -> None:
    """Remove a temporary file that no process holds.

    A process of another host is not seen from here, but a container has another host name after
    each start: where nobody has held its file for a day, it is dead.
    """
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDWR)
    try:
        free = try_lock(descriptor)
        if owner.host != host_name():
            is_left = free is True and time.time() - os.fstat(descriptor).st_mtime > DAY
        else:
            is_left = free is True or (free is None and not owner.may_be_running())
        if is_left and sys.platform != "win32":
            path.unlink()
    finally:
        os.close(descriptor)
    if is_left and sys.platform == "win32":  # there, no open file can be removed
        path.unlink()


def _open_temporary(directory: Path) -> tuple[int, Path]:
    """Return a new file, locked as long as it is open, so that others know it is in use."""
    prefix = f".bpnet-{os.getpid()}-{host_name()}-"
    while True:
        descriptor, name = tempfile.mkstemp(dir=directory, prefix=prefix, suffix=".tmp")
        if try_lock(descriptor) is not False and is_at(descriptor, Path(name)):
            return descriptor, Path(name)
        os.close(descriptor)  # another process has just taken it for a leftover


def _end_of_links(path: Path) -> Path:
    """Return what a path leads to, if a file is there or can be."""
    try:
        target = Path(os.path.realpath(path))
    except ValueError:
        raise OSError(errno.EINVAL, NUL, str(path)) from None
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    found = what_is_at(target)
    if found == DEVICE_NAME:
        raise OSError(errno.EINVAL, f"{found}, which no file can have", str(path))
    if found == DIRECTORY:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if target.exists() and found != FILE:
        raise OSError(errno.EINVAL, f"{found}, which a file cannot replace", str(path))
    return target


def _flush_names(directory: Path) -> None:
    """Bring a new name to the disk, where the system can: it then outlasts a loss of power."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
