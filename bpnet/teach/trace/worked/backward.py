"""Put numbers into the chain rule: what a layer passes back, and the gradients of its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpnet.nn.facts import factor, number
from bpnet.nn.layer import Array
from bpnet.teach.trace.jacobian import ELEMENT, IDENTITY, MATRIX
from bpnet.teach.trace.worked.forward import Place, normalised, window_pixels
from bpnet.teach.trace.worked.layer_step import LayerStep, windows
from bpnet.teach.trace.worked.terms import product, quotient, sum_of_numbers, sum_of_products


def backward_numbers(step: LayerStep, place: Place) -> str:
    """Return how one number of ∂C/∂input comes from δ = ∂C/∂output.

    Args:
        step: of the layer.
        place: of the number in the input (sample, *index).
    """
    sample, *index = place
    local, deltas = step.trace.local_derivative, step.trace.grad_output[sample].reshape(-1)
    position = int(np.ravel_multi_index(index, step.layer.input_shape))
    if local.form == IDENTITY:
        if step.grad_past is not None:
            return sum_of_numbers([deltas[position], step.grad_past[place]])
        return number(float(deltas[position]))
    if local.form == ELEMENT and local.values is not None:
        return product(float(local.values[sample].reshape(-1)[position]), float(deltas[position]))
    if local.form == MATRIX and local.values is not None:
        rates = local.values[sample][:, position]
        acting = np.flatnonzero(rates)
        return sum_of_products([rates[acting], deltas[acting]])
    return WITHOUT_JACOBIAN.get(step.layer.kind, _unknown)(step, place)


def _unknown(step: LayerStep, place: Place) -> str:
    return "…"


def _linear(step: LayerStep, place: Place) -> str:
    sample, position = place
    return sum_of_products([step.weights("weight")[:, position], step.trace.grad_output[sample]])


def _windows_over(step: LayerStep, place: Place) -> Any:
    """Return rows and columns of the windows over a pixel, and where in them it lies."""
    found = windows(step.layer)
    assert found is not None
    return np.array(list(found.over(*place[-2:])), dtype=int).reshape(-1, 4).T


def _conv(step: LayerStep, place: Place) -> str:
    sample, channel = place[:2]
    row, column, i, j = _windows_over(step, place)
    kernels = step.weights("weight")[:, channel][:, i, j]
    deltas = step.trace.grad_output[sample][:, row, column]
    return sum_of_products([kernels.reshape(-1), deltas.reshape(-1)])


def _maxpool(step: LayerStep, place: Place) -> str:
    sample, channel, y, x = place
    found, taken = windows(step.layer), []
    assert found is not None
    for row, column, _, _ in found.over(y, x):
        pixels = list(found.pixels(row, column))
        first = pixels[int(window_pixels(step, (sample, channel, row, column)).argmax())]
        if first[2:] == (y, x):
            taken.append(float(step.trace.grad_output[sample, channel, row, column]))
    return sum_of_numbers(taken)


def _avgpool(step: LayerStep, place: Place) -> str:
    sample, channel = place[:2]
    row, column, _, _ = _windows_over(step, place)
    deltas = step.trace.grad_output[sample, channel][row, column]
    return quotient(sum_of_numbers(deltas), step.layer.kernel_size**2)  # type: ignore[attr-defined]


def _globalavgpool(step: LayerStep, place: Place) -> str:
    delta = float(step.trace.grad_output[place[:2]])
    return quotient(number(delta), float(np.prod(step.x.shape[2:])))


def _batchnorm(step: LayerStep, place: Place) -> str:
    hat, _, variance = normalised(step)
    channel = place[1]
    count = step.x.size // step.x.shape[1]
    epsilon = number(step.layer.epsilon)  # type: ignore[attr-defined]
    gamma = factor(float(step.weights("weight")[channel]))
    delta = number(float(step.trace.grad_output[place]))
    grad_beta, grad_gamma = (
        factor(float(step.parameters[role].grad[channel])) for role in ("bias", "weight")
    )
    inside = (
        f"{delta} − {grad_beta} / {count} − {factor(float(hat[place]))} · {grad_gamma} / {count}"
    )
    return f"{gamma} / √({number(float(variance[channel]))} + {epsilon}) · ({inside})"


WITHOUT_JACOBIAN: dict[str, Callable[[LayerStep, Place], str]] = {
    "linear": _linear,
    "conv": _conv,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "globalavgpool": _globalavgpool,
    "batchnorm": _batchnorm,
}


def gradient_numbers(step: LayerStep, role: str, place: Place) -> str:
    """Return how the gradient of one weight comes from δ and what the weight was multiplied with.

    Args:
        step: of its layer.
        role: of its parameter.
        place: of the weight in it.
    """
    deltas = step.trace.grad_output
    if role == "bias":
        return sum_of_numbers(deltas[:, place[0]].reshape(-1))
    rates = GRADIENT_RATES.get(step.layer.kind)
    if rates is None:
        return "…"
    return sum_of_products([deltas[:, place[0]].reshape(-1), rates(step, place).reshape(-1)])


def _conv_rates(step: LayerStep, place: Place) -> Array:
    """Return what a weight of a filter meets in each window (samples, rows, columns)."""
    _, channel, i, j = place
    found = windows(step.layer)
    assert found is not None
    pad, stride = found.padding, found.stride
    picture = np.pad(step.x[:, channel], ((0, 0), (pad, pad), (pad, pad)))
    down, across = stride * (found.rows - 1) + 1, stride * (found.columns - 1) + 1
    return picture[:, i : i + down : stride, j : j + across : stride]


GRADIENT_RATES: dict[str, Callable[[LayerStep, Place], Array]] = {
    "linear": lambda step, place: step.x[:, place[1]],
    "conv": _conv_rates,
    "batchnorm": lambda step, place: normalised(step)[0][:, place[0]],
}
