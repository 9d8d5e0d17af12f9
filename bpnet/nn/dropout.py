"""Switch off activations at random while training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.activation import Elementwise
from bpnet.nn.facts import Formulas, Mistake, Option, number
from bpnet.nn.layer import Array, Shape
from bpnet.nn.memory import Room

if TYPE_CHECKING:
    from bpnet.nn.draws import Draws


@dataclass(slots=True, eq=False)
class DropoutCache:
    """Keep which activations stayed on; in evaluation there is nothing to keep.

    Args:
        output: of the same shape as the input; None in evaluation.
        keep: the mask m.
        grad_input: gradient of the input.
        draws: where random bytes come from.
    """

    output: Array | None
    keep: NDArray[np.bool_]
    grad_input: Array
    draws: Draws | None = None


class Dropout(Elementwise[DropoutCache]):
    """Drop each activation with probability p: `y = x ⊙ m / (1 − p)`, `∂x = δ ⊙ m / (1 − p)`.

    The mask `m` is drawn anew for every step; in evaluation `y = x`. One random byte decides each
    activation, so p is rounded to the nearest 1/256 and the division uses the rounded value: the
    expectation stays exact, at a tenth of the time that a draw of floats takes.

    Args:
        input_shape: any shape; the output has the same.
        probability: p, from 0 to below 1.

    Source: Srivastava et al., 2014.
    """

    kind = "dropout"
    options = (
        Option("probability", "probability", float, 0, below=1, positional=True, degenerate=(0,)),
    )
    draws = True
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets to divide by 1 − p",
        lambda layer, grad_output, cache: grad_output * cache.keep,
    )

    def __init__(self, input_shape: Shape, probability: float) -> None:
        super().__init__(input_shape)
        self.probability = probability
        self.kept_bytes = max(1, round(256 * (1 - probability)))

    def allocate(self, room: Room) -> DropoutCache:
        """Reserve the output, the mask and the input's gradient; nothing for evaluation."""
        shape = self.input_shape
        return DropoutCache(
            output=room.array(*shape) if room.training else None,
            keep=room.for_backward(*shape, dtype=np.bool_),
            grad_input=room.for_backward(*shape),
        )

    def forward(self, x: Array, cache: DropoutCache) -> Array:
        """Return `x ⊙ m / (1 − p)` in training and `x` itself in evaluation."""
        if cache.output is None:
            return x
        assert cache.draws is not None, "a dropout layer in training needs random numbers"
        drawn = cache.draws.bytes(self.position, x.size // x.shape[-1], x.shape[-1])
        # Not `< kept_bytes`: 256 is no byte, and NumPy 2.1.0 crashes where it is compared with one.
        np.less_equal(drawn, self.kept_bytes - 1, out=cache.keep.reshape(drawn.shape))
        return self.masked(x, cache.keep, cache.output)

    def backward(self, grad_output: Array, cache: DropoutCache) -> Array:
        """Return `δ ⊙ m / (1 − p)`."""
        return self.masked(grad_output, cache.keep, cache.grad_input)

    def masked(self, x: Array, keep: NDArray[np.bool_], out: Array) -> Array:
        """Write `x ⊙ m / (1 − p)` to `out` and return it."""
        np.multiply(x, keep, out=out)
        out *= 256 / self.kept_bytes
        return out

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            f"y = x ⊙ m / (1 − p), p = {number(1 - self.kept_bytes / 256)}",
            "m / (1 − p)",
            "∂x = δ ⊙ m / (1 − p)",
            error="{error} ⊙ m / (1 − p)",
        )
