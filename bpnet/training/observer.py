"""Let others watch a run without the loop knowing them."""

from typing import Any


class Observer:
    """Watch a run; this one looks away."""

    def epoch_started(self, epoch: int, steps: int, done: int) -> None:
        """Hear that an epoch (from 1) of `steps` steps goes on behind its first `done`."""

    def step_done(self, loss: float) -> None:
        """Hear the mean loss of the step's batch."""

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Hear the epoch's metrics."""
