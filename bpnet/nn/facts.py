"""Describe a layer or a loss: its line in a config, its formulas, a mistake to plant in it.

These facts stand on the class they are about, so that whatever needs one finds it there: reading
configs, tracing steps, checking gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_OUTPUTS = 10**7  # features or channels of a layer
MOST_PIXELS = 10**4  # side of a kernel, a stride or a border

# What one number of a layer's output depends on: the number at the same place, handed on as it is
# or changed; the numbers of the same sample; those of all samples in the call.
Scope = Literal["identity", "element", "sample", "batch"]


class Option(NamedTuple):
    """Describe one value in a layer's line.

    Args:
        name: as it stands in the line, such as `kernel`.
        argument: of the layer's constructor, such as `kernel_size`.
        type: of the value.
        least: smallest value.
        most: largest value.
        below: bound that the value stays below.
        required: whether the line must give it.
        positional: whether it follows the kind without its name; such a value is required.
        degenerate: values at which some of the layer's formulas coincide with simpler ones, so that
            a mistake may change nothing; the gradient check takes others.
    """

    name: str
    argument: str
    type: type[int] | type[float] | type[bool]
    least: float = -math.inf
    most: float = math.inf
    below: float = math.inf
    required: bool = False
    positional: bool = False
    degenerate: tuple[float, ...] = ()


@dataclass(frozen=True)
class Formulas:
    """Hold what a layer computes: z and x are inputs, a and y outputs, δ is ∂C/∂output.

    Args:
        forward: its output.
        derivative: its local derivative.
        backward: the gradient of its input.
        gradients: of its parameters, by role.
        error: what becomes of an error on its way back, where one line can tell: `{error}` is what
            arrives, `{z}` the layer's input. Other formulas are built from it; documents leave it
            out.
    """

    forward: str
    derivative: str
    backward: str
    gradients: Mapping[str, str] = field(default_factory=dict)
    error: str | None = field(default=None, metadata={"json": False})


@dataclass(frozen=True)
class LossFormulas:
    """Hold what a loss computes.

    Args:
        forward: the loss of one sample.
        backward: the gradient of the mean loss by the network's outputs.
    """

    forward: str
    backward: str


class Applied(NamedTuple):
    """Describe the activation a = f(z) that a loss applies itself, and how the two cancel.

    `∂C/∂z = f'(z) ∂C/∂a` is short, and finite whatever z is; the factors are not where a rounds to
    0 or 1. So the loss computes it at once, and these are for those who want to see the factors.

    Args:
        kind: of the layer that the loss does the work of.
        both: returns a and 1 − a for z and for a as the layer computes it, all (outputs, batch);
            neither is a difference, so both keep their digits.
        gradient: returns ∂C/∂a of samples' losses for a, 1 − a and y (outputs, batch).
        formula: that.
        over: names of what it is divided by.
        cancels: what f'(z) makes of it.
    """

    kind: str
    both: Callable[[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]
    gradient: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], NDArray[Any]]
    formula: str
    over: tuple[str, ...]
    cancels: str


def ratio(y: NDArray[Any], a: NDArray[Any]) -> NDArray[Any]:
    """Return `y / a`, and 0 where y is 0, though a may have been rounded to 0 there."""
    quotient: NDArray[Any] = np.divide(y, a, out=np.zeros_like(a), where=y != 0)
    return quotient


SOFTMAX = Applied(
    "softmax",
    lambda z, a: (a, (1 - np.eye(len(a))) @ a),
    lambda a, rest, y: -ratio(y, a),
    "−y / a",
    (),
    "Σ_i (−y_i / a_i) · a_i ([i = j] − a_j) = a_j − y_j",
)
SIGMOID = Applied(
    "sigmoid",
    lambda z, a: (1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z))),
    lambda a, rest, y: (ratio(1 - y, rest) - ratio(y, a)) / len(a),
    "((1 − y) / (1 − a) − y / a)",
    ("outputs",),
    "((1 − y) / (1 − a) − y / a) · a (1 − a) = a − y",
)


class Mistake(NamedTuple):
    """Describe a mistake in a backward pass, and make it.

    Args:
        text: what is wrong, as a clause: "it forgets …".
        backward: called with the layer, the gradient of its output and its cache; of a loss, with
            the loss, the network's outputs, its cache and the size of the batch.
    """

    text: str
    backward: Callable[..., Any]


def _added_to_the_last(layer: Any, grad_output: Any, cache: Any) -> Any:
    last = {role: gradient.copy() for role, gradient in cache.gradients.items()}
    grad_input = layer.backward(grad_output, cache)
    for role, gradient in last.items():
        cache.gradients[role] += gradient
    return grad_input


# Of every layer that has parameters; in fresh memory, which is all zeros, it shows nowhere.
ACCUMULATION = Mistake(
    "it adds the gradients of its parameters to those of the call before", _added_to_the_last
)

# Of losses.
FORGOTTEN_BATCH = Mistake(
    "it forgets to divide by the size of the batch",
    lambda loss, outputs, cache, batch_size: loss.backward(outputs, cache, 1),
)
FORGOTTEN_OUTPUTS = Mistake(
    "it forgets to divide by the number of outputs",
    lambda loss, outputs, cache, batch_size: (
        loss.backward(outputs, cache, batch_size) * loss.outputs
    ),
)
SLOPE_OF_SOFTMAX = Mistake(
    "it multiplies by p (1 − p), although softmax's derivative has cancelled already",
    lambda loss, outputs, cache, batch_size: (
        loss.backward(outputs, cache, batch_size)
        * (cache.probabilities * (1 - cache.probabilities))
    ),
)


def _turned_filters(layer: Any, grad_output: Any, cache: Any) -> Any:
    grad_input = layer.backward(grad_output, cache)
    gradient = cache.gradients["weight"]
    gradient[...] = gradient[:, :, ::-1, ::-1].copy()
    return grad_input


def _mean_over_places(layer: Any, grad_output: Any, cache: Any) -> Any:
    grad_input = layer.backward(grad_output, cache)
    if layer.has_bias:
        cache.gradients["bias"] /= math.prod(layer.output_shape[1:])
    return grad_input


# Of convolutions, in every form in which they are computed.
TURNED_FILTERS = Mistake(
    "the gradient of its filters is turned by 180°, as if they were convolved with",
    _turned_filters,
)
MEAN_OVER_PLACES = Mistake(
    "the gradient of its bias is a mean over all places, not their sum; no network shows that "
    "which normalises next",
    _mean_over_places,
)


def number(value: float, digits: int = 6) -> str:
    """Return a number with a true minus sign; −0 is 0."""
    return f"{value + 0.0:.{digits}g}".replace("-", "−")


def factor(value: float) -> str:
    """Return a number as it stands in a product: a negative one in brackets."""
    return f"({number(value)})" if value < 0 else number(value)


def mean_gradient(
    letter: str, difference: str, samples: int, *over: str, is_sum: bool = True
) -> str:
    """Return the formula of a gradient that is divided by the batch's size and by other numbers.

    Args:
        letter: what the gradient is called.
        difference: what is divided.
        samples: of the batch; a single one is not written.
        over: names of the other divisors.
        is_sum: whether what is divided needs brackets.
    """
    divisors = [*over, *(["samples"] if samples > 1 else [])]
    if divisors and is_sum:
        difference = f"({difference})"
    product = " · ".join(divisors)
    quotient = f" / ({product})" if len(divisors) > 1 else f" / {product}" if divisors else ""
    return f"{letter} = {difference}{quotient}"
