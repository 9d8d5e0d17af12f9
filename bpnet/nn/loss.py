"""Measure how far outputs are from targets, and where to go to come closer.

A loss works on one shard: outputs (outputs, batch) and the shard's targets. It returns the *sum*
of its samples' losses, and its gradient is divided by the size of the *whole* batch, so that the
shards' gradients simply add up.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn import facts
from bpnet.nn.facts import SOFTMAX, Applied, LossFormulas, Mistake, mean_gradient
from bpnet.nn.layer import Array
from bpnet.nn.memory import Room
from bpnet.nn.softmax import softmax


@dataclass(slots=True, eq=False)
class LossCache:
    """Keep what backward and the metrics read.

    Args:
        targets: wanted outputs (outputs, batch): numbers, or one-hot columns for classes.
        probabilities: what the outputs mean as probabilities, or a copy of them.
        grad_output: gradient of the outputs.
        columns: the numbers 0 … batch − 1.
        correct: samples of the last call whose largest output was the right one.
    """

    targets: Array
    probabilities: Array
    grad_output: Array
    columns: NDArray[np.int64]
    correct: int = 0


class Loss:
    """Give a number for a batch, its gradient, and the probabilities that the outputs stand for.

    Args:
        outputs: numbers per sample.
        label_smoothing: s; the target becomes `(1 − s) y + s neutral`.
        neutral: the target that says nothing.
    """

    kind: ClassVar[str]
    applies: ClassVar[Applied | None] = None  # the layer that it does the work of
    smooths: ClassVar[bool] = False  # whether label smoothing has a meaning
    answers_questions: ClassVar[bool] = False  # every output is a yes or a no of its own
    mistake: ClassVar[Mistake]  # that can be planted in its backward
    other_mistakes: ClassVar[tuple[Mistake, ...]] = (facts.FORGOTTEN_BATCH,)  # numbered from 2

    def __init__(self, outputs: int, label_smoothing: float = 0.0, neutral: float = 0.0) -> None:
        self.outputs = outputs
        self.label_smoothing = label_smoothing
        self.neutral = neutral

    def allocate(self, room: Room) -> LossCache:
        """Prepare everything that calls with `room.batch` samples write to."""
        targets, probabilities, grad_output = (room.array(self.outputs) for _ in range(3))
        return LossCache(targets, probabilities, grad_output, np.arange(room.batch))

    def forward(self, outputs: Array, targets: NDArray[Any], cache: LossCache) -> float:
        """Return the sum of the samples' losses.

        Args:
            outputs: (outputs, batch).
            targets: class numbers (batch,) or numbers (batch, outputs).
            cache: made by `allocate` for this batch.
        """
        self._fill_targets(targets, cache)
        cache.correct = self.count_correct(outputs, targets)
        return self.total(outputs, cache)

    def backward(self, outputs: Array, cache: LossCache, batch_size: int) -> Array:
        """Return the gradient of the outputs of the mean over `batch_size` samples."""
        raise NotImplementedError

    def total(self, outputs: Array, cache: LossCache) -> float:
        """Return the sum of the samples' losses for the targets that the cache holds already."""
        raise NotImplementedError

    def probabilities(self, outputs: Array) -> Array:
        """Return class probabilities (outputs, batch) for outputs of the same shape.

        Outputs trained towards one-hot targets are set to 0 where negative, then divided by
        their sum.
        """
        positive: Array = np.maximum(outputs, 0) + np.finfo(outputs.dtype).tiny
        positive /= positive.sum(axis=0)
        return positive

    def estimates(self, outputs: Array) -> Array:
        """Return what the outputs say about targets that are plain numbers."""
        return outputs

    def count_correct(self, outputs: Array, targets: NDArray[Any]) -> int:
        """Count the samples whose largest output is the right one; 0 where targets are numbers.

        Among equal outputs the first counts as the largest, as it does in a prediction.
        """
        if targets.ndim > 1:
            return 0
        return int(np.count_nonzero(outputs.argmax(axis=0) == targets))

    def formulas(self, samples: int) -> LossFormulas:
        """Return the formulas of this loss for a batch of this size."""
        raise NotImplementedError

    def _fill_targets(self, targets: NDArray[Any], cache: LossCache) -> None:
        """Write one-hot columns for class numbers, or the numbers themselves, and smooth them."""
        if targets.ndim == 1:
            cache.targets.fill(0)
            cache.targets[targets, cache.columns] = 1
        else:
            np.copyto(cache.targets, targets.T)
        if self.label_smoothing:
            cache.targets *= 1 - self.label_smoothing
            cache.targets += self.label_smoothing * self.neutral


class CrossEntropy(Loss):
    """Compute `C = −Σ_i y_i log softmax(z)_i` on logits; `∂z = softmax(z) − y`.

    Targets given as numbers are probabilities: those of a sample sum to 1.

    Args:
        outputs: number of classes.
        label_smoothing: s; the target becomes `(1 − s) y + s / classes`.

    Source: Bridle, 1990; label smoothing: Szegedy et al., 2016, section 7.
    """

    kind = "cross_entropy"
    applies = SOFTMAX
    smooths = True
    mistake = facts.SLOPE_OF_SOFTMAX

    def __init__(self, outputs: int, label_smoothing: float = 0.0) -> None:
        super().__init__(outputs, label_smoothing, neutral=1 / outputs)

    def total(self, outputs: Array, cache: LossCache) -> float:
        """Return `Σ (log Σ_j e^{z_j − m} − Σ_i y_i (z_i − m))` with m the largest logit."""
        largest = np.maximum.reduce(outputs, axis=0)
        shifted = np.subtract(outputs, largest, out=cache.probabilities)
        wanted = float(np.vdot(cache.targets, shifted))  # the targets of a sample sum to 1
        np.exp(shifted, out=cache.probabilities)
        sums = np.add.reduce(cache.probabilities, axis=0)
        cache.probabilities /= sums
        return float(np.add.reduce(np.log(sums))) - wanted

    def backward(self, outputs: Array, cache: LossCache, batch_size: int) -> Array:
        """Return `(softmax(z) − y) / batch_size`."""
        np.subtract(cache.probabilities, cache.targets, out=cache.grad_output)
        cache.grad_output *= 1 / batch_size
        return cache.grad_output

    def probabilities(self, outputs: Array) -> Array:
        """Return `softmax(z)`."""
        return softmax(outputs, out=np.empty_like(outputs))

    def formulas(self, samples: int) -> LossFormulas:
        """Return the formulas of this loss for a batch of this size."""
        return LossFormulas(
            "C = −Σ_i y_i log softmax(z)_i", mean_gradient("∂z", "softmax(z) − y", samples)
        )
