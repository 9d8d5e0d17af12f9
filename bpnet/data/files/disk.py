"""Turn errors of the file system into errors that say how to mend them."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpnet.errors import DataError

ELSEWHERE = "name another directory with --data-dir or BPNET_DATA_DIR"
HINTS = {
    errno.ENOSPC: f"free some disk space, or {ELSEWHERE}",
    errno.EDQUOT: f"free some of your disk quota, or {ELSEWHERE}",
    errno.EACCES: f"change the permissions, or {ELSEWHERE}",
    errno.EPERM: f"change the permissions, or {ELSEWHERE}",
    errno.EROFS: f"the disk is read-only: {ELSEWHERE}",
    errno.ENOENT: "check the path for typing errors",
    errno.ENOTDIR: f"a file is where a directory is needed: move it, or {ELSEWHERE}",
    errno.EEXIST: f"a file is where a directory is needed: move it, or {ELSEWHERE}",
    errno.EISDIR: "a directory is where a file is needed: move it away",
}


@contextmanager
def disk_errors(task: str, path: Path) -> Iterator[None]:
    """Raise every OSError of the block as a DataError.

    Args:
        task: what the block does with `path`, as in "read the file".
        path: the file or directory concerned.

    Raises:
        DataError: the file system refused the task.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot {task}",
            where=path,
            found=error.strerror or error,
            hint=HINTS.get(error.errno or 0, ELSEWHERE),
        ) from error
