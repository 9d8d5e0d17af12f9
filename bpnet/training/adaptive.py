"""Scale every step by the gradient's own size so far."""

import math
from typing import ClassVar

import numpy as np

from bpnet.nn.facts import number
from bpnet.training.optimizer import Optimizer
from bpnet.training.parameter_slice import ParameterSlice


class Adam(Optimizer):
    """Follow the mean gradient, divided by the gradient's running size.

    `m ← β₁ m + (1 − β₁) g`, `s ← β₂ s + (1 − β₂) g²`, and with step number t
    `w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√s + ε √(1 − β₂ᵗ))`, which is
    `w − η m̂ / (√ŝ + ε)` with both means freed of their start at 0.

    Source: Kingma and Ba, 2015, algorithm 1.
    """

    name = "adam"
    letters: ClassVar[dict[str, str]] = {"mean": "m", "square": "s"}

    def update(self, params: ParameterSlice, learning_rate: float, count: int) -> None:
        """Update a slice in place; its gradient is overwritten."""
        config, w, g = self.config, params.w, params.gradient
        self._decay(params, learning_rate)
        mean, square = params.memories["mean"], params.memories["square"]
        mean *= config.beta1
        mean += np.multiply(g, 1 - config.beta1, out=params.scratch)
        square *= config.beta2
        np.square(g, out=g)
        g *= 1 - config.beta2
        square += g
        # math, not NumPy: a float64 scalar would have the products below computed in float64.
        correction = math.sqrt(1 - config.beta2**count)
        np.sqrt(square, out=g)
        g += config.epsilon * correction
        np.divide(mean, g, out=g)
        g *= learning_rate * correction / (1 - config.beta1**count)
        w -= g

    def _decay(self, params: ParameterSlice, learning_rate: float) -> None:
        self._add_decay(params)

    def formulas(self, learning_rate: float, count: int) -> list[str]:
        """Return the rule of this step."""
        config = self.config
        return [
            "m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², "
            f"β₁ = {number(config.beta1)}, β₂ = {number(config.beta2)}",
            "w ← w − η m̂ / (√ŝ + ε), m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ), "
            f"η = {number(learning_rate)}, ε = {number(config.epsilon)}, t = {count}",
        ]


class AdamW(Adam):
    """Do as Adam does, with the decay taken out of the gradient: `w ← w − η λ w`.

    Source: Loshchilov and Hutter, 2019, algorithm 2.
    """

    name = "adamw"

    def _decay(self, params: ParameterSlice, learning_rate: float) -> None:
        if params.decays:
            np.multiply(params.w, 1 - learning_rate * self.config.weight_decay, out=params.w)

    def decay_formula(self) -> str:
        """Return how weight decay acts."""
        return "w ← w − η λ w"


class RMSProp(Optimizer):
    """Divide the gradient by its running size: `s ← ρ s + (1 − ρ) g²`, `w ← w − η g / (√s + ε)`.

    Source: Tieleman and Hinton, 2012, lecture 6.5.
    """

    name = "rmsprop"
    letters: ClassVar[dict[str, str]] = {"square": "s"}

    def update(self, params: ParameterSlice, learning_rate: float, count: int) -> None:
        """Update a slice in place; its gradient is overwritten."""
        self._add_decay(params)
        square = params.memories["square"]
        square *= self.config.rho
        squared = np.square(params.gradient, out=params.scratch)
        squared *= 1 - self.config.rho
        square += squared
        _divide_and_move(params, learning_rate, self.config.epsilon)

    def formulas(self, learning_rate: float, count: int) -> list[str]:
        """Return the rule of this step."""
        rho = f"ρ = {number(self.config.rho)}"
        return [f"s ← ρ s + (1 − ρ) g², {rho}", _move(learning_rate, self.config.epsilon)]


class Adagrad(Optimizer):
    """Divide the gradient by the size of all so far: `s ← s + g²`, `w ← w − η g / (√s + ε)`.

    Source: Duchi, Hazan and Singer, 2011, figure 1, with diagonal matrices.
    """

    name = "adagrad"
    letters: ClassVar[dict[str, str]] = {"square": "s"}

    def update(self, params: ParameterSlice, learning_rate: float, count: int) -> None:
        """Update a slice in place; its gradient is overwritten."""
        self._add_decay(params)
        square = params.memories["square"]
        square += np.square(params.gradient, out=params.scratch)
        _divide_and_move(params, learning_rate, self.config.epsilon)

    def formulas(self, learning_rate: float, count: int) -> list[str]:
        """Return the rule of this step."""
        return ["s ← s + g²", _move(learning_rate, self.config.epsilon)]


def _divide_and_move(params: ParameterSlice, learning_rate: float, epsilon: float) -> None:
    """Move along `w ← w − η g / (√s + ε)`."""
    g, w = params.gradient, params.w
    size = np.sqrt(params.memories["square"], out=params.scratch)
    size += epsilon
    g /= size
    g *= learning_rate
    w -= g


def _move(learning_rate: float, epsilon: float) -> str:
    return f"w ← w − η g / (√s + ε), η = {number(learning_rate)}, ε = {number(epsilon)}"
