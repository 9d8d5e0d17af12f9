"""Show how far a run has come: a live bar on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bpnet.cli.options import loss_text, percent
from bpnet.cli.output import note
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


def epoch_line(record: dict[str, Any], epochs: int, loss_name: str = "loss") -> str:
    """Return an epoch's metrics in one line."""
    trained = f"{loss_name} {loss_text(record['train_loss'])}{errors_text(record, 'train')}"
    parts = [f"epoch {record['epoch']}/{epochs}", trained]
    if record["train_accuracy"] is not None:
        parts.append(f"training {percent(record['train_accuracy'])}")
    if record["validation_accuracy"] is not None:
        parts.append(f"validation {percent(record['validation_accuracy'])}")
    elif record["validation_loss"] is not None:
        held_out = f"{loss_text(record['validation_loss'])}{errors_text(record, 'validation')}"
        parts.append(f"validation {loss_name} {held_out}")
    parts.append(f"{record['seconds']:.1f} s")
    parts.append(f"{record['samples_per_second']:,.0f} samples/s")
    return "  ".join(parts)


def errors_text(record: dict[str, Any], samples: str) -> str:
    """Return the mean errors of an epoch, where targets are numbers."""
    names = [name for name in ("mae", "mse") if record.get(f"{samples}_{name}") is not None]
    return "".join(f", {name} {loss_text(record[f'{samples}_{name}'])}" for name in names)
