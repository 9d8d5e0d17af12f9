"""Move the weights along a gradient.

An optimiser sees flat vectors only: `w` the parameters, `g` the gradient of the mean loss, η the
learning rate, λ the weight decay. Decay pulls on the first `decayed` entries, the weights, and
leaves biases alone. Every operation writes into memory reserved at the start.
"""

import numpy as np

from bpnet.config import OptimizerConfig
from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays


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
        self.decayed = parameters.weights
        self.memories = {name: parameters.like() for name in memories}
        self._scratch = np.empty_like(parameters.flat)

    def step(self, w: Array, g: Array, learning_rate: float, count: int) -> None:
        """Update `w` in place.

        Args:
            w: parameters, overwritten.
            g: gradient, overwritten.
            learning_rate: η.
            count: number of this step, from 1.
        """
        raise NotImplementedError

    def _add_decay(self, w: Array, g: Array) -> None:
        """Add the gradient of `λ/2 ‖w‖²`: `g ← g + λ w`."""
        if self.config.weight_decay:
            pull = self._scratch[: self.decayed]
            np.multiply(w[: self.decayed], self.config.weight_decay, out=pull)
            g[: self.decayed] += pull


class SGD(Optimizer):
    """Roll downhill with momentum: `v ← μ v − η g`, `w ← w + v`.

    Nesterov's variant looks ahead: `w ← w + μ v − η g` with the new v. With μ = 0 both are plain
    gradient descent, `w ← w − η g`.

    Source: Polyak, 1964; Sutskever et al., 2013, equations 1–4.
    """

    def __init__(self, parameters: FlatArrays, config: OptimizerConfig) -> None:
        super().__init__(parameters, config, ("velocity",) if config.momentum else ())

    def step(self, w: Array, g: Array, learning_rate: float, count: int) -> None:
        """Update `w` in place; `g` is overwritten by `−η g`."""
        self._add_decay(w, g)
        g *= -learning_rate
        if not self.config.momentum:
            w += g
            return
        velocity = self.memories["velocity"].flat
        velocity *= self.config.momentum
        velocity += g
        if self.config.nesterov:
            w += g
            np.multiply(velocity, self.config.momentum, out=self._scratch)
            w += self._scratch
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

    def step(self, w: Array, g: Array, learning_rate: float, count: int) -> None:
        """Update `w` in place; `g` is overwritten."""
        config = self.config
        if config.name == "adamw":
            w[: self.decayed] *= 1 - learning_rate * config.weight_decay
        else:
            self._add_decay(w, g)
        mean, square = self.memories["mean"].flat, self.memories["square"].flat
        mean *= config.beta1
        np.multiply(g, 1 - config.beta1, out=self._scratch)
        mean += self._scratch
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


def clip_norm(g: Array, largest: float) -> None:
    """Shorten `g` in place to the norm `largest` where it is longer: `g ← g · largest / ‖g‖`."""
    norm = float(np.sqrt(np.dot(g, g)))
    if norm > largest:
        g *= largest / norm
