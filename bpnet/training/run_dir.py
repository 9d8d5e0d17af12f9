"""Claim the directory of a run: nothing of the user's is replaced, and nobody else trains there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpnet.errors import CheckpointError
from bpnet.files import remove_leftovers
from bpnet.model.run_files import BEST, LAST, RUN_FILES
from bpnet.training.claim import A_RUN, held


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
    with held(path, A_RUN) as run_dir:
        if not resumes:
            demand_free(run_dir)  # again: another run may just have ended here
        remove_leftovers(run_dir, RUN_FILES)
        yield run_dir


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
