"""Put numbers into the rule by which the optimiser moves a weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bpnet.config.settings import OptimizerConfig
from bpnet.nn.facts import factor, number
from bpnet.teach.trace.step_trace import ParameterTrace, StepTrace
from bpnet.teach.trace.worked.forward import Place
from bpnet.teach.trace.worked.terms import product


@dataclass(frozen=True)
class Move:
    """Hold what is known of one weight when it moves.

    Args:
        config: constants of the rule.
        step: that was traced.
        traced: the parameter.
        place: of the weight in it.
    """

    config: OptimizerConfig
    step: StepTrace
    traced: ParameterTrace
    place: Place

    @property
    def weight(self) -> float:
        """Return w before the step."""
        return float(self.traced.before[self.place])

    @property
    def decay(self) -> float:
        """Return λ, which biases, γ and β are spared."""
        return self.config.weight_decay if len(self.traced.shape) > 1 else 0.0

    def memory(self, name: str) -> float:
        """Return what the optimiser remembers of the weight after the step."""
        return float(self.traced.memories[name][self.place])

    def gradient(self) -> str:
        """Return g, clipped and with its decay, as a factor."""
        grad = factor(float(self.traced.grad[self.place]))
        clips = self.step.clipping not in (None, 1.0)
        text = f"{grad} · {number(self.step.clipping or 1.0)}" if clips else grad
        if self.decay and self.config.name != "adamw":
            return f"({text} + {product(self.decay, self.weight)})"
        return text


def update_numbers(
    config: OptimizerConfig, step: StepTrace, traced: ParameterTrace, place: Place
) -> str:
    """Return how one weight moves, from its value before the step to that after it."""
    move = Move(config, step, traced, place)
    return RULES[config.name](move) if config.name in RULES else "…"


def _sgd(move: Move) -> str:
    rate, w = number(move.step.learning_rate), number(move.weight)
    if not move.config.momentum:
        return f"{w} − {rate} · {move.gradient()}"
    velocity = move.memory("velocity")
    if not move.config.nesterov:
        return f"{w} + {factor(velocity)}"
    return f"{w} + {product(move.config.momentum, velocity)} − {rate} · {move.gradient()}"


def _adam(move: Move) -> str:
    config, count = move.config, move.step.step
    mean = move.memory("mean") / (1 - config.beta1**count)
    square = move.memory("square") / (1 - config.beta2**count)
    w = number(move.weight)
    if config.name == "adamw" and move.decay:
        w = f"{w} · (1 − {number(move.step.learning_rate)} · {number(move.decay)})"
    below = f"(√{number(square)} + {number(config.epsilon)})"
    return f"{w} − {number(move.step.learning_rate)} · {factor(mean)} / {below}"


def _by_size(move: Move) -> str:
    below = f"(√{number(move.memory('square'))} + {number(move.config.epsilon)})"
    step = f"{number(move.step.learning_rate)} · {move.gradient()}"
    return f"{number(move.weight)} − {step} / {below}"


def _lars(move: Move) -> str:
    return f"{number(move.weight)} − {factor(move.memory('velocity'))}"


def _lamb(move: Move) -> str:
    config, count, w = move.config, move.step.step, move.traced.before
    mean = move.traced.memories["mean"] / (1 - config.beta1**count)
    square = move.traced.memories["square"] / (1 - config.beta2**count)
    u = mean / (np.sqrt(square) + config.epsilon) + move.decay * w
    norms = float(np.linalg.norm(w)), float(np.linalg.norm(u))
    rate = number(move.step.learning_rate)
    if len(move.traced.shape) > 1 and all(norms):
        rate = f"{rate} · {number(norms[0])} / {number(norms[1])}"
    below = f"(√{number(float(square[move.place]))} + {number(config.epsilon)})"
    text = f"{factor(float(mean[move.place]))} / {below}"
    if move.decay:
        text = f"({text} + {product(move.decay, move.weight)})"
    return f"{number(move.weight)} − {rate} · {text}"


RULES: dict[str, Callable[[Move], str]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _by_size,
    "adagrad": _by_size,
    "lars": _lars,
    "lamb": _lamb,
}
