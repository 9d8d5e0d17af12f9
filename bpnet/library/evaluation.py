"""Hold the score of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.library.html import table, text
from bpnet.model.score import Score, per_class, wilson_interval


@dataclass(frozen=True)
class Evaluation:
    """Hold what a network achieved on some samples; what does not apply to them is None.

    Args:
        dataset: name of the data set, or `arrays`.
        split: `test`, `validation` or `train`; None for arrays.
        samples: how many there were.
        loss: mean cross-entropy of the probabilities; for plain numbers, the network's own loss.
        accuracy: fraction of right answers, 0–1.
        accuracy_interval: between which the true accuracy lies with 95 % confidence (Wilson).
        errors: how many answers are wrong.
        classes: their names.
        confusion: (classes, classes), rows true and columns predicted.
        calibration_error: how far probabilities are from the part of answers that is right.
        mean_absolute_error: of plain numbers.
        mean_squared_error: of plain numbers.
        warnings: what to mind about the score.
    """

    dataset: str
    split: str | None
    samples: int
    loss: float
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    errors: int | None
    classes: tuple[str, ...]
    confusion: NDArray[np.int64] | None
    calibration_error: float | None
    mean_absolute_error: float | None
    mean_squared_error: float | None
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        score: Score,
        classes: tuple[str, ...],
        dataset: str,
        split: str | None,
        warnings: tuple[str, ...] = (),
    ) -> Evaluation:
        """Return what a score says to a user."""
        interval = None if score.correct is None else wilson_interval(score.correct, score.samples)
        return cls(
            dataset=dataset,
            split=split,
            samples=score.samples,
            loss=score.loss,
            accuracy=score.accuracy,
            accuracy_interval=interval,
            errors=score.errors,
            classes=classes,
            confusion=score.confusion,
            calibration_error=score.calibration_error,
            mean_absolute_error=score.mean_absolute_error,
            mean_squared_error=score.mean_squared_error,
            warnings=warnings,
        )

    @property
    def per_class(self) -> list[dict[str, Any]]:
        """Return label, precision, recall and samples of every class; None stands for 0 / 0."""
        return [] if self.confusion is None else per_class(self.confusion, self.classes)

    def _line(self) -> str:
        place = self.dataset if self.split is None else f"{self.dataset}, {self.split}"
        parts = [f"{place}: {self.samples:,} samples"]
        if self.accuracy is not None and self.accuracy_interval is not None:
            low, high = (f"{100 * bound:.2f} %" for bound in self.accuracy_interval)
            parts.append(f"accuracy {100 * self.accuracy:.2f} % (95 %: {low} – {high})")
            parts.append(f"{self.errors:,} errors")
        parts.append(f"loss {self.loss:.4g}")
        if self.mean_absolute_error is not None:
            parts.append(f"mae {self.mean_absolute_error:.6g}, mse {self.mean_squared_error:.6g}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return "\n".join([self._line(), *(f"warning: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        parts = [f"<p>{text(line)}</p>" for line in repr(self).splitlines()]
        if self.confusion is not None:
            rows = [
                (name, *map(str, row))
                for name, row in zip(self.classes, self.confusion.tolist(), strict=True)
            ]
            headers = ("true \\ predicted", *self.classes)
            parts.append(table(headers, rows, right=range(1, len(headers))))
        return "".join(parts)
