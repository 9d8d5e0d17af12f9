"""Hold a run: its scores, its history, and where its files lie."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.errors import counted
from bpnet.library.figures import epoch_line, loss_text, percent
from bpnet.library.html import chart, table, text
from bpnet.report.text_chart import Curve, draw_chart

if TYPE_CHECKING:
    from bpnet.library.model import Model

CURVES = (  # the most telling ones that a run may have: label, factor, and two metrics
    ("accuracy, %", 100, {"validation": "validation_accuracy", "training": "train_accuracy"}),
    ("loss", 1, {"validation": "validation_loss", "training": "train_loss"}),
)


@dataclass(frozen=True)
class Epoch:
    """Hold the metrics of an epoch, as `metrics.jsonl` does; what does not apply is None.

    Args:
        epoch: its number, from 1.
        epochs: of the run.
        step: steps of the run at its end.
        learning_rate: of its last step.
        train_loss: mean over its steps.
        train_accuracy: fraction of right answers in its steps, 0–1.
        validation_loss: on the held-out samples, at its end.
        validation_accuracy: likewise.
        seconds: that its steps took.
        samples_per_second: trained in these.
        train_mae: mean absolute error of plain numbers, on the training samples.
        train_mse: mean squared error, likewise.
        validation_mae: on the held-out samples.
        validation_mse: likewise.
        loss_name: what the training loss is called.
    """

    epoch: int
    epochs: int
    step: int
    learning_rate: float
    train_loss: float
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float
    samples_per_second: float
    train_mae: float | None = None
    train_mse: float | None = None
    validation_mae: float | None = None
    validation_mse: float | None = None
    loss_name: str = dataclasses.field(default="loss", repr=False)

    @classmethod
    def of(cls, record: Mapping[str, Any], epochs: int, loss_name: str) -> Epoch:
        """Return the epoch that a run recorded."""
        known = {field.name for field in dataclasses.fields(cls)}
        kept = {name: value for name, value in record.items() if name in known}
        return cls(**kept, epochs=epochs, loss_name=loss_name)

    def __str__(self) -> str:
        return epoch_line(vars(self), self.epochs, self.loss_name)


@dataclass(frozen=True, repr=False)
class Run:
    """Hold what a run came to; what does not apply is None.

    A run stands for its directory wherever a checkpoint can: `bpnet.load(run)`.

    Args:
        run_dir: where its files lie.
        best_checkpoint: its best weights by validation, or the last ones without validation.
        last_checkpoint: from which it can go on.
        history: one entry per epoch.
        steps: of all epochs.
        seconds: that it took.
        samples_per_second: trained in these.
        stopped_early: whether validation had stopped improving.
        test_loss: of the best checkpoint on the test samples.
        test_accuracy: likewise, 0–1.
        test_errors: likewise, how many answers were wrong.
        test_mae: mean absolute error, of plain numbers.
        test_mse: mean squared error, likewise.
        warnings: what went wrong without an error.
    """

    run_dir: Path
    best_checkpoint: Path
    last_checkpoint: Path
    history: Sequence[Epoch]
    steps: int
    seconds: float
    samples_per_second: float | None
    stopped_early: bool
    test_loss: float
    test_accuracy: float | None
    test_errors: int | None
    test_mae: float | None
    test_mse: float | None
    warnings: Sequence[str]

    @property
    def epochs(self) -> int:
        """Return how many epochs are complete."""
        return len(self.history)

    @property
    def train_loss(self) -> float | None:
        """Return the training loss of the last epoch."""
        return self.history[-1].train_loss if self.history else None

    @property
    def validation_accuracy(self) -> float | None:
        """Return the validation accuracy of the last epoch, 0–1."""
        return self.history[-1].validation_accuracy if self.history else None

    @cached_property
    def model(self) -> Model:
        """Return the network with its best weights."""
        from bpnet.library.model import load

        return load(self.run_dir)

    def __fspath__(self) -> str:
        return str(self.run_dir)

    def _curves(self) -> tuple[str, dict[str, list[float]]] | None:
        """Return label and values of the most telling curves; None without any."""
        for label, factor, metrics in CURVES:
            values = {
                name: [getattr(epoch, metric) for epoch in self.history]
                for name, metric in metrics.items()
            }
            whole = {
                name: [factor * value for value in found]
                for name, found in values.items()
                if found and all(value is not None and math.isfinite(value) for value in found)
            }
            if whole:
                return label, whole
        return None

    def _facts(self) -> list[tuple[str, str]]:
        """Return what the run came to, in words."""
        facts = []
        if self.test_accuracy is not None:
            errors = counted(self.test_errors or 0, "error", "errors")
            facts.append(("test accuracy", f"{percent(self.test_accuracy)} ({errors})"))
        facts.append(("test loss", loss_text(self.test_loss)))
        if self.test_mae is not None:
            facts.append(("test errors", f"mae {self.test_mae:.6g}, mse {self.test_mse:.6g}"))
        early = " (stopped early)" if self.stopped_early else ""
        epochs = counted(self.epochs, "epoch", "epochs")
        facts.append(("trained", f"{epochs}{early}, {self.steps:,} steps in {self.seconds:.1f} s"))
        return [*facts, *(("warning", warning) for warning in self.warnings)]

    def __repr__(self) -> str:
        lines = [f"Run in {self.run_dir}"]
        lines += [f"  {name:<14} {value}" for name, value in self._facts()]
        if (found := self._curves()) is not None:
            label, curves = found
            epochs = [epoch.epoch for epoch in self.history]
            drawn = [
                Curve(name, epochs, values, f"{values[-1]:.4g} after epoch {epochs[-1]}")
                for name, values in curves.items()
            ]
            lines += ["", draw_chart(drawn, label)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p>Run in <code>{text(self.run_dir)}</code></p>", table(("", ""), self._facts())]
        if (found := self._curves()) is not None:
            label, curves = found
            parts.append(chart(curves, [epoch.epoch for epoch in self.history], label))
        return "".join(parts)
