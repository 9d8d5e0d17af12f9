"""Hold mistakes that are planted to see whether they are found, and that several classes share.

All others stand on the class in whose backward they are planted.
"""

import math
from typing import Any

from bpnet.nn.facts import Mistake


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
