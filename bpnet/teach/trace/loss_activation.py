"""Open a loss that applies its activation itself: a, ∂C/∂a, the slope between them, and a − y."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpnet.nn.facts import mean_gradient
from bpnet.nn.layer import Layer
from bpnet.nn.loss import Loss
from bpnet.nn.memory import Memory, Room
from bpnet.nn.registry import find_layer
from bpnet.teach.trace.jacobian import LayerCall, local_derivative, sample_first
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
    a = layer.forward(z, call.cache).copy()
    grad_output = applied.gradient(a, targets) / samples
    return LossActivation(
        name=layer.name,
        shape=layer.output_shape,
        output=sample_first(a),
        grad_output=sample_first(grad_output),
        grad_input=sample_first(call.pull_back(grad_output)),
        local_derivative=local_derivative(call),
        formulas=layer.formulas(),
        gradient_formula=mean_gradient("∂a", applied.formula, samples, *applied.over, is_sum=False),
        cancels=applied.cancels,
    )
