"""Put numbers into the formula of a layer's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpnet.nn.facts import factor, number
from bpnet.nn.layer import Array
from bpnet.teach.trace.worked.layer_step import LayerStep, windows
from bpnet.teach.trace.worked.terms import power, product, quotient, sum_of_numbers, sum_of_products

MOST_LISTED = 9  # numbers that a maximum is taken of, as they are written

Place = tuple[int, ...]  # (sample, *index in the output)


def forward_numbers(step: LayerStep, place: Place) -> str:
    """Return what one number of a layer's output is computed from, and how.

    Args:
        step: of the layer.
        place: of the number (sample, *index).
    """
    layer = step.layer
    if layer.kind in MANY_INPUTS:
        return MANY_INPUTS[layer.kind](step, place)
    if layer.scope == "identity":
        return number(_same_place(step, place))
    if layer.scope == "element":
        z = _same_place(step, place)
        return ONE_INPUT[layer.kind](layer, z) if layer.kind in ONE_INPUT else unknown(layer)
    return unknown(layer)


def unknown(layer: Any) -> str:
    """Return what stands for the numbers of a layer whose formula is not known here."""
    return f"{layer.kind}(…)"


def _same_place(step: LayerStep, place: Place) -> float:
    """Return the input at the place of an output; `flatten` counts it in row order."""
    sample, *index = place
    position = int(np.ravel_multi_index(index, step.layer.output_shape))
    return float(step.x[sample].reshape(-1)[position])


def _by_name(layer: Any, z: float) -> str:
    return f"{layer.kind}({number(z)})"


ONE_INPUT: dict[str, Callable[[Any, float], str]] = {
    "relu": lambda layer, z: f"max({number(z)}, 0)",
    "leaky_relu": lambda layer, z: f"max({number(z)}, {product(layer.slope, z)})",
    "sigmoid": lambda layer, z: f"σ({number(z)}) = 1 / (1 + {power(-z)})",
    "tanh": lambda layer, z: f"tanh {factor(z)}",
    "softplus": lambda layer, z: f"log(1 + {power(z)})",
    "elu": lambda layer, z: number(z) if z > 0 else f"{number(layer.alpha)} · ({power(z)} − 1)",
    "scale": lambda layer, z: product(layer.factor, z),
    "gelu": _by_name,
}


def _linear(step: LayerStep, place: Place) -> str:
    sample, output = place
    return sum_of_products([step.weights("weight")[output], step.x[sample]], step.bias(output))


def _conv(step: LayerStep, place: Place) -> str:
    sample, channel, row, column = place
    found = windows(step.layer)
    assert found is not None
    i, j, y, x = np.array(list(found.pixels(row, column))).T
    kernel = step.weights("weight")[channel][:, i, j]
    return sum_of_products(
        [kernel.reshape(-1), step.x[sample][:, y, x].reshape(-1)], step.bias(channel)
    )


def window_pixels(step: LayerStep, place: Place) -> Array:
    """Return the numbers below one window of a pooling layer, borders left out."""
    sample, channel, row, column = place
    found = windows(step.layer)
    assert found is not None
    _, _, y, x = np.array(list(found.pixels(row, column))).T
    pixels: Array = step.x[sample, channel][y, x]
    return pixels


def _maxpool(step: LayerStep, place: Place) -> str:
    pixels = window_pixels(step, place)
    few = sorted(range(len(pixels)), key=lambda pixel: -pixels[pixel])[:MOST_LISTED]
    listed = [number(float(pixels[pixel])) for pixel in sorted(few)]
    more = [f"… ({len(pixels) - len(few)} smaller ones)"] if len(pixels) > len(few) else []
    return f"max({', '.join([*listed, *more])})"


def _avgpool(step: LayerStep, place: Place) -> str:
    total = sum_of_numbers(window_pixels(step, place))
    return quotient(total, step.layer.kernel_size**2)  # type: ignore[attr-defined]


def _globalavgpool(step: LayerStep, place: Place) -> str:
    pixels = step.x[place]
    return quotient(sum_of_numbers(pixels.reshape(-1)), pixels.size)


def _softmax(step: LayerStep, place: Place) -> str:
    sample, output = place
    return softmax_numbers(step.x[sample], output)


def softmax_numbers(z: Array, output: int) -> str:
    """Return `e^{z_i} / Σ_j e^{z_j}` with its numbers."""
    powers = [power(float(one)) for one in z]
    if len(powers) > MOST_LISTED:
        powers = [*powers[: MOST_LISTED - 1], f"… ({len(powers) - MOST_LISTED + 1} more)"]
    return f"{power(float(z[output]))} / ({' + '.join(powers)})"


def normalised(step: LayerStep) -> tuple[Array, Array, Array]:
    """Return x̂ of a batch normalisation (samples, *shape), and μ and σ² of its channels."""
    axes = (0, *range(2, step.x.ndim))
    mean, variance = step.x.mean(axis=axes), step.x.var(axis=axes)
    shape = (1, -1, *[1] * (step.x.ndim - 2))
    epsilon = step.layer.epsilon  # type: ignore[attr-defined]
    hat = (step.x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + epsilon)
    return hat, mean, variance


def _batchnorm(step: LayerStep, place: Place) -> str:
    _, mean, variance = normalised(step)
    channel = place[1]
    gamma, beta = (factor(float(step.weights(role)[channel])) for role in ("weight", "bias"))
    epsilon = number(step.layer.epsilon)  # type: ignore[attr-defined]
    distance = f"({number(float(step.x[place]))} − {factor(float(mean[channel]))})"
    return f"{gamma} · {distance} / √({number(float(variance[channel]))} + {epsilon}) + {beta}"


def _dropout(step: LayerStep, place: Place) -> str:
    kept = step.trace.local_derivative.values  # m / (1 − p)
    return product(_same_place(step, place), 1.0 if kept is None else float(kept[place]))


def _end(step: LayerStep, place: Place) -> str:
    inside = _same_place(step, place)
    past = 0.0 if step.past is None else float(step.past[place])
    return sum_of_numbers([inside, past])


MANY_INPUTS: dict[str, Callable[[LayerStep, Place], str]] = {
    "linear": _linear,
    "conv": _conv,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "globalavgpool": _globalavgpool,
    "softmax": _softmax,
    "batchnorm": _batchnorm,
    "dropout": _dropout,
    "end": _end,
}
