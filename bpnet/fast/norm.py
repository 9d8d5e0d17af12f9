"""Normalise, add what leads past, and apply ReLU, while a few channels are in the cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bpnet.fast import sizes
from bpnet.nn.layer import Array
from bpnet.nn.memory import Room
from bpnet.nn.norm import BatchNorm, Norm
from bpnet.nn.residual import ResidualCache

Flags = NDArray[np.bool_]
NOTHING = np.empty(0)


@dataclass(slots=True)
class FusedNormCache:
    """Keep the input, its statistics, and the arrays that a call writes.

    A channel has N numbers, and the input is seen as (channels, N).

    Args:
        blocks: the channels that are computed together.
        output: of the same shape as the input.
        positive: where ReLU let the sum through (channels, N); empty where there is no ReLU.
        gradients: of γ and β.
        grad_input: gradient of the input, where it is wanted; it may take the input's place.
        past: what is added, and its gradient; None where nothing is.
        grad_past: δ', where that is what `past` gets.
        rows: of a block, in backward: x − μ, ones, and δ' (block, 3, N).
        sums: Σ δ' (x − μ) and Σ δ' (channels, 2).
        factors: by which `rows` are multiplied (channels, 3).
        ones: (N,).
        zeros: (N,).
        training: whether the statistics are those of the input.
        mean: μ (channels,).
        variance: σ².
        inverse_deviation: r = 1 / √(σ² + ε).
        x: the last input.
    """

    blocks: list[slice]
    output: Array
    positive: Flags
    gradients: Mapping[str, Array]
    grad_input: Array | None
    past: ResidualCache | None
    grad_past: Array
    rows: Array
    sums: Array
    factors: Array
    ones: Array
    zeros: Array
    training: bool
    mean: Array
    variance: Array
    inverse_deviation: Array
    x: Array = field(default_factory=lambda: NOTHING)


class FusedNorm(Norm[FusedNormCache]):
    """Compute `y = max(γ x̂ + β + past, 0)` in one go: `past` and ReLU may be left out.

    With δ' = δ ⊙ [y > 0], r = 1 / √(σ² + ε) and N values per channel, backward is

        dγ = r Σ δ' (x − μ),   dβ = Σ δ',   ∂x = γ r (δ' − dβ / N − (x − μ) r dγ / N):

    for each channel, three numbers times three rows. All of it is done for a few channels at a
    time, which the cache holds through all passes. The results are those of BatchNorm, End and ReLU
    within rounding.

    Args:
        norm: whose sizes are taken.
        adds: whether the `end` of a residual block comes next, which adds `past`.
        relu: whether ReLU comes last.
    """

    kind = "batchnorm"

    def __init__(self, norm: BatchNorm, *, adds: bool = False, relu: bool = False) -> None:
        super().__init__(norm.input_shape, norm.momentum, norm.epsilon)
        self.adds = adds
        self.relu = relu

    def allocate(self, room: Room) -> FusedNormCache:
        """Reserve the output, the gradients, and what one block of channels needs."""
        channels, memory = self.input_shape[0], room.memory
        output = room.array(*self.input_shape)
        count = output[0].size
        blocks = channel_blocks(channels, count)
        has_own_past = self.adds and self.relu
        return FusedNormCache(
            blocks=blocks,
            output=output,
            positive=memory.for_backward(channels if self.relu else 0, count, dtype=np.bool_),
            gradients=room.gradients,
            grad_input=room.for_input_gradient(*self.input_shape),
            past=memory.open.pop() if self.adds and memory.open else None,
            grad_past=room.for_backward(*self.input_shape) if has_own_past else NOTHING,
            rows=memory.scratch(blocks[0].stop if room.training else 0, 3, count),
            sums=memory.for_backward(channels, 2),
            factors=memory.for_backward(channels, 3),
            ones=np.ones(count, dtype=memory.dtype),
            zeros=np.zeros(count, dtype=memory.dtype),
            training=room.training,
            mean=memory.shared(channels),  # read when the running statistics are mixed
            variance=memory.shared(channels),
            inverse_deviation=memory.array(channels),
        )

    def forward(self, x: Array, cache: FusedNormCache) -> Array:
        """Return `max(γ x̂ + β + past, 0)`."""
        cache.x = x = x.reshape(len(x), -1)
        y = cache.output.reshape(x.shape)
        past = None if cache.past is None else np.reshape(cache.past.x, x.shape)
        if not cache.training:
            np.copyto(cache.mean, self.running_mean)
            np.copyto(cache.variance, self.running_variance)
        for block in cache.blocks:
            out, mean, variance = y[block], cache.mean[block], cache.variance[block]
            if cache.training:
                np.matmul(x[block], cache.ones, out=mean)
                mean /= x.shape[1]
            np.subtract(x[block], mean[:, None], out=out)
            if cache.training:
                np.vecdot(out, out, out=variance)
                variance /= x.shape[1]
            inverse = cache.inverse_deviation[block]
            np.divide(1, np.sqrt(variance + self.epsilon), out=inverse)
            out *= (self.weight[block] * inverse)[:, None]
            out += self.bias[block, None]
            if past is not None:
                out += past[block]
            if self.relu:
                np.maximum(out, cache.zeros, out=out)
                if cache.training:
                    np.greater(out, 0, out=cache.positive[block])
        return cache.output

    def backward(self, grad_output: Array, cache: FusedNormCache) -> Array:
        """Write dγ and dβ; return ∂x, and leave δ' to what leads past."""
        x, inverse = cache.x, cache.inverse_deviation
        delta, count = grad_output.reshape(x.shape), x.shape[1]
        scale = self.weight * inverse
        of_sums = np.stack([scale * inverse**2, scale], axis=1) / -count
        cache.factors[:, 2] = scale
        cache.rows[:, 1] = 1
        for block in cache.blocks:
            rows = cache.rows[: block.stop - block.start]
            grad = rows[:, 2]
            np.subtract(x[block], cache.mean[block, None], out=rows[:, 0])
            if self.relu:
                np.copyto(grad, cache.positive[block])  # a mixed product takes twice as long
                grad *= delta[block]
            else:
                np.copyto(grad, delta[block])
            if cache.grad_past.size:
                np.copyto(cache.grad_past.reshape(x.shape)[block], grad)
            np.matmul(rows[:, :2], grad[:, :, None], out=cache.sums[block, :, None])
            if cache.grad_input is not None:
                factors, grad_input = cache.factors[block], cache.grad_input.reshape(x.shape)[block]
                np.multiply(cache.sums[block], of_sums[block], out=factors[:, :2])
                np.matmul(factors[:, None], rows, out=grad_input[:, None])
        np.multiply(cache.sums[:, 0], inverse, out=cache.gradients["weight"])
        np.copyto(cache.gradients["bias"], cache.sums[:, 1])
        if cache.past is not None:
            cache.past.grad_past = cache.grad_past if self.relu else grad_output
        return grad_output if cache.grad_input is None else cache.grad_input

    def update_running(self, cache: FusedNormCache) -> None:
        """Mix one shard's statistics into the running ones; called in shard order."""
        self.mix(cache.mean, cache.variance, cache.ones.size)

    def kinks(self, cache: FusedNormCache) -> Sequence[Flags]:
        """Return where ReLU let the sum through."""
        return [cache.positive] if self.relu else []


def channel_blocks(channels: int, count: int) -> list[slice]:
    """Divide channels of so many numbers into blocks that fit the cache, none much smaller."""
    blocks = min(channels, -(-channels * count // sizes.chosen().norm_block))
    size = -(-channels // blocks)
    return [slice(start, min(start + size, channels)) for start in range(0, channels, size)]
