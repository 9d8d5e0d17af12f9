"""Square the distance between outputs and targets."""

from typing import ClassVar

import numpy as np

from bpnet.nn.facts import FORGOTTEN_BATCH, FORGOTTEN_OUTPUTS, LossFormulas, Mistake, mean_gradient
from bpnet.nn.layer import Array
from bpnet.nn.loss import Loss, LossCache


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
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets the factor 2",
        lambda loss, outputs, cache, batch_size: loss.backward(outputs, cache, 2 * batch_size),
    )
    other_mistakes: ClassVar[tuple[Mistake, ...]] = (FORGOTTEN_BATCH, FORGOTTEN_OUTPUTS)

    def __init__(self, outputs: int) -> None:
        super().__init__(outputs, 1 / outputs)

    def formulas(self, samples: int) -> LossFormulas:
        """Return the formulas of this loss for a batch of this size."""
        gradient = mean_gradient("∂a", "2 (a − y)", samples, "outputs", is_sum=False)
        return LossFormulas("C = Σ_i (a_i − y_i)² / outputs", gradient)


class QuadraticCost(SquaredDistance):
    """Compute the textbook's cost `C = ½ ‖a − y‖²`; `∂a = a − y`.

    Source: Nielsen, 2015, equation 6.
    """

    kind = "quadratic"
    mistake: ClassVar[Mistake] = Mistake(
        "it has a factor 2, as if the cost had no ½",
        lambda loss, outputs, cache, batch_size: 2 * loss.backward(outputs, cache, batch_size),
    )

    def __init__(self, outputs: int) -> None:
        super().__init__(outputs, 0.5)

    def formulas(self, samples: int) -> LossFormulas:
        """Return the formulas of this loss for a batch of this size."""
        return LossFormulas("C = ½ ‖a − y‖²", mean_gradient("∂a", "a − y", samples))
