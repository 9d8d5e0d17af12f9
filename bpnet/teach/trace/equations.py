"""Find the four equations of backpropagation in a fully connected network.

| | equation | says |
|---|---|---|
| BP1 | `δᴸ = ∇C ⊙ σ'(zᴸ)` | the error of the last layer's z |
| BP2 | `δˡ = ((Wˡ⁺¹)ᵀ δˡ⁺¹) ⊙ σ'(zˡ)` | the error of the layer before |
| BP3 | `∂C/∂bˡ = δˡ` | the gradient of a bias |
| BP4 | `∂C/∂Wˡ = δˡ (aˡ⁻¹)ᵀ` | the gradient of a weight |

Source: Nielsen, 2015, chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bpnet.nn.layer import Array, Layer
from bpnet.teach.trace.recorded_pass import RecordedPass

NABLA = "∇C"


@dataclass(frozen=True)
class Equation:
    """Hold one of the four equations for one layer.

    Args:
        label: BP1, BP2, BP3 or BP4.
        name: what it gives, such as `δ of 1.linear`.
        formula: how.
        values: the result: δ as (samples, outputs), a gradient in its parameter's shape.
    """

    label: str
    name: str
    formula: str
    values: Array


def four_equations(recorded: RecordedPass, held: Layer[Any] | None = None) -> tuple[Equation, ...]:
    """Return the equations from the last linear layer back; none where others have parameters.

    Args:
        recorded: the network's pass over a batch.
        held: the activation that the loss applies itself, whose output is the last a.
    """
    layers = [call.layer for call in recorded.calls]
    linear = [number for number, layer in enumerate(layers) if layer.kind == "linear"]
    others = [layer for layer in layers if layer.kind != "linear"]
    if not linear or any(
        layer.formulas().error is None or layer.parameter_shapes for layer in others
    ):
        return ()
    errors = []
    for number, following in zip(linear, [*linear[1:], None], strict=True):
        label, start = "BP1", NABLA
        if following is not None:
            label, start = "BP2", f"({following + 1}.weight)ᵀ δ of {layers[following].name}"
        last = [held] if following is None and held is not None else []
        formula = through([*layers[number + 1 : following], *last], start)
        errors.append(
            Equation(label, error(layers[number]), formula, recorded.grad_outputs[number])
        )
    biases, weights = [], []
    gradients = recorded.gradients.views
    several = ", summed over the samples" if len(recorded.losses) > 1 else ""
    for number in linear:
        layer, position = layers[number], number + 1
        a = layers[number - 1].name if number else "input"
        name = f"{position}.weight"
        formula = f"({error(layer)}) · ({a})ᵀ{several}"
        weights.append(Equation("BP4", f"∂C/∂{name}", formula, gradients[name]))
        name = f"{position}.bias"
        if name in gradients:
            formula = f"{error(layer)}{several}"
            biases.append(Equation("BP3", f"∂C/∂{name}", formula, gradients[name]))
    return (*reversed(errors), *biases, *weights)


def error(layer: Layer[Any]) -> str:
    """Return the name of ∂C/∂z of a linear layer's output z."""
    return f"δ of {layer.name}"


def through(layers: Sequence[Layer[Any]], arriving: str) -> str:
    """Return what becomes of an error on its way back through layers after a linear one.

    Args:
        layers: in forward order; the first takes the linear layer's z.
        arriving: formula of ∂C/∂output of the last of them.
    """
    formula = arriving
    for number, layer in reversed(list(enumerate(layers))):
        inner = f"({formula})" if " " in formula else formula
        z = "z" if number == 0 else f"input of {layer.name}"
        error = layer.formulas().error
        if error is not None and error != "{error}":
            formula = error.format(error=inner, z=z)
    return formula
