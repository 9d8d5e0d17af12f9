"""Move the weights along a gradient.

An optimiser sees slices of flat vectors: `w` the parameters, `g` the gradient of the mean loss, η
the learning rate, λ the weight decay. Decay pulls on weights and leaves biases alone. This is the
one place where the learning rate enters. Every operation writes into memory reserved at the start.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from bpnet.config.settings import OptimizerConfig
from bpnet.nn.facts import number
from bpnet.nn.layer import Array
from bpnet.nn.memory import aligned_zeros
from bpnet.nn.parameters import FlatArrays
from bpnet.training.parameter_slice import ParameterSlice


class Optimizer:
    """Hold what an update rule remembers from step to step.

    Args:
        parameters: what is trained.
        config: the constants of the rule.
        grad_clip: c, the largest norm of a gradient; 0 for none.
    """

    name: ClassVar[str]
    letters: ClassVar[dict[str, str]] = {}  # of what the rule remembers, by name

    def __init__(
        self, parameters: FlatArrays, config: OptimizerConfig, grad_clip: float = 0.0
    ) -> None:
        self.config = config
        self.parameters = parameters
        self.grad_clip = grad_clip
        self.memories = {name: parameters.like() for name in self.remembers()}
        self.steps = 0
        self._whole: tuple[FlatArrays, list[ParameterSlice]] | None = None

    def remembers(self) -> Sequence[str]:
        """Return the names of the vectors that the rule keeps."""
        return tuple(self.letters)

    def step(self, gradients: FlatArrays, learning_rate: float) -> None:
        """Move all parameters, once their gradient is clipped: `g ← g · min(1, c / ‖g‖)`.

        Args:
            gradients: of all parameters; overwritten.
            learning_rate: η.
        """
        if self._whole is None or self._whole[0] is not gradients:
            self._whole = gradients, self._slices_of(gradients)
        self.steps += 1
        if self.grad_clip:
            gradients.flat *= self.clipping_factor(square_sum(gradients.flat))
        for params in self._whole[1]:
            self.update(params, learning_rate, self.steps)

    def update(self, params: ParameterSlice, learning_rate: float, count: int) -> None:
        """Update a slice in place; its gradient may be overwritten.

        Args:
            params: parameters with their gradient and memories.
            learning_rate: η.
            count: number of this step, from 1.
        """
        raise NotImplementedError

    def clipping_factor(self, square_sum: float) -> float:
        """Return the clipping factor of a gradient, `min(1, c / ‖g‖)`, from its `‖g‖²`."""
        norm = float(np.sqrt(square_sum))
        return self.grad_clip / norm if self.grad_clip and norm > self.grad_clip else 1.0

    def take(
        self, select: Callable[[FlatArrays], Array], gradient: Array, *, decays: bool
    ) -> ParameterSlice:
        """Return what `select` takes from the parameters and memories, with its gradient."""
        memories = {name: select(memory) for name, memory in self.memories.items()}
        w = select(self.parameters)
        return ParameterSlice(
            w, gradient, memories, aligned_zeros(w.size, w.dtype).reshape(w.shape), decays
        )

    def _slices_of(self, gradients: FlatArrays) -> list[ParameterSlice]:
        """Return two slices that cover everything: weights, then all that does not decay."""
        spans = slice(0, gradients.weights), slice(gradients.weights, None)
        return [
            self.take(lambda arrays, s=span: arrays.flat[s], gradients.flat[span], decays=decays)  # type: ignore[misc]
            for span, decays in zip(spans, (True, False), strict=True)
        ]

    def _add_decay(self, params: ParameterSlice) -> None:
        """Add the gradient of `λ/2 ‖w‖²`: `g ← g + λ w`."""
        if self.config.weight_decay and params.decays:
            np.multiply(params.w, self.config.weight_decay, out=params.scratch)
            np.add(params.gradient, params.scratch, out=params.gradient)

    def formulas(self, learning_rate: float, count: int) -> list[str]:
        """Return the rule of this step, a line each, decay aside."""
        raise NotImplementedError

    def decay_formula(self) -> str:
        """Return how weight decay acts."""
        return "g ← g + λ w"


class SGD(Optimizer):
    """Roll downhill with momentum: `v ← μ v − η g`, `w ← w + v`.

    Nesterov's variant looks ahead: `w ← w + μ v − η g` with the new v. With μ = 0 both are plain
    gradient descent, `w ← w − η g`.

    Source: Polyak, 1964; Sutskever et al., 2013, equations 1–4.
    """

    name = "sgd"
    letters: ClassVar[dict[str, str]] = {"velocity": "v"}

    def remembers(self) -> Sequence[str]:
        """Return the velocity, which plain gradient descent does without."""
        return tuple(self.letters) if self.config.momentum else ()

    def update(self, params: ParameterSlice, learning_rate: float, count: int) -> None:
        """Update a slice in place; its gradient becomes `η g`."""
        self._add_decay(params)
        w, step, momentum = params.w, params.gradient, self.config.momentum
        step *= learning_rate
        if not momentum:
            w -= step
            return
        velocity = params.memories["velocity"]
        velocity *= momentum
        velocity -= step
        if self.config.nesterov:
            w -= step
            w += np.multiply(velocity, momentum, out=params.scratch)
        else:
            w += velocity

    def formulas(self, learning_rate: float, count: int) -> list[str]:
        """Return the rule of this step."""
        rate, momentum = f"η = {number(learning_rate)}", f"μ = {number(self.config.momentum)}"
        if not self.config.momentum:
            return [f"w ← w − η g, {rate}"]
        move = "w ← w + μ v − η g" if self.config.nesterov else "w ← w + v"
        return [f"v ← μ v − η g, {move}, {momentum}, {rate}"]


def square_sum(gradient: Array) -> float:
    """Return `‖g‖²`, summed in float64."""
    return float(np.square(gradient, dtype=np.float64).sum())
