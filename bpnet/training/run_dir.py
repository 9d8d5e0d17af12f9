"""Claim the directory of a run: nothing of the user's is replaced, and nobody else trains there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpnet.disk import DIRECTORY, NOTHING, reason, remedy, what_is_at
from bpnet.errors import CheckpointError
from bpnet.files import remove_leftovers
from bpnet.locks import Lock, Owner, host_name, owner_of, take_lock
from bpnet.model.run_files import BEST, LAST, LOCK, RUN_FILES
from bpnet.training.saving import writing

ELSEWHERE = "choose another one with --run-dir"
TRIES = 20  # to learn who holds a lock: it may be signed, or released, a moment later
INTERVAL = 0.05  # seconds between them


@contextmanager
def claimed_run_dir(path: Path, *, resumes: bool) -> Iterator[Path]:
    """Hold the directory of a run during the block; make it if need be.

    Args:
        path: the directory.
        resumes: the run in it goes on; otherwise, no file of a run may be in it.

    Returns:
        Its absolute path.

    Raises:
        CheckpointError: it holds a run or files of the same names, another process trains there,
            or it cannot be made or written.
    """
    if not resumes:
        demand_free(path)
    path = _make(path)
    with writing("the run directory", path):
        lock = _take_lock(path)
    try:
        if not resumes:
            demand_free(path)  # again: another run may just have ended here
        remove_leftovers(path, RUN_FILES)
        yield path
    finally:
        lock.release()


def demand_free(path: Path) -> None:
    """Make sure that a new run would replace no file.

    Raises:
        CheckpointError: it would.
    """
    present = [name for name in RUN_FILES if os.path.lexists(path / name)]
    if not present:
        return
    is_run = LAST in present or BEST in present
    what = "a run already, which would be" if is_run else "files that would be"
    hint = "or go on with it:" if is_run else "or move these files away"
    raise CheckpointError(
        f"the directory holds {what} overwritten",
        where=path,
        expected="a directory without the files of a run",
        found=", ".join(present),
        hint=f"choose another --run-dir, {hint}",
        command=("train", "--resume", str(path)) if is_run else (),
    )


def _make(path: Path) -> Path:
    """Make the directory, and those above it; return its absolute path."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return path.absolute()
    except (OSError, ValueError) as error:
        found = what_is_at(path)
        is_free = found in (NOTHING, DIRECTORY)
        raise CheckpointError(
            "the run directory cannot be made",
            where=path,
            found=reason(error) if is_free else found,
            hint=remedy(error, ELSEWHERE),
        ) from error


def _take_lock(run_dir: Path) -> Lock:
    """Return the lock of a run directory, signed; a killed run's lock is taken over."""
    path = run_dir / LOCK
    for _ in range(TRIES):
        lock = take_lock(path)
        owner = owner_of(path) if lock is None else lock.left_by
        may_run = owner is not None and owner.may_be_running()
        if lock is not None or may_run:
            break
        time.sleep(INTERVAL)
    if lock is None:
        raise _is_held(run_dir, owner, "wait until it ends")
    if may_run and not lock.is_certain:
        lock.close()
        raise _is_held(run_dir, owner, f"if it has ended, remove {path}")
    try:
        lock.sign()
    except OSError:  # a full disk: nothing is left there
        lock.release()
        raise
    if not lock.is_certain:
        time.sleep(INTERVAL)  # another process may have looked and signed at the same moment
        if (owner := owner_of(path)) != Owner(os.getpid(), host_name()):
            lock.close()
            raise _is_held(run_dir, owner, "wait until it ends")
    return lock


def _is_held(run_dir: Path, owner: Owner | None, hint: str) -> CheckpointError:
    return CheckpointError(
        "another process trains in this run directory",
        where=run_dir,
        found=owner or "a lock that is held",
        hint=f"{hint}, or name another directory with --run-dir",
    )
