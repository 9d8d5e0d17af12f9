"""List the arrays of a step that are shown."""

from __future__ import annotations

from collections.abc import Iterator

from bpnet.nn.layer import Array
from bpnet.teach.trace.jacobian import ELEMENT
from bpnet.teach.trace.step_trace import StepTrace


def arrays_of(step: StepTrace) -> Iterator[Array]:
    """Yield every array of a step that is shown number by number or as a picture."""
    yield step.inputs
    held = step.loss_activation
    for layer in (*step.layers, *([] if held is None else [held])):
        yield from (layer.output, layer.grad_output)
        if layer.local_derivative.form == ELEMENT and layer.local_derivative.values is not None:
            yield layer.local_derivative.values
    yield step.layers[0].grad_input
    for traced in step.parameters.values():
        yield from (traced.before, traced.grad, traced.after)
