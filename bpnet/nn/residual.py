"""Lead activations past some layers, and add them to what these make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from bpnet.nn.facts import Formulas, Mistake, Scope
from bpnet.nn.layer import Array, Layer, Shape
from bpnet.nn.memory import Room


@dataclass(slots=True)
class ResidualCache:
    """Keep what is led past the layers of F; an `end` and its `residual` share it.

    Args:
        grad_input: gradient of x.
        x: on the way forward: what came in, borrowed from the layer before.
        grad_past: on the way back: δ of the sum, borrowed from the layer after `end`.
    """

    grad_input: Array
    x: Array | float = 0.0
    grad_past: Array | float = 0.0


class Residual(Layer[ResidualCache]):
    """Begin `y = x + F(x)`: hand x on to F, whose layers follow, and past them to `end`.

    What goes two ways comes back on both: `∂x = δ + δ of end`, the one (dF/dx)ᵀ times the other.

    Source: He, Zhang, Ren and Sun, 2016.
    """

    kind = "residual"
    scope: ClassVar[Scope] = "identity"
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets the gradient that comes past F",
        lambda layer, grad_output, cache: grad_output,
    )
    end: End | None = None

    def __init__(self, input_shape: Shape) -> None:
        super().__init__(input_shape, input_shape)

    def allocate(self, room: Room) -> ResidualCache:
        """Reserve the input's gradient, and let the `end` that follows find this cache."""
        cache = ResidualCache(room.for_backward(*self.input_shape))
        room.memory.open.append(cache)
        return cache

    def forward(self, x: Array, cache: ResidualCache) -> Array:
        """Return x, and keep it for `end`."""
        cache.x = x
        return x

    def backward(self, grad_output: Array, cache: ResidualCache) -> Array:
        """Return δ, which comes out of F, and that of `end`, which comes past it, in one."""
        return np.add(grad_output, cache.grad_past, out=cache.grad_input)

    def activations(self) -> int:
        """Return 0: nothing is written."""
        return 0

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        past = f"δ of {self.end.name if self.end else 'end'}"
        return Formulas("y = x", "∂y/∂x = 1", f"∂x = δ + {past}", error=f"{{error}} + {past}")


@dataclass(slots=True)
class EndCache:
    """Keep the output, and what is led past F; 0 where there is no `residual` before."""

    output: Array
    past: ResidualCache = field(default_factory=lambda: ResidualCache(np.empty(0)))


class End(Layer[EndCache]):
    """End `y = x + F(x)`: add what came into `residual`, and send δ back both ways."""

    kind = "end"
    scope: ClassVar[Scope] = "element"
    mistake: ClassVar[Mistake] = Mistake(
        "it divides the gradient between both ways, half to each",
        lambda layer, grad_output, cache: layer.backward(grad_output, cache) / 2,
    )
    start: Residual | None = None

    def __init__(self, input_shape: Shape) -> None:
        super().__init__(input_shape, input_shape)

    def allocate(self, room: Room) -> EndCache:
        """Reserve the output, and take the cache of the last `residual` that is still open."""
        output, open_ones = room.array(*self.output_shape), room.memory.open
        return EndCache(output, open_ones.pop()) if open_ones else EndCache(output)

    def forward(self, x: Array, cache: EndCache) -> Array:
        """Return `F + x`; what comes in here is F."""
        return np.add(x, cache.past.x, out=cache.output)

    def backward(self, grad_output: Array, cache: EndCache) -> Array:
        """Return δ to F, and keep it for `residual`."""
        cache.past.grad_past = grad_output
        return grad_output

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        past = self.start.name if self.start else "residual"
        return Formulas(f"y = F + output of {past}", "∂y/∂F = 1", "∂F = δ", error="{error}")


def link(layers: Sequence[Layer[Any]]) -> dict[int, int]:
    """Let every `residual` and its `end` know each other: the last one that is still open.

    Returns:
        The number of the `end` by that of its `residual`.
    """
    ends: dict[int, int] = {}
    open_ones: list[tuple[int, Residual]] = []
    for number, layer in enumerate(layers):
        if isinstance(layer, Residual):
            open_ones.append((number, layer))
        elif isinstance(layer, End) and open_ones:
            place, layer.start = open_ones.pop()
            layer.start.end = layer
            ends[place] = number
    return ends
