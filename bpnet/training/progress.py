"""Remember how far a run has come: all that a checkpoint must know besides the weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """Hold the place of a run between two steps.

    Args:
        ends: epochs at which the run, and each of its extensions, ends.
        epoch: epochs that are complete.
        batch: steps done in the epoch under way.
        step: steps done in all.
        loss_sum: sum of the losses in the epoch under way.
        correct: right answers in the epoch under way.
        seen: samples in the epoch under way.
        epoch_seconds: time spent on steps in the epoch under way.
        seconds: time spent in all.
        best_score: what the best epoch reached; larger is better.
        best_epoch: its number; 0 before the first.
        patience_score: the same since the run, or its last extension, began; early stopping
            counts from it.
        patience_from: epoch from which early stopping counts.
        stopped_early: whether early stopping has ended the run.
        first_loss: mean loss of some training samples before the first step; None if unknown.
        history: one object per complete epoch.
        planned: each of `ends` as it was asked for; early stopping may have come before it.
    """

    ends: list[int]
    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    epoch_seconds: float = 0.0
    seconds: float = 0.0
    best_score: list[float] | None = None
    best_epoch: int = 0
    patience_score: list[float] | None = None
    patience_from: int = 0
    stopped_early: bool = False
    first_loss: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    planned: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.planned = self.planned or list(self.ends)  # earlier versions did not record it

    @property
    def finished(self) -> bool:
        """Return whether no epoch is left."""
        return self.stopped_early or self.epoch >= self.ends[-1]

    @property
    def has_improved(self) -> bool:
        """Return whether the epoch whose weights are the best has a lower loss than the start."""
        if not self.history or self.first_loss is None:
            return True
        best = self.history[(self.best_epoch or self.epoch) - 1]
        return bool(best["train_loss"] < self.first_loss)

    def close_epoch(self) -> None:
        """Start the sums of the next epoch."""
        self.epoch += 1
        self.batch = self.correct = self.seen = 0
        self.loss_sum = self.epoch_seconds = 0.0

    def note(self, accuracy: float, loss: float) -> bool:
        """Note the last epoch's score; return whether it beats the best: by accuracy, then loss."""
        reached = [accuracy, -loss]
        if self.patience_score is None or reached > self.patience_score:
            self.patience_score, self.patience_from = reached, self.epoch
        if self.best_score is not None and reached <= self.best_score:
            return False
        self.best_score, self.best_epoch = reached, self.epoch
        return True

    def record(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and objects."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Progress:
        """Return what `record` was made from; that of an earlier version may lack newer fields."""
        before: dict[str, Any] = {"patience_score": record.get("best_score")}
        return cls(**(before | record))
