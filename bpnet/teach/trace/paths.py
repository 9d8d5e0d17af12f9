"""Follow a weight to the loss on every way there is; the rates along a way multiply, ways add up.

`∂C/∂w = Σ over paths of ∂z_j/∂w · ∂y_k/∂z_j · … · ∂C/∂output_i`, for every sample of the batch.

Source: the chain rule, and its second case, where a number acts on another in several ways.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bpnet.nn.layer import Array
from bpnet.nn.residual import link
from bpnet.teach.trace.jacobian import (
    IDENTITY,
    MIXED,
    LayerCall,
    LocalDerivative,
    parameter_jacobian,
)
from bpnet.teach.trace.recorded_pass import RecordedPass
from bpnet.teach.trace.ways import Path, Ways, place

MOST_PATHS = 16  # from one weight: what fits one look
MOST_LISTED = 500  # from all weights together, at two lines each: what can be leafed through
MOST_RATES = 100_000  # ∂z/∂w of one parameter: each row takes a backward call


@dataclass(frozen=True)
class ElementPaths:
    """Hold all ways from one weight to the loss.

    Args:
        element: its name, such as `1.weight[1,2]`: row 1, column 2.
        count: how many ways have no rate of 0.
        paths: these ways, or None where they are too many to list.
        sum: of their products, or None.
        gradient: what backward computed, which the sum should be.
        tolerance: by how much rounding may set them apart.
    """

    element: str
    count: int
    paths: tuple[Path, ...] | None
    sum: float | None
    gradient: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Return whether sum and gradient are the same except for rounding."""
        return self.sum is not None and abs(self.sum - self.gradient) <= self.tolerance


def rate_sizes(call: LayerCall, output: Array, derivative: LocalDerivative) -> Array | None:
    """Return |∂y/∂x|, or what it would be if nothing cancelled.

    Args:
        call: of a layer.
        output: of that call (samples, *shape).
        derivative: of the layer.
    """
    size = call.layer.derivative_size(output)
    if size is not None:
        return size
    return None if derivative.values is None else np.abs(derivative.values)


def obstacle(recorded: RecordedPass, derivatives: Sequence[LocalDerivative]) -> str | None:
    """Return why a network's paths cannot be followed; None where they can."""
    for call, derivative in zip(recorded.calls, derivatives, strict=True):
        if derivative.form == MIXED:
            return f"{call.layer.name} mixes the samples: a path would run through all of them"
        if derivative.values is None and derivative.form != IDENTITY:
            return f"the local derivative of {call.layer.name} has too many numbers to follow"
        for role, shape in call.layer.parameter_shapes.items():
            outputs = math.prod(call.layer.output_shape)
            if call.samples * outputs * math.prod(shape) > MOST_RATES:
                return f"{call.layer.name} has too many rates from its {role} to its outputs"
    return None


def all_paths(
    recorded: RecordedPass, derivatives: Sequence[LocalDerivative], samples: Sequence[int]
) -> dict[str, tuple[ElementPaths, ...]]:
    """Return the paths of every element of every parameter; there must be no `obstacle`.

    They are counted first, and listed where an element has no more than `MOST_PATHS` and all such
    elements together no more than `MOST_LISTED`.

    Args:
        recorded: the network's pass over a batch.
        derivatives: of its layers, samples in the order in which they are shown.
        samples: what they are called.
    """
    layers = [call.layer for call in recorded.calls]
    ways = Ways(
        [layer.name for layer in layers],
        [layer.output_shape for layer in layers],
        derivatives,
        list(map(rate_sizes, recorded.calls, recorded.outputs, derivatives)),
        recorded.grad_outputs[-1],
        samples,
        link(layers),
    )
    rates = {
        f"{number + 1}.{role}": (number, parameter_jacobian(call, role)[recorded.order])
        for number, call in enumerate(recorded.calls)
        for role in call.layer.parameter_shapes
    }
    return list_paths(ways, rates, recorded.gradients.views)


def list_paths(
    ways: Ways, rates: Mapping[str, tuple[int, Array]], gradients: Mapping[str, Array]
) -> dict[str, tuple[ElementPaths, ...]]:
    """Return the paths of every element of every parameter.

    Args:
        ways: from the layers' outputs to the loss.
        rates: number of the layer, and ∂z/∂w (samples, outputs, elements), by parameter.
        gradients: of the parameters, to compare with.
    """
    counts = {
        name: [ways.count(layer, to_output) for to_output in np.moveaxis(jacobian, 2, 0)]
        for name, (layer, jacobian) in rates.items()
    }
    few = [count for row in counts.values() for count in row if count <= MOST_PATHS]
    most = MOST_PATHS if sum(few) <= MOST_LISTED else 0
    found = {}
    for name, (layer, jacobian) in rates.items():
        elements = []
        for number, count in enumerate(counts[name]):
            element = f"{name}{place(number, gradients[name].shape)}"
            gradient = float(gradients[name].reshape(-1)[number])
            paths, total = None, None
            if count <= most:
                paths = ways.from_weight(layer, element, jacobian[:, :, number])
                total = sum(path.product for path in paths) + 0.0
            tolerance = ways.tolerance(layer, jacobian[:, :, number])
            elements.append(ElementPaths(element, count, paths, total, gradient, tolerance))
        found[name] = tuple(elements)
    return found
