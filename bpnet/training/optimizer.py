"""Move the weights along a gradient.

An optimiser sees pieces of flat vectors: `w` the parameters, `g` the gradient of the mean loss, η
the learning rate, λ the weight decay. Decay pulls on weights and leaves biases alone. Every
operation writes into memory reserved at the start.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bpnet.config import OptimizerConfig
from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold the same elements of all vectors that an update touches.

    Args:
        w: parameters.
        g: gradient, times the rule's `gradient_factor`.
        memories: what the rule remembers, by name.
        scratch: to work in.
        decays: whether weight decay pulls on them.
    """

    w: Array
    g: Array
    memories: dict[str, Array]
    scratch: Array
    decays: bool


class Optimizer:
    """Hold what an update rule remembers from step to step.

    Args:
        parameters: what is trained.
        config: the constants of the rule.
        memories: names of the vectors that the rule keeps.
    """

    def __init__(
        self, parameters: FlatArrays, config: OptimizerConfig, memories: tuple[str, ...]
    ) -> None:
        self.config = config
        self.parameters = parameters
        self.memories = {name: parameters.like() for name in memories}

    def piece(self, select: Callable[[FlatArrays], Array], g: Array, *, decays: bool) -> Piece:
        """Return what `select` takes from the parameters and memories, with its gradient `g`."""
        memories = {name: select(memory) for name, memory in self.memories.items()}
        w = select(self.parameters)
        return Piece(w, g, memories, np.empty(w.shape, w.dtype), decays)

    def step(self, piece: Piece, learning_rate: float, count: int) -> None:
        """Update a piece in place; its gradient is overwritten.

        Args:
            piece: parameters with their gradient and memories.
            learning_rate: η.
            count: number of this step, from 1.
        """
        raise NotImplementedError

    def gradient_factor(self, learning_rate: float) -> float:
        """Return by what a gradient is to be multiplied before it comes to `step`.

        Gradients are linear in that of the loss: there, a factor costs nothing.
        """
        return 1.0

    def _add_decay(self, piece: Piece, factor: float) -> None:
        """Add the gradient of `λ/2 ‖w‖²` times the gradient's factor: `g ← g + factor λ w`."""
        if self.config.weight_decay and piece.decays:
            np.multiply(piece.w, factor * self.config.weight_decay, out=piece.scratch)
            np.add(piece.g, piece.scratch, out=piece.g)


class SGD(Optimizer):
    """Roll downhill with momentum: `v ← μ v − η g`, `w ← w + v`.

    Nesterov's variant looks ahead: `w ← w + μ v − η g` with the new v. With μ = 0 both are plain
    gradient descent, `w ← w − η g`.

    Source: Polyak, 1964; Sutskever et al., 2013, equations 1–4.
    """

    def __init__(self, parameters: FlatArrays, config: OptimizerConfig) -> None:
        super().__init__(parameters, config, ("velocity",) if config.momentum else ())

    def gradient_factor(self, learning_rate: float) -> float:
        """Return −η."""
        return -learning_rate

    def step(self, piece: Piece, learning_rate: float, count: int) -> None:
        """Update a piece in place; its gradient comes as `−η g`."""
        self._add_decay(piece, self.gradient_factor(learning_rate))
        w, g = piece.w, piece.g
        if not self.config.momentum:
            w += g
            return
        velocity = piece.memories["velocity"]
        velocity *= self.config.momentum
        velocity += g
        if self.config.nesterov:
            w += g
            w += np.multiply(velocity, self.config.momentum, out=piece.scratch)
        else:
            w += velocity


class Adam(Optimizer):
    """Scale every step by the gradient's own running size.

    `m ← β₁ m + (1 − β₁) g`, `s ← β₂ s + (1 − β₂) g²`, and with step number t
    `w ← w − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√s + ε √(1 − β₂ᵗ))`, which is
    `w − η m̂ / (√ŝ + ε)` with both means freed of their start at 0. AdamW takes the decay out of
    the gradient: `w ← w − η λ w`.

    Source: Kingma and Ba, 2015, algorithm 1; AdamW: Loshchilov and Hutter, 2019, algorithm 2.
    """

    def __init__(self, parameters: FlatArrays, config: OptimizerConfig) -> None:
        super().__init__(parameters, config, ("mean", "square"))

    def step(self, piece: Piece, learning_rate: float, count: int) -> None:
        """Update a piece in place; its gradient is overwritten."""
        config, w, g = self.config, piece.w, piece.g
        if config.name != "adamw":
            self._add_decay(piece, 1.0)
        elif piece.decays:
            w *= 1 - learning_rate * config.weight_decay
        mean, square = piece.memories["mean"], piece.memories["square"]
        mean *= config.beta1
        mean += np.multiply(g, 1 - config.beta1, out=piece.scratch)
        square *= config.beta2
        np.square(g, out=g)
        g *= 1 - config.beta2
        square += g
        correction = np.sqrt(1 - config.beta2**count)
        np.sqrt(square, out=g)
        g += config.epsilon * correction
        np.divide(mean, g, out=g)
        g *= learning_rate * correction / (1 - config.beta1**count)
        w -= g


def build_optimizer(parameters: FlatArrays, config: OptimizerConfig) -> Optimizer:
    """Return the optimiser that a config names."""
    return SGD(parameters, config) if config.name == "sgd" else Adam(parameters, config)
