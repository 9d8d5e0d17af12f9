"""Make pictures smaller: keep the mean of every K×K block."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array
from bpnet.nn.memory import Room
from bpnet.nn.pool import Pool


@dataclass(slots=True)
class AvgPoolCache:
    """Keep the arrays that a call writes."""

    output: Array
    scratch: Array
    grad_input: Array


class AvgPool(Pool[AvgPoolCache]):
    """Keep the mean of every block: `y = Σ x / K²`, and every place gets `δ / K²` back."""

    kind = "avgpool"
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets to divide by the size of a block",
        lambda layer, grad_output, cache: layer.backward(grad_output, cache) * layer.kernel_size**2,
    )

    def allocate(self, room: Room) -> AvgPoolCache:
        """Reserve the output, one place's gradient, and the input's."""
        scratch = room.for_backward(*self.output_shape)
        return AvgPoolCache(room.array(*self.output_shape), scratch, self._grad_input(room))

    def forward(self, x: Array, cache: AvgPoolCache) -> Array:
        """Return the means, shape (channels, rows, columns, batch)."""
        places = self._places(x)
        y = cache.output
        np.copyto(y, places[0])
        for place in places[1:]:
            y += place
        y /= len(places)
        return y

    def backward(self, grad_output: Array, cache: AvgPoolCache) -> Array:
        """Return `∂x = δ / K²` at every place of a block."""
        np.divide(grad_output, self.kernel_size**2, out=cache.scratch)
        for place in self._places(cache.grad_input):
            np.copyto(place, cache.scratch)
        return cache.grad_input

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        forward, slope = f"y = Σ x / K², K = {self.kernel_size}", "∂y/∂x = 1 / K² within the block"
        return Formulas(forward, f"{slope}, 0 elsewhere", "∂x = δ / K²")
