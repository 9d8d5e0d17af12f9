"""Show how far a run has come: a live bar on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bpnet.cli.output import note
from bpnet.library.figures import epoch_line
from bpnet.training.observer import Observer

if TYPE_CHECKING:
    from tqdm import tqdm


class RunDisplay(Observer):
    """Write the progress of a run to standard error.

    Args:
        epochs: epochs of the run.
        loss_name: what the training loss is called.
    """

    def __init__(self, epochs: int, loss_name: str = "loss") -> None:
        self.epochs = epochs
        self.loss_name = loss_name
        self._bar: tqdm[Any] | None = None

    def epoch_started(self, epoch: int, steps: int, done: int) -> None:
        """Open a bar if standard error is a terminal."""
        if sys.stderr.isatty():
            from tqdm import tqdm  # only what draws bars pays for its import

            title = f"epoch {epoch}/{self.epochs}"
            self._bar = tqdm(total=steps, initial=done, desc=title, unit="step", leave=False)

    def step_done(self, loss: float) -> None:
        """Move the bar."""
        if self._bar is not None and self._bar.update():
            self._bar.set_postfix_str(f"{self.loss_name}={loss:.3f}", refresh=False)

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Close the bar and write the epoch's line."""
        self.close()
        note(epoch_line(record, self.epochs, self.loss_name))

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
