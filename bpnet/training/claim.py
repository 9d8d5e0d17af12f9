"""Hold a directory: until it is let go, no other process of bpnet works there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bpnet.disk import DIRECTORY, NOTHING, reason, remedy, what_is_at
from bpnet.errors import CheckpointError
from bpnet.locks import Lock, Owner, host_name, owner_of, take_lock
from bpnet.model.run_files import LOCK
from bpnet.training.saving import writing

TRIES = 20  # to learn who holds a lock: it may be signed, or released, a moment later
INTERVAL = 0.05  # seconds between them


@dataclass(frozen=True)
class Kind:
    """Hold the words for a directory.

    Args:
        name: as in "… cannot be made".
        work: what another process does there.
    """

    name: str
    work: str


A_RUN = Kind("the run directory", "trains in this run directory")
RUNS = Kind("the folder of the runs", "trains the runs of this folder")
A_SWEEP = Kind("the folder of the sweep", "works at this sweep")


@contextmanager
def held(path: Path, kind: Kind) -> Iterator[Path]:
    """Hold a directory during the block; make it if need be.

    Returns:
        Its absolute path.

    Raises:
        CheckpointError: another process works there, or it cannot be made or written.
    """
    path = made(path, kind)
    with writing(kind.name, path):
        lock = _take_lock(path, kind)
    try:
        yield path
    finally:
        lock.release()


def made(path: Path, kind: Kind) -> Path:
    """Make a directory, and those above it, unless it is there; return its absolute path.

    Raises:
        CheckpointError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        return path.absolute()
    except (OSError, ValueError) as error:
        found = what_is_at(path)
        is_free = found in (NOTHING, DIRECTORY)
        raise CheckpointError(
            f"{kind.name} cannot be made",
            where=path,
            found=reason(error) if is_free else found,
            hint=remedy(error, "choose another one with --run-dir"),
        ) from error


def _take_lock(folder: Path, kind: Kind) -> Lock:
    """Return the lock of a directory, signed; that of a killed process is taken over."""
    path = folder / LOCK
    for _ in range(TRIES):
        lock = take_lock(path)
        owner = owner_of(path) if lock is None else lock.left_by
        may_run = owner is not None and owner.may_be_running()
        if lock is not None or may_run:
            break
        time.sleep(INTERVAL)
    if lock is None:
        raise _is_held(folder, kind, owner, "wait until it ends")
    if may_run and not lock.is_certain:
        lock.close()
        raise _is_held(folder, kind, owner, f"if it has ended, remove {path}")
    try:
        lock.sign()
    except OSError:  # a full disk: nothing is left there
        lock.release()
        raise
    if not lock.is_certain:
        time.sleep(INTERVAL)  # another process may have looked and signed at the same moment
        if (owner := owner_of(path)) != Owner(os.getpid(), host_name()):
            lock.close()
            raise _is_held(folder, kind, owner, "wait until it ends")
    return lock


def _is_held(folder: Path, kind: Kind, owner: Owner | None, hint: str) -> CheckpointError:
    return CheckpointError(
        f"another process {kind.work}",
        where=folder,
        found=owner or "a lock that is held",
        hint=f"{hint}, or name another directory with --run-dir",
    )
