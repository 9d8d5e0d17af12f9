"""Leave special values, at which a factor or a term that backward forgets would not be missed."""

from __future__ import annotations

import dataclasses
import inspect
import math

import numpy as np

from bpnet.config.layer_lines import LayerSpec
from bpnet.config.settings import Config
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.registry import find_layer

SPREAD = 0.5  # each way: by how much what starts at one value is moved
AWAY = 0.3  # by how much a layer's degenerate value is
STARTS = (0.0, 1.0)  # of biases and β, of γ, and of all with `init = zeros`


def leave_degenerate(config: Config) -> tuple[Config, list[str]]:
    """Move values of layers that are degenerate, such as the factor of `scale 1`.

    Returns:
        The config with other values, and what they are, such as `3.scale factor 1.3`.
    """
    specs, moved = [], []
    for place, spec in enumerate(config.model.layers, start=1):
        away = _away(spec)
        specs.append(dataclasses.replace(spec, options=spec.options | away))
        moved += [f"{place}.{spec.kind} {name} {value:g}" for name, value in away.items()]
    model = dataclasses.replace(config.model, layers=tuple(specs))
    return dataclasses.replace(config, model=model), moved


def _away(spec: LayerSpec) -> dict[str, float]:
    """Return other values for those of a layer's line, or of its defaults, that are degenerate."""
    layer = find_layer(spec.kind, spec.options)
    assert layer is not None, "the config was read"
    defaults = inspect.signature(layer).parameters
    values = {
        option: spec.options.get(option.name, defaults[option.argument].default)
        for option in layer.options
    }
    return {
        option.name: float(value) + AWAY
        for option, value in values.items()
        if value in option.degenerate
    }


def leave_starts(parameters: FlatArrays, config: Config, rng: np.random.Generator) -> list[str]:
    """Draw γ, β and biases away from the one value that all numbers of each start with.

    So are weights that start at 0. What the config gives stays.

    Returns:
        The names of those that were drawn.
    """
    drawn = [
        name
        for name, values in parameters.views.items()
        if np.ptp(values) == 0 and values.flat[0] in STARTS and name not in config.weights
    ]
    for name in drawn:
        values = parameters.views[name]
        spread = SPREAD / math.sqrt(values[0].size)
        values += rng.uniform(-spread, spread, values.shape)
    return drawn
