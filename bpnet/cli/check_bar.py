"""Show how far a gradient check has come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from bpnet.teach.gradcheck.gradcheck import CheckObserver

if TYPE_CHECKING:
    from tqdm import tqdm


class CheckBar(CheckObserver):
    """Write the progress of a gradient check to standard error if it is a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def started(self, total: int) -> None:
        """Open a bar in place of any earlier one."""
        self.__exit__()
        if sys.stderr.isatty():
            from tqdm import tqdm  # only what draws bars pays for its import

            self._bar = tqdm(total=total, desc="checking", unit="slope", leave=False)

    def done(self) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update()
