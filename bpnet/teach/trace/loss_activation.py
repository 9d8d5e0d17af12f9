"""Open a loss that applies its activation itself: a, ∂C/∂a, the slope between them, and a − y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.nn.facts import mean_gradient
from bpnet.nn.layer import Array, Layer
from bpnet.nn.loss import Loss
from bpnet.nn.memory import Memory, Room
from bpnet.nn.registry import find_layer
from bpnet.teach.trace.jacobian import (
    ELEMENT,
    LayerCall,
    LocalDerivative,
    local_derivative,
    sample_first,
)
from bpnet.teach.trace.recorded_pass import RecordedPass
from bpnet.teach.trace.step_trace import LossActivation


def held_activation(loss: Loss) -> Layer[Any] | None:
    """Return the layer whose work a loss does; None where it takes the outputs as they are."""
    layer: Any = None if loss.applies is None else find_layer(loss.applies.kind)
    built: Layer[Any] | None = None if layer is None else layer((loss.outputs,))
    return built


def trace_activation(
    layer: Layer[Any] | None, loss: Loss, recorded: RecordedPass
) -> LossActivation | None:
    """Return what that layer would have done, had it stood at the end of the network.

    Args:
        layer: see `held_activation`.
        loss: whose work it is.
        recorded: the network's pass over a batch.
    """
    applied = loss.applies
    if layer is None or applied is None:
        return None
    z, targets = (np.ascontiguousarray(rows.T) for rows in (recorded.outputs[-1], recorded.targets))
    samples = z.shape[-1]
    memory = Memory(z.dtype, training=True)
    call = LayerCall(layer, z, layer.allocate(Room(samples, memory, {}, True)), {})
    a, rest = applied.both(z, layer.forward(z, call.cache).copy())
    grad_output = applied.gradient(a, rest, targets) / samples
    factors = _factors(call, a * rest, grad_output)
    return LossActivation(
        name=layer.name,
        shape=layer.output_shape,
        output=sample_first(a),
        grad_output=sample_first(grad_output),
        grad_input=factors.product,
        local_derivative=factors.slope,
        formulas=layer.formulas(),
        gradient_formula=mean_gradient("∂a", applied.formula, samples, *applied.over, is_sum=False),
        cancels=applied.cancels,
    )


@dataclass(frozen=True)
class _Factors:
    """Hold the slopes between a and z, and their product with ∂C/∂a; NaN where digits are lost."""

    slope: LocalDerivative
    product: Array


def _factors(call: LayerCall, own: Array, grad_output: Array) -> _Factors:
    """Return what a layer's derivatives are, and what they make of ∂C/∂a.

    Args:
        call: of the layer.
        own: a (1 − a), the slope of each a by the z at its own place (outputs, batch).
        grad_output: ∂C/∂a (outputs, batch).
    """
    is_lost = (own < np.finfo(own.dtype).tiny) | ~np.isfinite(grad_output)
    slope, lost = local_derivative(call), is_lost.T
    if slope.form == ELEMENT:
        own = np.where(is_lost, np.nan, own)
        product = sample_first(own * grad_output)
        return _Factors(LocalDerivative(ELEMENT, sample_first(own)), product)
    product = sample_first(call.pull_back(grad_output))
    if slope.values is not None:
        places = np.arange(len(own))
        slope.values[:, places, places] = own.T
        product = np.einsum("si,sij->sj", grad_output.T, slope.values)
        slope.values[lost[:, :, None] | lost[:, None, :]] = np.nan
    product[lost.any(axis=1)] = np.nan  # each of a sample's products takes all of its factors
    return _Factors(slope, product)
