"""Weight each activation by how it compares with a normal distribution."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpnet.nn.activation import Elementwise
from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array
from bpnet.nn.memory import Room

SCALE = math.sqrt(2 / math.pi)
CUBIC = 0.044715


@dataclass(slots=True)
class GELUCache:
    """Keep the input and its gate.

    Args:
        output: z g.
        gate: g, between 0 and 1.
        scratch: to work in.
        grad_input: gradient of the input.
        x: the last input, z.
    """

    output: Array
    gate: Array
    scratch: Array
    grad_input: Array
    x: Array | None = None


class GELU(Elementwise[GELUCache]):
    """Apply the Gaussian error linear unit: `a = z g(z)`, `∂z = δ ⊙ (g + z g')`.

    The gate is the normal distribution's Φ(z) in the form that needs no error function,

        `g = ½ (1 + tanh u)`, `u = √(2/π) (z + 0.044715 z³)`,

    which puts a at most 0.0005 off. So `g' = 2 g (1 − g) u'` with
    `u' = √(2/π) (1 + 3 · 0.044715 z²)`.

    Source: Hendrycks and Gimpel, 2016, section 2.
    """

    kind = "gelu"
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets that the gate depends on z, too: g alone",
        lambda layer, grad_output, cache: grad_output * cache.gate,
    )

    def allocate(self, room: Room) -> GELUCache:
        """Reserve the output, the gate, a scratch array and the input's gradient."""
        shape = self.input_shape
        return GELUCache(
            output=room.array(*shape),
            gate=room.array(*shape),
            scratch=room.for_backward(*shape),
            grad_input=room.for_backward(*shape),
        )

    def forward(self, x: Array, cache: GELUCache) -> Array:
        """Return `x g`."""
        cache.x = x
        g = np.square(x, out=cache.gate)
        g *= SCALE * CUBIC
        g += SCALE
        g *= x
        np.tanh(g, out=g)
        g += 1
        g *= 0.5
        return np.multiply(x, g, out=cache.output)

    def backward(self, grad_output: Array, cache: GELUCache) -> Array:
        """Return `δ ⊙ g (1 + 2 z u' (1 − g))`."""
        assert cache.x is not None
        slope = np.square(cache.x, out=cache.grad_input)
        slope *= 6 * SCALE * CUBIC
        slope += 2 * SCALE
        slope *= cache.x
        slope *= np.subtract(1, cache.gate, out=cache.scratch)
        slope += 1
        slope *= cache.gate
        slope *= grad_output
        return slope

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            "a = z g, g = ½ (1 + tanh u), u = √(2/π) (z + 0.044715 z³)",
            "g (1 + 2 z u' (1 − g))",
            "∂z = δ ⊙ g (1 + 2 z u' (1 − g))",
            error="{error} ⊙ gelu'({z})",
        )
