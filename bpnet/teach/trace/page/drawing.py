"""Choose how a network is drawn, and describe its layers to the page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from bpnet.nn.layer import Layer, Shape
from bpnet.nn.residual import link
from bpnet.teach.trace.as_json import as_json_values
from bpnet.teach.trace.number_text import size
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.worked.layer_step import windows

NEURONS, BOXES = "neurons", "boxes"
MOST_NEURONS = 8  # of a layer that is drawn neuron by neuron
MOST_EDGES = 160  # of all linear layers, each with its weight
MOST_LAYERS = 24


def drawing(layers: Sequence[Layer[Any]], input_shape: Shape) -> str:
    """Return whether every neuron is drawn, or a box for each layer."""
    shapes = [input_shape, *(layer.output_shape for layer in layers)]
    edges = sum(math.prod(layer.parameter_shapes.get("weight", ())) for layer in layers)
    is_small = len(layers) <= MOST_LAYERS and edges <= MOST_EDGES
    is_narrow = all(len(shape) == 1 and shape[0] <= MOST_NEURONS for shape in shapes)
    return NEURONS if is_small and is_narrow else BOXES


def layers_as_json(step: StepTrace, layers: Sequence[Layer[Any]]) -> list[dict[str, Any]]:
    """Return what the page needs to know of each layer, besides its numbers."""
    starts = {end: start for start, end in link(layers).items()}
    found = []
    for number, (layer, traced) in enumerate(zip(layers, step.layers, strict=True)):
        sliding = windows(layer)
        found.append(
            {
                "name": traced.name,
                "kind": layer.kind,
                "scope": layer.scope,
                "shape": layer.output_shape,
                "size": size(layer.output_shape),
                "input_shape": layer.input_shape,
                "formulas": as_json_values(traced.formulas),
                "parameters": {role: f"{number + 1}.{role}" for role in layer.parameter_shapes},
                "windows": None if sliding is None else dataclasses.asdict(sliding),
                "past": starts.get(number),
            }
        )
    return found
