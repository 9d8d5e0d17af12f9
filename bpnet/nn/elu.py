"""Let what is negative fade smoothly towards −α."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.activation import Elementwise
from bpnet.nn.facts import Formulas, Mistake, Option, number
from bpnet.nn.layer import Array, Shape
from bpnet.nn.memory import Room


@dataclass(slots=True)
class ELUCache:
    """Keep where the input was positive, and the negative part of the output."""

    output: Array
    positive: NDArray[np.bool_]
    negative_part: Array
    grad_input: Array


class ELU(Elementwise[ELUCache]):
    """Apply the exponential linear unit: `a = z where z > 0, else α (eᶻ − 1)`.

    Backward: `∂z = δ where z > 0, else δ ⊙ (a + α)`.

    Args:
        input_shape: any shape; the output has the same.
        alpha: `α`; with 1 the slope has no jump.

    Source: Clevert, Unterthiner and Hochreiter, 2016, equation 15. At z = 0 the slope is α.
    """

    kind = "elu"
    options = (Option("alpha", "alpha", float, 0, degenerate=(0, 1)),)
    mistake: ClassVar[Mistake] = Mistake(
        "it stops the gradient where z ≤ 0, as ReLU does",
        lambda layer, grad_output, cache: grad_output * cache.positive,
    )
    other_mistakes: ClassVar[tuple[Mistake, ...]] = (
        Mistake(
            "it takes α for 1, which it is unless a config says otherwise",
            lambda layer, grad_output, cache: grad_output * (1 + cache.negative_part),
        ),
    )

    def __init__(self, input_shape: Shape, alpha: float = 1.0) -> None:
        super().__init__(input_shape)
        self.alpha = alpha

    def allocate(self, room: Room) -> ELUCache:
        """Reserve the output, one flag per element, the negative part, the input's gradient."""
        shape = self.input_shape
        return ELUCache(
            output=room.array(*shape),
            positive=room.for_backward(*shape, dtype=np.bool_),
            negative_part=room.array(*shape),
            grad_input=room.for_backward(*shape),
        )

    def forward(self, x: Array, cache: ELUCache) -> Array:
        """Return `max(x, 0) + α (e^min(x, 0) − 1)`."""
        if cache.positive.size:
            np.greater(x, 0, out=cache.positive)
        negative = np.minimum(x, 0, out=cache.negative_part)
        np.expm1(negative, out=negative)
        negative *= self.alpha
        np.maximum(x, 0, out=cache.output)
        cache.output += negative
        return cache.output

    def backward(self, grad_output: Array, cache: ELUCache) -> Array:
        """Return `δ ⊙ ([z > 0] (1 − α) + min(a, 0) + α)`."""
        slope = np.multiply(cache.positive, 1 - self.alpha, out=cache.grad_input)
        slope += cache.negative_part
        slope += self.alpha
        slope *= grad_output
        return slope

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            f"a = z where z > 0, else α (eᶻ − 1), α = {number(self.alpha)}",
            "1 where z > 0, else a + α",
            "∂z = δ where z > 0, else δ ⊙ (a + α)",
            error="{error} ⊙ elu'({z})",
        )

    def kinks(self, cache: ELUCache) -> Sequence[NDArray[np.bool_]]:
        """Return where z > 0: the slope jumps there or, with α = 1, the slope of the slope."""
        return [cache.positive]
