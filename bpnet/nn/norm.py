"""Bring activations to mean 0 and variance 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bpnet.nn.facts import ACCUMULATION, Formulas, Mistake, Option
from bpnet.nn.layer import Array, Cache, Layer, Shape
from bpnet.nn.memory import Room


@dataclass(slots=True, eq=False)
class BatchNormCache:
    """Keep the normalised input, the statistics of this shard and the arrays that a call writes."""

    normalised: Array
    output: Array
    gradients: Mapping[str, Array]
    grad_input: Array | None
    training: bool
    mean: Array
    variance: Array
    inverse_deviation: Array


def _constant_statistics(layer: Any, grad_output: Array, cache: Any) -> Array:
    layer.backward(grad_output, cache)
    factor = layer.weight * cache.inverse_deviation
    shape = (-1, *[1] * (grad_output.ndim - 1))
    grad_input: Array = grad_output * factor.reshape(shape)
    return grad_input


def _forgotten_gamma(layer: Any, grad_output: Array, cache: Any) -> Array:
    gamma = layer.weight.reshape(-1, *[1] * (grad_output.ndim - 1))
    grad_input: Array = layer.backward(grad_output, cache) / gamma
    return grad_input


class Norm(Layer[Cache]):
    """Hold what every way to compute a batch normalisation has: sizes, parameters, statistics.

    Args:
        input_shape: (features,) or (channels, height, width).
        momentum: m, the weight of the newest shard.
        epsilon: ε, added to the variance.
    """

    options = (
        Option("momentum", "momentum", float, 0, below=1),
        Option("epsilon", "epsilon", float, 0, below=1),
    )
    scope = "batch"
    weight: Array  # γ, (channels,)
    bias: Array  # β, (channels,)
    running_mean: Array  # (channels,)
    running_variance: Array  # (channels,)

    def __init__(self, input_shape: Shape, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__(input_shape, input_shape)
        self.momentum = momentum
        self.epsilon = epsilon
        channels = (input_shape[0],)
        self.parameter_shapes = {"weight": channels, "bias": channels}
        self.state_shapes = {"running_mean": channels, "running_variance": channels}

    def initial_state(self) -> dict[str, float]:
        """Return mean 0 and variance 1."""
        return {"running_mean": 0.0, "running_variance": 1.0}

    def mix(self, mean: Array, variance: Array, count: int) -> None:
        """Mix the mean and variance of `count` numbers a channel into the running ones."""
        unbiased = variance * (count / max(count - 1, 1))
        for running, fresh in ((self.running_mean, mean), (self.running_variance, unbiased)):
            running *= 1 - self.momentum
            running += self.momentum * fresh


class BatchNorm(Norm[BatchNormCache]):
    """Normalise each channel over the shard: `y = γ x̂ + β`, `x̂ = (x − μ) / √(σ² + ε)`.

    Training takes μ and σ² from the shard's own samples (a ghost batch) and keeps running ones
    for evaluation: `μ_run ← (1 − m) μ_run + m μ`, with the unbiased variance, shard by shard.

    Source: Ioffe and Szegedy, 2015, algorithm 1; ghost batches: Hoffer, Hubara and Soudry, 2017.
    """

    kind = "batchnorm"
    mistake: ClassVar[Mistake] = Mistake(
        "it takes mean and variance for constants", _constant_statistics
    )
    other_mistakes: ClassVar[tuple[Mistake, ...]] = (
        Mistake("it forgets γ, which nobody sees while γ is 1", _forgotten_gamma),
        ACCUMULATION,
    )

    def allocate(self, room: Room) -> BatchNormCache:
        """Reserve the normalised input, the output and the statistics of this shard."""
        channels = self.input_shape[0]
        return BatchNormCache(
            normalised=room.array(*self.input_shape),
            output=room.array(*self.input_shape),
            gradients=room.gradients,
            grad_input=room.for_input_gradient(*self.input_shape),
            training=room.training,
            mean=room.memory.shared(channels),  # read when the running statistics are mixed
            variance=room.memory.shared(channels),
            inverse_deviation=room.memory.array(channels),
        )

    def forward(self, x: Array, cache: BatchNormCache) -> Array:
        """Return `γ x̂ + β`, with the shard's statistics in training, else the running ones."""
        rows = x.reshape(len(x), -1)
        normalised = cache.normalised.reshape(rows.shape)
        if cache.training:
            np.mean(rows, axis=1, out=cache.mean)
            np.subtract(rows, cache.mean[:, None], out=normalised)
            np.square(normalised, out=cache.output.reshape(rows.shape))
            np.mean(cache.output.reshape(rows.shape), axis=1, out=cache.variance)
        else:
            np.subtract(rows, self.running_mean[:, None], out=normalised)
            np.copyto(cache.variance, self.running_variance)
        np.divide(1, np.sqrt(cache.variance + self.epsilon), out=cache.inverse_deviation)
        normalised *= cache.inverse_deviation[:, None]
        y = np.multiply(normalised, self.weight[:, None], out=cache.output.reshape(rows.shape))
        y += self.bias[:, None]
        return cache.output

    def backward(self, grad_output: Array, cache: BatchNormCache) -> Array:
        """Write `dγ = Σ δ x̂` and `dβ = Σ δ`; return the gradient through μ and σ² as well.

        With N values per channel: `∂x = γ / √(σ² + ε) · (δ − dβ / N − x̂ dγ / N)`.
        """
        delta = grad_output.reshape(len(grad_output), -1)
        normalised = cache.normalised.reshape(delta.shape)
        grad_weight, grad_bias = cache.gradients["weight"], cache.gradients["bias"]
        np.vecdot(delta, normalised, out=grad_weight)
        np.sum(delta, axis=1, out=grad_bias)
        if cache.grad_input is None:
            return grad_output
        count = delta.shape[1]
        grad_input = cache.grad_input.reshape(delta.shape)
        np.multiply(normalised, (grad_weight / -count)[:, None], out=grad_input)
        grad_input += delta
        grad_input -= (grad_bias / count)[:, None]
        grad_input *= (self.weight * cache.inverse_deviation)[:, None]
        return cache.grad_input

    def update_running(self, cache: BatchNormCache) -> None:
        """Mix one shard's statistics into the running ones; called in shard order."""
        self.mix(cache.mean, cache.variance, cache.output[0].size)

    def formulas(self) -> Formulas:
        """Return the formulas of this layer."""
        return Formulas(
            "y = γ x̂ + β, x̂ = (x − μ) / √(σ² + ε)",
            "∂y_i/∂x_j = γ / √(σ² + ε) · ([i = j] − 1 / N − x̂_i x̂_j / N)",
            "∂x = γ / √(σ² + ε) · (δ − dβ / N − x̂ dγ / N)",
            {"weight": "dγ = Σ δ x̂", "bias": "dβ = Σ δ"},
        )
