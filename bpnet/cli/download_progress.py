"""Show the progress of a download on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from bpnet.cli.output import note
from bpnet.data.files.remote import DownloadObserver

if TYPE_CHECKING:
    from tqdm import tqdm


class DownloadProgress(DownloadObserver):
    """Draw a bar on standard error, on a terminal only, and print notes there."""

    def __init__(self) -> None:
        self.bar: tqdm[NoReturn] | None = None

    def note(self, message: str) -> None:
        """Print a line."""
        note(message)

    def start(self, name: str, size: int, done: int) -> None:
        """Draw the bar."""
        from tqdm import tqdm  # only a download pays for its import

        self.bar = tqdm(
            desc=name, total=size, initial=done, unit="B", unit_scale=True, disable=None
        )

    def advance(self, count: int) -> None:
        """Move the bar."""
        if self.bar is not None:
            self.bar.update(count)

    def stop(self) -> None:
        """Leave the bar as it stands."""
        if self.bar is not None:
            self.bar.close()
