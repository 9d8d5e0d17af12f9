"""Put numbers into the formulas of a loss and of its gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bpnet.nn.facts import factor, number
from bpnet.nn.layer import Array
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.worked.forward import softmax_numbers
from bpnet.teach.trace.worked.terms import MOST_TERMS, added, quotient


def loss_numbers(kind: str, step: StepTrace, sample: int) -> str:
    """Return how the loss of one sample comes from outputs and targets.

    Args:
        kind: of the loss.
        step: that was traced.
        sample: its place in the batch.
    """
    outputs, targets = _vectors(step, sample)
    return LOSSES[kind](outputs, targets) if kind in LOSSES else "…"


def total_numbers(step: StepTrace) -> str:
    """Return how the total loss L comes from those of the samples."""
    return _sum([factor(float(one)) for one in step.losses])


def mean_numbers(step: StepTrace) -> str:
    """Return how the mean loss C comes from those of the samples."""
    return quotient(total_numbers(step), len(step.losses))


def loss_gradient_numbers(kind: str, step: StepTrace, sample: int, output: int) -> str:
    """Return how one number of ∂C/∂output of the last layer comes from output and target."""
    outputs, targets = _vectors(step, sample)
    if kind not in GRADIENTS:
        return "…"
    text, over_outputs = GRADIENTS[kind](outputs, targets, output)
    return quotient(text, len(step.samples) * (len(outputs) if over_outputs else 1))


def activation_gradient_numbers(kind: str, step: StepTrace, sample: int, output: int) -> str:
    """Return how one number of ∂C/∂a comes from a, what the loss's own activation gives."""
    held = step.loss_activation
    if held is None or kind not in ACTIVATION_GRADIENTS:
        return "…"
    a, y = held.output[sample].reshape(-1), step.targets[sample].reshape(-1)
    text, over_outputs = ACTIVATION_GRADIENTS[kind](float(a[output]), float(y[output]))
    return quotient(text, len(step.samples) * (len(a) if over_outputs else 1))


def _vectors(step: StepTrace, sample: int) -> tuple[Array, Array]:
    return step.layers[-1].output[sample].reshape(-1), step.targets[sample].reshape(-1)


def _difference(a: float, y: float) -> str:
    return f"({number(float(a))} − {factor(float(y))})"


def _squares(outputs: Array, targets: Array) -> str:
    return _sum([f"{_difference(*pair)}²" for pair in zip(outputs, targets, strict=True)])


def _sum(terms: list[str]) -> str:
    if len(terms) > MOST_TERMS:
        terms = [*terms[: MOST_TERMS - 1], f"… ({len(terms) - MOST_TERMS + 1} more)"]
    return added(terms)


def _cross_entropy(z: Array, y: Array) -> str:
    terms = [
        ("" if y[place] == 1 else f"{number(float(y[place]))} · ")
        + f"log({softmax_numbers(z, int(place))})"
        for place in np.flatnonzero(y)
    ]
    return f"−({_sum(terms)})" if len(terms) > 1 else f"−{terms[0]}"


def _binary_cross_entropy(z: Array, y: Array) -> str:
    terms = []
    for one, wanted in zip(z, y, strict=True):
        yes, no = f"log σ({number(float(one))})", f"log(1 − σ({number(float(one))}))"
        parts = [(wanted, yes), (1 - wanted, no)]
        terms += [
            text if share == 1 else f"{number(float(share))} · {text}"
            for share, text in parts
            if share
        ]
    total = f"−({_sum(terms)})" if len(terms) > 1 else f"−{terms[0]}"
    return quotient(total, len(z))


def _softmax_gradient(z: Array, y: Array, output: int) -> tuple[str, bool]:
    return f"{softmax_numbers(z, output)} − {factor(float(y[output]))}", False


LOSSES: dict[str, Callable[[Array, Array], str]] = {
    "mse": lambda a, y: quotient(_squares(a, y), len(a)),
    "quadratic": lambda a, y: f"½ ({_squares(a, y)})" if len(a) > 1 else f"½ {_squares(a, y)}",
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
}
# The gradient before it is divided by the samples, and whether the outputs divide it as well.
GRADIENTS: dict[str, Callable[[Array, Array, int], tuple[str, bool]]] = {
    "mse": lambda a, y, i: (f"2 · {_difference(a[i], y[i])}", True),
    "quadratic": lambda a, y, i: (_difference(a[i], y[i]), False),
    "cross_entropy": _softmax_gradient,
    "binary_cross_entropy": lambda z, y, i: (
        f"σ({number(float(z[i]))}) − {factor(float(y[i]))}",
        True,
    ),
}
# ∂C/∂a of the activation that a loss applies itself, likewise.
ACTIVATION_GRADIENTS: dict[str, Callable[[float, float], tuple[str, bool]]] = {
    "cross_entropy": lambda a, y: (f"−{number(y)} / {number(a)}", False),
    "binary_cross_entropy": lambda a, y: (
        f"(1 − {factor(y)}) / (1 − {number(a)}) − {number(y)} / {number(a)}",
        True,
    ),
}
