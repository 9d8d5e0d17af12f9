"""Score answers to yes-or-no questions."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.activation import sigmoid
from bpnet.nn.facts import (
    FORGOTTEN_BATCH,
    FORGOTTEN_OUTPUTS,
    SIGMOID,
    LossFormulas,
    Mistake,
    mean_gradient,
)
from bpnet.nn.layer import Array
from bpnet.nn.loss import Loss, LossCache
from bpnet.nn.softmax import softmax


class BinaryCrossEntropy(Loss):
    """Compute `C = −Σ_i (y_i log σ(z_i) + (1 − y_i) log(1 − σ(z_i))) / outputs` on logits.

    Written as `max(z, 0) − z y + log(1 + e^{−|z|})`, which cannot overflow; `∂z = σ(z) − y` over
    the number of outputs.

    Args:
        outputs: yes-or-no questions per sample; the loss is their mean.
        label_smoothing: s; the target becomes `(1 − s) y + s / 2`.
    """

    kind = "binary_cross_entropy"
    applies = SIGMOID
    smooths = True
    answers_questions = True
    mistake: ClassVar[Mistake] = Mistake(
        "it multiplies by σ'(z), which has cancelled already",
        lambda loss, outputs, cache, batch_size: (
            loss.backward(outputs, cache, batch_size)
            * (loss.estimates(outputs) * (1 - loss.estimates(outputs)))
        ),
    )
    other_mistakes: ClassVar[tuple[Mistake, ...]] = (FORGOTTEN_BATCH, FORGOTTEN_OUTPUTS)

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

    def count_correct(self, outputs: Array, targets: NDArray[Any]) -> int:
        """Count the samples all of whose questions are answered right."""
        if targets.ndim == 1:
            return super().count_correct(outputs, targets)
        return int(np.count_nonzero(((outputs > 0) == (targets.T > 0.5)).all(axis=0)))

    def formulas(self, samples: int) -> LossFormulas:
        """Return the formulas of this loss for a batch of this size."""
        return LossFormulas(
            "C = −Σ_i (y_i log σ(z_i) + (1 − y_i) log(1 − σ(z_i))) / outputs",
            mean_gradient("∂z", "σ(z) − y", samples, "outputs"),
        )
