"""Write figures of training and scores as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpnet.model.model import Model


def percent(fraction: float) -> str:
    """Return a fraction as a percentage with two decimals."""
    return f"{100 * fraction:.2f} %"


def loss_text(loss: float) -> str:
    """Return a loss with four decimals, or with an exponent where it has exploded."""
    return f"{loss:.4f}" if abs(loss) < 1e6 else f"{loss:.4e}"


def training_loss_name(model: Model) -> str:
    """Return what a network's training loss is called: `loss` where `eval` reports the same one."""
    kind, smoothed = model.config.train.loss, model.config.train.label_smoothing > 0
    if not smoothed and (kind == "cross_entropy" or not model.class_names):
        return "loss"
    name = kind.replace("cross_entropy", "cross-entropy").replace("_", " ")
    return f"smoothed {name}" if smoothed else name


def epoch_line(record: Mapping[str, Any], epochs: int, loss_name: str = "loss") -> str:
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


def errors_text(record: Mapping[str, Any], samples: str) -> str:
    """Return the mean errors of an epoch, where targets are numbers."""
    names = [name for name in ("mae", "mse") if record.get(f"{samples}_{name}") is not None]
    return "".join(f", {name} {loss_text(record[f'{samples}_{name}'])}" for name in names)
