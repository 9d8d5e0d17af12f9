"""Measure how far outputs are from targets, and where to go to come closer.

A loss works on one shard: outputs (outputs, batch) and the shard's targets. It returns the *sum*
of its samples' losses, and its gradient is divided by the size of the *whole* batch, so that the
shards' gradients simply add up.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.activation import sigmoid, softmax
from bpnet.nn.layer import Array, Memory


@dataclass(slots=True)
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
    answers_questions: ClassVar[bool] = False  # every output is a yes or a no of its own

    def __init__(self, outputs: int, label_smoothing: float = 0.0, neutral: float = 0.0) -> None:
        self.outputs = outputs
        self.label_smoothing = label_smoothing
        self.neutral = neutral

    def allocate(self, batch: int, memory: Memory) -> LossCache:
        """Prepare everything that calls with `batch` samples write to."""
        targets, probabilities, grad_output = (memory.array(self.outputs, batch) for _ in range(3))
        return LossCache(targets, probabilities, grad_output, np.arange(batch))

    def forward(self, outputs: Array, targets: NDArray[Any], cache: LossCache) -> float:
        """Return the sum of the samples' losses.

        Args:
            outputs: (outputs, batch).
            targets: class numbers (batch,) or numbers (batch, outputs).
            cache: made by `allocate` for this batch.
        """
        self._fill_targets(targets, cache)
        cache.correct = self._count_correct(outputs, targets, cache)
        return self.total(outputs, cache)

    def backward(self, outputs: Array, cache: LossCache, batch_size: int) -> Array:
        """Return the gradient of the outputs of the mean over `batch_size` samples."""
        raise NotImplementedError

    def probabilities(self, outputs: Array) -> Array:
        """Return class probabilities (outputs, batch) for outputs of the same shape.

        Outputs trained towards one-hot targets are cut off below 0 and divided by their sum.
        """
        positive: Array = np.maximum(outputs, 0) + np.finfo(outputs.dtype).tiny
        positive /= positive.sum(axis=0)
        return positive

    def estimates(self, outputs: Array) -> Array:
        """Return what the outputs say about targets that are plain numbers."""
        return outputs

    def total(self, outputs: Array, cache: LossCache) -> float:
        """Return the sum of the samples' losses for the targets that the cache holds already."""
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

    def _count_correct(self, outputs: Array, targets: NDArray[Any], cache: LossCache) -> int:
        """Count the samples whose largest output is the right one; 0 where targets are numbers.

        Among equal outputs the first counts as the largest, as it does in a prediction.
        """
        if targets.ndim > 1:
            return 0
        return int(np.count_nonzero(outputs.argmax(axis=0) == targets))


class CrossEntropy(Loss):
    """Compute `C = −Σ_i y_i log softmax(z)_i` on logits; `∂z = softmax(z) − y`.

    Targets given as numbers are probabilities: those of a sample sum to 1.

    Args:
        outputs: number of classes.
        label_smoothing: s; the target becomes `(1 − s) y + s / classes`.

    Source: Bridle, 1990; label smoothing: Szegedy et al., 2016, section 7.
    """

    kind = "cross_entropy"

    def __init__(self, outputs: int, label_smoothing: float = 0.0) -> None:
        super().__init__(outputs, label_smoothing, neutral=1 / outputs)

    def total(self, outputs: Array, cache: LossCache) -> float:
        """Return `Σ (log Σ_j e^{z_j − m} − Σ_i y_i (z_i − m))` with m the largest logit."""
        shifted = np.subtract(outputs, outputs.max(axis=0), out=cache.probabilities)
        wanted = float(np.vdot(cache.targets, shifted))  # the targets of a sample sum to 1
        np.exp(shifted, out=cache.probabilities)
        sums = cache.probabilities.sum(axis=0)
        cache.probabilities /= sums
        return float(np.log(sums).sum()) - wanted

    def backward(self, outputs: Array, cache: LossCache, batch_size: int) -> Array:
        """Return `(softmax(z) − y) / batch_size`."""
        np.subtract(cache.probabilities, cache.targets, out=cache.grad_output)
        cache.grad_output *= 1 / batch_size
        return cache.grad_output

    def probabilities(self, outputs: Array) -> Array:
        """Return `softmax(z)`."""
        return softmax(outputs, out=np.empty_like(outputs))


