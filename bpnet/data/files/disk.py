"""Turn errors of the file system into errors that say how to mend them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpnet.disk import reason, remedy
from bpnet.errors import DataError

ELSEWHERE = "name another directory with --data-dir or BPNET_DATA_DIR"


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
            f"cannot {task}", where=path, found=reason(error), hint=remedy(error, ELSEWHERE)
        ) from error
