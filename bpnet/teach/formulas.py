"""Write down what a layer, a loss and an optimiser compute, in the letters of their docstrings.

x, z are inputs and y, a outputs; δ is ∂C/∂output, and ∂x, ∂a, dW, db, … are gradients of C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bpnet.config import Config
from bpnet.nn.layer import Layer
from bpnet.teach.layout import number


@dataclass(frozen=True)
class LayerFormulas:
    """Hold what one layer computes.

    Args:
        forward: its output.
        derivative: its local derivative.
        backward: the gradient of its input.
        gradients: of its parameters, by role.
    """

    forward: str
    derivative: str
    backward: str
    gradients: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LossFormulas:
    """Hold what a loss computes.

    Args:
        forward: the loss of one sample.
        backward: the gradient of the mean loss by the network's outputs.
    """

    forward: str
    backward: str


def layer_formulas(layer: Layer[Any]) -> LayerFormulas:
    """Return the formulas of a layer."""
    return LAYERS[layer.kind](layer)


def _linear(layer: Any) -> LayerFormulas:
    return LayerFormulas(
        "z = W a + b" if layer.has_bias else "z = W a",
        "∂z/∂a = W",
        "∂a = Wᵀ δ",
        _with_bias(layer, "dW = δ aᵀ"),
    )


def _conv(layer: Any) -> LayerFormulas:
    return LayerFormulas(
        "z_o = Σ_c W_oc ⋆ x_c" + (" + b_o" if layer.has_bias else ""),
        "∂z_o/∂x_c = W_oc at each window, 0 beside it",
        "dX = Wᵀ δ",
        _with_bias(layer, "dW = δ Xᵀ"),
    )


def _with_bias(layer: Any, weight: str) -> dict[str, str]:
    return {"weight": weight, "bias": "db = δ 1"} if layer.has_bias else {"weight": weight}


def _batchnorm(layer: Any) -> LayerFormulas:
    return LayerFormulas(
        "y = γ x̂ + β, x̂ = (x − μ) / √(σ² + ε)",
        "∂y_i/∂x_j = γ / √(σ² + ε) · ([i = j] − 1 / N − x̂_i x̂_j / N)",
        "∂x = γ / √(σ² + ε) · (δ − dβ / N − x̂ dγ / N)",
        {"weight": "dγ = Σ δ x̂", "bias": "dβ = Σ δ"},
    )


def _dropout(layer: Any) -> LayerFormulas:
    probability = f"p = {number(1 - layer.kept_bytes / 256)}"
    return LayerFormulas(
        f"y = x ⊙ m / (1 − p), {probability}", "m / (1 − p)", "∂x = δ ⊙ m / (1 − p)"
    )


LAYERS: dict[str, Callable[[Any], LayerFormulas]] = {
    "linear": _linear,
    "conv": _conv,
    "batchnorm": _batchnorm,
    "dropout": _dropout,
    "maxpool": lambda layer: LayerFormulas(
        f"y = max x, K = {layer.kernel_size}",
        "∂y/∂x = 1 at the maximum of each block, 0 elsewhere",
        "∂x = δ at the maximum of each block",
    ),
    "avgpool": lambda layer: LayerFormulas(
        f"y = Σ x / K², K = {layer.kernel_size}",
        "∂y/∂x = 1 / K² within the block, 0 elsewhere",
        "∂x = δ / K²",
    ),
    "flatten": lambda layer: LayerFormulas("y = x as a vector", "∂y/∂x = 1", "∂x = δ"),
    "relu": lambda layer: LayerFormulas("a = max(z, 0)", "[z > 0]", "∂z = δ ⊙ [z > 0]"),
    "leaky_relu": lambda layer: LayerFormulas(
        f"a = max(z, s z), s = {number(layer.slope)}",
        "s + (1 − s) [z > 0]",
        "∂z = δ ⊙ (s + (1 − s) [z > 0])",
    ),
    "sigmoid": lambda layer: LayerFormulas(
        "a = σ(z) = 1 / (1 + e⁻ᶻ)", "σ'(z) = a (1 − a)", "∂z = δ ⊙ a (1 − a)"
    ),
    "tanh": lambda layer: LayerFormulas("a = tanh z", "1 − a²", "∂z = δ ⊙ (1 − a²)"),
    "softmax": lambda layer: LayerFormulas(
        "a_i = e^{z_i} / Σ_j e^{z_j}",
        "∂a_i/∂z_j = a_i ([i = j] − a_j)",
        "∂z = a ⊙ (δ − Σ_j δ_j a_j)",
    ),
    "scale": lambda layer: LayerFormulas(
        f"y = c x, c = {number(layer.factor)}", "∂y/∂x = c", "∂x = c δ"
    ),
}


def loss_formulas(name: str, samples: int) -> LossFormulas:
    """Return the formulas of the loss that a config names, for a batch of this size."""
    forward, gradient, over = LOSSES[name]
    divisors = [*over, *(["samples"] if samples > 1 else [])]
    if not divisors:
        return LossFormulas(forward, gradient)
    letter, _, difference = gradient.partition(" = ")
    if " − " in difference and not difference.startswith("2 "):
        difference = f"({difference})"
    divisor = divisors[0] if len(divisors) == 1 else f"({' · '.join(divisors)})"
    return LossFormulas(forward, f"{letter} = {difference} / {divisor}")


LOSSES = {
    "mse": ("C = Σ_i (a_i − y_i)² / outputs", "∂a = 2 (a − y)", ("outputs",)),
    "quadratic": ("C = ½ ‖a − y‖²", "∂a = a − y", ()),
    "cross_entropy": ("C = −Σ_i y_i log softmax(z)_i", "∂z = softmax(z) − y", ()),
    "binary_cross_entropy": (
        "C = −Σ_i (y_i log σ(z_i) + (1 − y_i) log(1 − σ(z_i))) / outputs",
        "∂z = σ(z) − y",
        ("outputs",),
    ),
}


def update_rule(config: Config, learning_rate: float, step: int) -> tuple[str, ...]:
    """Return how the optimiser moves a weight w along its gradient g, a line per rule.

    Args:
        config: optimiser, clipping and kinds of layers are used.
        learning_rate: η of the step.
        step: its number t, from 1.
    """
    optimizer, clip = config.optimizer, config.train.grad_clip
    normalizes = any(layer.kind == "batchnorm" for layer in config.model.layers)
    spared = "biases, γ and β" if normalizes else "biases"
    decay = f"λ = {number(optimizer.weight_decay)}, not for {spared}"
    lines = []
    if clip:
        lines.append(f"g ← g · min(1, c / ‖g‖), c = {number(clip)}, ‖g‖ over all parameters")
    if optimizer.weight_decay:
        is_apart = optimizer.name == "adamw"
        lines.append(f"w ← w − η λ w, {decay}" if is_apart else f"g ← g + λ w, {decay}")
    rate = f"η = {number(learning_rate)}"
    if optimizer.name != "sgd":
        lines += [
            "m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², "
            f"β₁ = {number(optimizer.beta1)}, β₂ = {number(optimizer.beta2)}",
            "w ← w − η m̂ / (√ŝ + ε), m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ), "
            f"{rate}, ε = {number(optimizer.epsilon)}, t = {step}",
        ]
    elif not optimizer.momentum:
        lines.append(f"w ← w − η g, {rate}")
    else:
        move = "w ← w + μ v − η g" if optimizer.nesterov else "w ← w + v"
        lines.append(f"v ← μ v − η g, {move}, μ = {number(optimizer.momentum)}, {rate}")
    return tuple(lines)


MEMORIES = {"velocity": "v", "mean": "m", "square": "s"}  # letters of what an optimiser remembers
