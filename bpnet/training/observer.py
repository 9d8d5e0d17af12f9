"""Let others watch a run without the loop knowing about them."""

from collections.abc import Sequence
from typing import Any


class Observer:
    """Watch a run: the loop calls these methods; by default they do nothing."""

    def epoch_started(self, epoch: int, steps: int, done: int) -> None:
        """Note that an epoch (from 1) of `steps` steps goes on after its first `done` steps."""

    def step_done(self, loss: float) -> None:
        """Receive the mean loss of the step's batch."""

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Receive the epoch's metrics."""


class Observers(Observer):
    """Let several watch a run, each after the one before it.

    Args:
        observers: these.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers

    def epoch_started(self, epoch: int, steps: int, done: int) -> None:
        """Tell all of them."""
        for observer in self.observers:
            observer.epoch_started(epoch, steps, done)

    def step_done(self, loss: float) -> None:
        """Tell all of them."""
        for observer in self.observers:
            observer.step_done(loss)

    def epoch_ended(self, record: dict[str, Any]) -> None:
        """Tell all of them."""
        for observer in self.observers:
            observer.epoch_ended(record)
