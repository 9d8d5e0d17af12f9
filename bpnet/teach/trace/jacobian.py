"""Ask a layer for its local derivatives: send unit vectors back through it.

Backward multiplies by the transposed Jacobian, `∂C/∂x = Jᵀ ∂C/∂y`. So what comes back for the
unit vector `e_k` is row k of J, whatever the layer computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array, Layer

MOST_ENTRIES = 10_000  # of a Jacobian: each row takes a backward call, and someone shall read it

ELEMENT, MATRIX, IDENTITY, MIXED = "element", "matrix", "identity", "mixed"


@dataclass(frozen=True)
class LayerCall:
    """Hold a layer together with what it was called with; valid until its weights change.

    Args:
        layer: any layer.
        x: its input (*input_shape, batch).
        cache: of that call, made to return the input's gradient too.
        gradients: where backward writes those of the parameters, by role.
    """

    layer: Layer[Any]
    x: Array
    cache: Any
    gradients: Mapping[str, Array]

    @property
    def samples(self) -> int:
        """Return the size of the batch."""
        return int(self.x.shape[-1])

    def pull_back(self, grad_output: Array) -> Array:
        """Return `Jᵀ grad_output` (*input_shape, batch), valid until the next call."""
        if not self.layer.draws:  # a convolution's backward writes over what it has read
            self.layer.forward(self.x, self.cache)
        grad_input: Array = self.layer.backward(grad_output, self.cache)
        return grad_input


@dataclass(frozen=True)
class LocalDerivative:
    """Hold the derivative of a layer's output by its input; features are counted in row order.

    | form | values |
    |---|---|
    | element | f'(z) of every element (samples, *shape): a layer that takes each on its own |
    | matrix | J of every sample (samples, outputs, inputs) |
    | identity | None: the numbers are passed on as they are |
    | mixed | (samples, outputs, samples, inputs): an output depends on all samples |

    Args:
        form: one of these.
        values: None also where there would be more than `MOST_ENTRIES`.
    """

    form: str
    values: Array | None

    def of_samples(self, order: NDArray[np.int64]) -> LocalDerivative:
        """Return the same with the samples in another order."""
        if self.values is None:
            return self
        values = self.values[order]
        return LocalDerivative(self.form, values[:, :, order] if self.form == MIXED else values)


def local_derivative(call: LayerCall) -> LocalDerivative:
    """Return how each output of a layer changes with each of its inputs."""
    if call.layer.scope == "identity":
        return LocalDerivative(IDENTITY, None)
    if call.layer.scope == "element":
        ones = np.ones((*call.layer.output_shape, call.samples))
        return LocalDerivative(ELEMENT, sample_first(call.pull_back(ones)))
    outputs, inputs = _features(call)
    if call.layer.scope == "batch":
        fits = outputs * inputs * call.samples**2 <= MOST_ENTRIES
        return LocalDerivative(MIXED, mixed_jacobian(call) if fits else None)
    fits = outputs * inputs * call.samples <= MOST_ENTRIES
    return LocalDerivative(MATRIX, jacobian(call) if fits else None)


def jacobian(call: LayerCall) -> Array:
    """Return `∂y_k/∂x_j` (samples, outputs, inputs) of a layer that keeps samples apart.

    Row k is `backward(e_k)`, for all samples at once.
    """
    outputs, inputs = _features(call)
    rows = np.empty((call.samples, outputs, inputs))
    for k in range(outputs):
        e = np.zeros((outputs, call.samples))
        e[k] = 1
        rows[:, k] = _pull_back(call, e).T
    return rows


def mixed_jacobian(call: LayerCall) -> Array:
    """Return `∂y_sk/∂x_tj` (samples, outputs, samples, inputs), s and t being samples."""
    outputs, inputs = _features(call)
    rows = np.empty((call.samples, outputs, call.samples, inputs))
    for sample, k in np.ndindex(call.samples, outputs):
        rows[sample, k] = _pull_back(call, _unit(call, sample, k)).T
    return rows


def parameter_jacobian(call: LayerCall, role: str) -> Array:
    """Return `∂y_k/∂w_p` (samples, outputs, elements of the parameter).

    Backward adds up the samples, so each has unit vectors of its own.
    """
    outputs, _ = _features(call)
    rows = np.empty((call.samples, outputs, call.gradients[role].size))
    for sample, k in np.ndindex(call.samples, outputs):
        _pull_back(call, _unit(call, sample, k))
        rows[sample, k] = call.gradients[role].reshape(-1)
    return rows


def sample_first(array: Array) -> Array:
    """Return a copy (batch, …) of an array (…, batch)."""
    return np.moveaxis(array, -1, 0).copy()


def _features(call: LayerCall) -> tuple[int, int]:
    """Return the numbers of outputs and inputs per sample."""
    shapes = call.layer.output_shape, call.layer.input_shape
    outputs, inputs = (int(np.prod(shape)) for shape in shapes)
    return outputs, inputs


def _unit(call: LayerCall, sample: int, k: int) -> Array:
    """Return `e_k` for one sample and 0 for the others (outputs, batch)."""
    e = np.zeros((_features(call)[0], call.samples))
    e[k, sample] = 1
    return e


def _pull_back(call: LayerCall, e: Array) -> Array:
    """Send (outputs, batch) back and return (inputs, batch)."""
    back = call.pull_back(e.reshape(*call.layer.output_shape, call.samples))
    return back.reshape(-1, call.samples)
