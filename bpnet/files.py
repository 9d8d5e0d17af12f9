"""Write files so that a reader sees the old content or the new one, never half of either."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` if the block succeeds.

    The temporary file lies in the same directory, is flushed to disk and then renamed. When the
    block raises, it is removed and `path` keeps its old content.

    Raises:
        OSError: the directory cannot be written or the disk is full.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with cast(BinaryIO, os.fdopen(descriptor, "wb")) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)  # mkstemp's 0600 ignores the user's umask
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` with `text`, in UTF-8 and in one step."""
    with atomic_write(path) as file:
        file.write(text.encode())
