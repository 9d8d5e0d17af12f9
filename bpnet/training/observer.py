"""Let others watch a run without the loop knowing about them."""

from typing import Any


class Observer:
    """Watch a run: the loop calls these methods; by default they do nothing."""

    def epoch_started(self, epoch: int, steps: int, done: int) -> None:
        """Note that an epoch (from 1) of `steps` steps goes on after its first `done` steps."""

    def step_done(self, loss: float) -> None:
        """Receive the mean loss of the step's batch."""

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Receive the epoch's metrics."""
