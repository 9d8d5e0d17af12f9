"""Pass activations on in another shape or another unit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bpnet.nn.layer import Array, Layer, Memory, Shape


class Flatten(Layer[None]):
    """Read a picture (channels, height, width) as a vector, row by row and channel by channel.

    With the batch last this is a change of view: nothing is copied.
    """

    kind = "flatten"

    def __init__(self, input_shape: Shape) -> None:
        super().__init__(input_shape, (int(np.prod(input_shape, dtype=np.int64)),))

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> None:
        """Reserve nothing."""
        return

    def forward(self, x: Array, cache: None) -> Array:
        """Return `x` as (features, batch)."""
        return x.reshape(*self.output_shape, x.shape[-1])

    def backward(self, grad_output: Array, cache: None) -> Array:
        """Return the gradient in the shape of the input."""
        return grad_output.reshape(*self.input_shape, grad_output.shape[-1])


@dataclass(slots=True)
class ScaleCache:
    """Keep the arrays that a call writes."""

    output: Array
    grad_input: Array


class Scale(Layer[ScaleCache]):
    """Multiply by a constant: `y = c x`, `∂x = c δ`.

    Args:
        input_shape: any shape; the output has the same.
        factor: `c`.
    """

    kind = "scale"

    def __init__(self, input_shape: Shape, factor: float) -> None:
        super().__init__(input_shape, input_shape)
        self.factor = factor

    def allocate(
        self,
        batch: int,
        memory: Memory,
        gradients: Mapping[str, Array],
        *,
        needs_grad_input: bool,
    ) -> ScaleCache:
        """Reserve output and input gradient."""
        shape = (*self.input_shape, batch)
        grad_input = memory.for_backward(*shape)
        return ScaleCache(memory.array(*shape), grad_input)

    def forward(self, x: Array, cache: ScaleCache) -> Array:
        """Return `c x`."""
        return np.multiply(x, self.factor, out=cache.output)

    def backward(self, grad_output: Array, cache: ScaleCache) -> Array:
        """Return `c δ`."""
        return np.multiply(grad_output, self.factor, out=cache.grad_input)
