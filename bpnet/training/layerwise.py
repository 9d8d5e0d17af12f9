"""Scale the step of each layer by the size of its own weights, for large batches.

A step may move each weight matrix by about the same fraction of its norm, however long its gradient
is. Biases and the factors of a normalisation move as if this were not.
"""

import dataclasses
import math
from typing import ClassVar

import numpy as np

from bpnet.config.settings import OptimizerConfig
from bpnet.nn.facts import number
from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays
from bpnet.training.optimizer import Optimizer, square_sum
from bpnet.training.parameter_slice import ParameterSlice


class Layerwise(Optimizer):
    """Move in two stages: all of a layer is measured before any of it is moved.

    `aim` looks at every slice first. The sums of its squares over the slices of an array give that
    array's ratio (`set_ratios`), with which `update` then moves the slices.
    """

    def __init__(
        self, parameters: FlatArrays, config: OptimizerConfig, grad_clip: float = 0.0
    ) -> None:
        super().__init__(parameters, config, grad_clip)
        self.ratios = [1.0] * len(parameters.shapes)

    def aim(self, params: ParameterSlice, count: int) -> tuple[float, float]:
        """Find the direction of a slice, in place of its gradient.

        Returns:
            `‖w‖²` and `‖u‖²` of the slice: of its weights and of what they are compared with.
        """
        raise NotImplementedError

    def ratio(self, w: float, u: float) -> float:
        """Return the factor of a layer's step, from the norms of its weights and of u."""
        raise NotImplementedError

    def set_ratios(self, sums: Array) -> None:
        """Set the factor of every array, from its two sums of squares (arrays, 2)."""
        decays = [span.stop <= self.parameters.weights for span in self.parameters.spans.values()]
        self.ratios = [
            self.ratio(math.sqrt(w), math.sqrt(u)) if is_weight else 1.0
            for (w, u), is_weight in zip(sums.tolist(), decays, strict=True)
        ]

    def step(self, gradients: FlatArrays, learning_rate: float) -> None:
        """Move all parameters, once their gradient is clipped and every array is measured."""
        if self.grad_clip:
            gradients.flat *= self.clipping_factor(square_sum(gradients.flat))
        self.steps += 1
        slices = self._slices_of(gradients)
        self.set_ratios(np.array([self.aim(params, self.steps) for params in slices]))
        for params in slices:
            self.update(params, learning_rate, self.steps)

    def _slices_of(self, gradients: FlatArrays) -> list[ParameterSlice]:
        """Return a slice for each array."""
        slices = []
        for array, span in enumerate(gradients.spans.values()):
            params = self.take(
                lambda arrays, s=span: arrays.flat[s],  # type: ignore[misc]
                gradients.flat[span],
                decays=span.stop <= gradients.weights,
            )
            slices.append(dataclasses.replace(params, array=array))
        return slices


class LARS(Layerwise):
    """Roll downhill with momentum, each layer at its own rate.

    `r = κ ‖w‖ / (‖g‖ + λ ‖w‖)`, `v ← μ v + η r (g + λ w)`, `w ← w − v`, with the trust
    coefficient κ and the norms of a whole weight matrix.

    Source: You, Gitman and Ginsburg, "Large batch training of convolutional networks", 2017,
    algorithm 1; biases and normalisations exempt as in their code.
    """

    name = "lars"
    letters: ClassVar[dict[str, str]] = {"velocity": "v"}

    def aim(self, params: ParameterSlice, count: int) -> tuple[float, float]:
        """Return the square sums of weights and gradient."""
        return square_sum(params.w), square_sum(params.gradient)

    def ratio(self, w: float, u: float) -> float:
        """Return r; 1 where weights or gradient are zero."""
        below = u + self.config.weight_decay * w
        return self.config.trust * w / below if w and below else 1.0

    def update(self, params: ParameterSlice, learning_rate: float, count: int) -> None:
        """Update a slice in place; its gradient becomes `η r (g + λ w)`."""
        self._add_decay(params)
        w, step, velocity = params.w, params.gradient, params.memories["velocity"]
        step *= learning_rate * self.ratios[params.array]
        velocity *= self.config.momentum
        velocity += step
        w -= velocity

    def formulas(self, learning_rate: float, count: int) -> list[str]:
        """Return the rule of this step."""
        config = self.config
        return [
            "r = κ ‖w‖ / (‖g‖ + λ ‖w‖) of each weight matrix, without λ w in g; 1 for the others; "
            f"κ = {number(config.trust)}",
            f"v ← μ v + η r g, w ← w − v, μ = {number(config.momentum)}, "
            f"η = {number(learning_rate)}",
        ]


class LAMB(Layerwise):
    """Scale Adam's step of each layer to the size of its weights.

    `u = m̂ / (√ŝ + ε) + λ w` with the means of Adam, and `w ← w − η (‖w‖ / ‖u‖) u`, with the norms
    of a whole weight matrix.

    Source: You et al., "Large batch optimization for deep learning: training BERT in 76 minutes",
    2020, algorithm 2, with φ(z) = z.
    """

    name = "lamb"
    letters: ClassVar[dict[str, str]] = {"mean": "m", "square": "s"}

    def aim(self, params: ParameterSlice, count: int) -> tuple[float, float]:
        """Put u in place of the gradient; return the square sums of weights and u."""
        config, g, scratch = self.config, params.gradient, params.scratch
        mean, square = params.memories["mean"], params.memories["square"]
        mean *= config.beta1
        mean += np.multiply(g, 1 - config.beta1, out=scratch)
        square *= config.beta2
        np.square(g, out=g)
        g *= 1 - config.beta2
        square += g
        np.multiply(square, 1 / (1 - config.beta2**count), out=scratch)
        np.sqrt(scratch, out=scratch)
        scratch += config.epsilon
        np.multiply(mean, 1 / (1 - config.beta1**count), out=g)
        g /= scratch
        self._add_decay(params)
        return square_sum(params.w), square_sum(g)

    def ratio(self, w: float, u: float) -> float:
        """Return `‖w‖ / ‖u‖`; 1 where either is zero."""
        return w / u if w and u else 1.0

    def update(self, params: ParameterSlice, learning_rate: float, count: int) -> None:
        """Move a slice along u, which is overwritten."""
        w, step = params.w, params.gradient
        step *= learning_rate * self.ratios[params.array]
        w -= step

    def formulas(self, learning_rate: float, count: int) -> list[str]:
        """Return the rule of this step."""
        config = self.config
        return [
            "m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², "
            f"β₁ = {number(config.beta1)}, β₂ = {number(config.beta2)}",
            "u = m̂ / (√ŝ + ε), m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ), "
            f"ε = {number(config.epsilon)}, t = {count}",
            "w ← w − η r u, r = ‖w‖ / ‖u‖ of each weight matrix, 1 for the others, "
            f"η = {number(learning_rate)}",
        ]

    def decay_formula(self) -> str:
        """Return how weight decay acts."""
        return "u ← u + λ w"
