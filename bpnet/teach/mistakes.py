"""Plant a known mistake in a backward pass, so that one can see how a check finds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from bpnet.errors import ConfigError
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Sequential

Backward = Callable[[Any, Array, Any], Array]


@dataclass(frozen=True)
class Mistake:
    """Say what is done wrong, and do it.

    Args:
        text: what it is, as a clause: "it forgets …".
        backward: called with the layer, the gradient of its output and its cache.
    """

    text: str
    backward: Backward


class MistakenLayer:
    """Stand in for a layer: forward as it does, backward with a mistake."""

    def __init__(self, layer: Any, mistake: Mistake) -> None:
        self._layer = layer
        self._mistake = mistake

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        """Return the gradient of the input, with the mistake."""
        return self._mistake.backward(self._layer, grad_output, cache)


def plant_mistake(network: Sequential, name: str) -> Mistake:
    """Let the layer of that name go wrong, and return what it does wrong.

    Args:
        network: of plain stages.
        name: such as `2.relu`; the kind is enough where there is one layer of it.

    Raises:
        ConfigError: there is no such layer, or there are several.
    """
    names = [layer.name for layer in network.layers]
    found = [
        number
        for number, layer in enumerate(network.layers)
        if name in (layer.name, layer.kind, layer.name.partition(".")[0])
    ]
    if len(found) != 1:
        raise ConfigError(
            f"{'several layers are' if found else 'no layer is'} called that",
            where="--sabotage",
            expected="one of " + ", ".join(names),
            found=name,
        )
    number = found[0]
    mistake = MISTAKES[network.layers[number].kind]
    stage = network.stages[number]
    broken = cast(Any, MistakenLayer(stage.layer, mistake))
    network.stages[number] = dataclasses.replace(stage, layer=broken)
    return mistake


def _slightly_large_weights(layer: Any, grad_output: Array, cache: Any) -> Array:
    grad_input: Array = layer.backward(grad_output, cache)
    cache.gradients["weight"] *= 1.001
    return grad_input


def _turned_filters(layer: Any, grad_output: Array, cache: Any) -> Array:
    grad_input: Array = layer.backward(grad_output, cache)
    gradient = cache.gradients["weight"]
    gradient[...] = gradient[:, :, ::-1, ::-1].copy()
    return grad_input


def _every_place(layer: Any, grad_output: Array, cache: Any) -> Array:
    for mask in cache.is_maximum:
        mask.fill(True)
    grad_input: Array = layer.backward(grad_output, cache)
    return grad_input


def _constant_statistics(layer: Any, grad_output: Array, cache: Any) -> Array:
    layer.backward(grad_output, cache)
    factor = layer.weight * cache.inverse_deviation
    shape = (-1, *[1] * (grad_output.ndim - 1))
    grad_input: Array = grad_output * factor.reshape(shape)
    return grad_input


MISTAKES = {
    "linear": Mistake(
        "the gradient of its weight is 0.1 % too large: too little to be noticed in training",
        _slightly_large_weights,
    ),
    "conv": Mistake(
        "the gradient of its filters is turned by 180°, as if they were convolved with",
        _turned_filters,
    ),
    "maxpool": Mistake(
        "every place of a block gets the gradient, not the maximum alone", _every_place
    ),
    "avgpool": Mistake(
        "it forgets to divide by the size of a block",
        lambda layer, grad_output, cache: layer.backward(grad_output, cache) * layer.kernel_size**2,
    ),
    "flatten": Mistake(
        "it hands the numbers back in reverse order",
        lambda layer, grad_output, cache: np.ascontiguousarray(
            layer.backward(grad_output[::-1], cache)
        ),
    ),
    "relu": Mistake(
        "it lets the gradient through where z ≤ 0",
        lambda layer, grad_output, cache: grad_output,
    ),
    "leaky_relu": Mistake(
        "it stops the gradient where z ≤ 0, as ReLU does",
        lambda layer, grad_output, cache: grad_output * cache.positive,
    ),
    "sigmoid": Mistake(
        "it forgets to multiply by σ'(z)",
        lambda layer, grad_output, cache: grad_output,
    ),
    "tanh": Mistake(
        "it multiplies by 1 − a instead of 1 − a²",
        lambda layer, grad_output, cache: grad_output * (1 - cache.output),
    ),
    "softmax": Mistake(
        "it forgets that every output depends on every input: a (1 − a) alone",
        lambda layer, grad_output, cache: grad_output * cache.output * (1 - cache.output),
    ),
    "dropout": Mistake(
        "it forgets to divide by 1 − p",
        lambda layer, grad_output, cache: grad_output * cache.keep,
    ),
    "batchnorm": Mistake("it takes mean and variance for constants", _constant_statistics),
    "scale": Mistake(
        "it forgets its factor",
        lambda layer, grad_output, cache: grad_output,
    ),
}