class SquaredDistance(Loss):
    """Compute `C = f Σ_i (a_i − y_i)²`; `∂a = 2 f (a − y)`.

    Args:
        outputs: numbers per sample.
        factor: f.
    """

    def __init__(self, outputs: int, factor: float) -> None:
        super().__init__(outputs)
        self.factor = factor

    def total(self, outputs: Array, cache: LossCache) -> float:
        """Return `f Σ (a − y)²`."""
        difference = np.subtract(outputs, cache.targets, out=cache.grad_output)
        return self.factor * float(np.vdot(difference, difference))

    def backward(self, outputs: Array, cache: LossCache, batch_size: int) -> Array:
        """Return `2 f (a − y) / batch_size`."""
        np.subtract(outputs, cache.targets, out=cache.grad_output)
        cache.grad_output *= 2 * self.factor / batch_size
        return cache.grad_output


class MeanSquaredError(SquaredDistance):
    """Average the squared error over outputs and batch: `C = Σ_i (a_i − y_i)² / outputs`."""

    kind = "mse"

    def __init__(self, outputs: int) -> None:
        super().__init__(outputs, 1 / outputs)


class QuadraticCost(SquaredDistance):
    """Compute the textbook's cost `C = ½ ‖a − y‖²`; `∂a = a − y`.

    Source: Nielsen, 2015, equation 6.
    """

    kind = "quadratic"

    def __init__(self, outputs: int) -> None:
        super().__init__(outputs, 0.5)


class BinaryCrossEntropy(Loss):
    """Compute `C = −Σ_i (y_i log σ(z_i) + (1 − y_i) log(1 − σ(z_i))) / outputs` on logits.

    Written as `max(z, 0) − z y + log(1 + e^{−|z|})`, which cannot overflow; `∂z = σ(z) − y` over
    the number of outputs.

    Args:
        outputs: yes-or-no questions per sample; the loss is their mean.
        label_smoothing: s; the target becomes `(1 − s) y + s / 2`.
    """

    kind = "binary_cross_entropy"
    answers_questions = True

    def __init__(self, outputs: int, label_smoothing: float = 0.0) -> None:
        super().__init__(outputs, label_smoothing, neutral=1 / 2)

    def total(self, outputs: Array, cache: LossCache) -> float:
        """Return `Σ (max(z, 0) − z y + log(1 + e^{−|z|})) / outputs`."""
        terms = np.abs(outputs, out=cache.grad_output)
        np.negative(terms, out=terms)
        np.exp(terms, out=terms)
        np.log1p(terms, out=terms)
        terms += np.maximum(outputs, 0, out=cache.probabilities)
        return (float(terms.sum()) - float(np.vdot(outputs, cache.targets))) / self.outputs

    def backward(self, outputs: Array, cache: LossCache, batch_size: int) -> Array:
        """Return `(σ(z) − y) / (outputs · batch_size)`."""
        sigmoid(outputs, out=cache.grad_output)
        cache.grad_output -= cache.targets
        cache.grad_output *= 1 / (self.outputs * batch_size)
        return cache.grad_output

    def probabilities(self, outputs: Array) -> Array:
        """Return `σ(z)`; with several outputs, divided by their sum.

        The quotient is written as `softmax(log σ(z))`, which holds where every σ(z) rounds to 0.
        """
        if self.outputs == 1:
            return self.estimates(outputs)
        log_chances = np.minimum(outputs, 0) - np.log1p(np.exp(-np.abs(outputs)))
        return softmax(log_chances, out=log_chances)

    def estimates(self, outputs: Array) -> Array:
        """Return `σ(z)`."""
        return sigmoid(outputs, out=np.empty_like(outputs))

    def _count_correct(self, outputs: Array, targets: NDArray[Any], cache: LossCache) -> int:
        """Count the samples all of whose questions are answered right."""
        if targets.ndim == 1:
            return super()._count_correct(outputs, targets, cache)
        return int(np.count_nonzero(((outputs > 0) == (targets.T > 0.5)).all(axis=0)))


def build_loss(name: str, outputs: int, label_smoothing: float = 0.0) -> Loss:
    """Return the loss that a config names."""
    if name == "cross_entropy":
        return CrossEntropy(outputs, label_smoothing)
    if name == "binary_cross_entropy":
        return BinaryCrossEntropy(outputs, label_smoothing)
    return {"mse": MeanSquaredError, "quadratic": QuadraticCost}[name](outputs)
