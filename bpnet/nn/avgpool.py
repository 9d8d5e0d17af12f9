"""Make pictures smaller: keep the mean of every K×K window."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bpnet.nn.facts import Formulas, Mistake
from bpnet.nn.layer import Array
from bpnet.nn.memory import Room
from bpnet.nn.sliding_pool import SlidingPool


@dataclass(slots=True)
class AvgPoolCache:
    """Keep the arrays that a call writes."""

    padded: Array | None
    output: Array
    scratch: Array
    grad_padded: Array


class AvgPool(SlidingPool[AvgPoolCache]):
    """Keep the mean of every window: `y = Σ x / K²`, and every place gets `δ / K²` back.

    Padding consists of zeros, which count: the sum is always divided by K².
    """

    kind = "avgpool"
    mistake: ClassVar[Mistake] = Mistake(
        "it forgets to divide by the size of a block",
        lambda layer, grad_output, cache: layer.backward(grad_output, cache) * layer.kernel_size**2,
    )
    border = 0.0

    def allocate(self, room: Room) -> AvgPoolCache:
        """Reserve the output, one place's gradient, and the input's."""
        return AvgPoolCache(
            padded=self._padded(room),
            output=room.array(*self.output_shape),
            scratch=room.for_backward(*self.output_shape),
            grad_padded=self._grad_padded(room),
        )

    def forward(self, x: Array, cache: AvgPoolCache) -> Array:
        """Return the means, shape (channels, rows, columns, batch)."""
        places = self._places(self._pad(x, cache.padded))
        y = cache.output
        np.copyto(y, places[0])
        for place in places[1:]:
            y += place
        y /= len(places)
        return y

    def backward(self, grad_output: Array, cache: AvgPoolCache) -> Array:
        """Return `∂x = δ / K²` at every place of a window, added up."""
        share = np.divide(grad_output, self.kernel_size**2, out=cache.scratch)
        if self.overlaps:
            cache.grad_padded.fill(0)
        for place in self._places(cache.grad_padded):
            if self.overlaps:
                place += share
            else:
                np.copyto(place, share)
        return self._inside(cache.grad_padded)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        forward, slope = f"y = Σ x / K², {self._sizes()}", "∂y/∂x = 1 / K² within the block"
        return Formulas(forward, f"{slope}, 0 elsewhere", "∂x = δ / K²")
