"""Let a thread work at one thing while this one does another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Background(Generic[Result]):
    """Call a function in a thread of its own, which helps where NumPy, zlib or hashlib compute.

    Args:
        function: without arguments; it does nothing that must be undone when the program is ended.
    """

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._results: list[Result] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """Wait for the function, and return what it returned.

        Raises:
            BaseException: what the function raised.
        """
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._results[0]

    def _call(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:
            self._failure = error
