"""Hold a directory: until it is let go, no other process of bpnet works there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bpnet.disk import DIRECTORY, NOTHING, reason, remedy, what_is_at
from bpnet.errors import CheckpointError
from bpnet.locks import HeldError, claim_lock
from bpnet.model.run_files import LOCK
from bpnet.training.saving import writing


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
    try:
        with writing(kind.name, path):
            lock = claim_lock(path / LOCK)
    except HeldError as error:
        raise CheckpointError(
            f"another process {kind.work}",
            where=path,
            found=error.owner,
            hint=f"{error.hint}, or name another directory with --run-dir",
        ) from None
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
