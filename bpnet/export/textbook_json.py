"""Write a network of sigmoids as the textbook's program saves its own.

Source: Nielsen, 2015, `network2.py`: sizes, weights, biases and the name of the cost, in JSON.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np

from bpnet.errors import ConfigError
from bpnet.export.metadata import KEY, metadata, takes_pictures
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model

COSTS = {"quadratic": "QuadraticCost", "binary_cross_entropy": "CrossEntropyCost"}
UNIT = Normalization(1 / 255)  # what the textbook's networks see: greys from 0 to 1


def textbook_json(model: Model) -> bytes:
    """Return the content of a `network.json`.

    The textbook's networks see greys from 0 to 1. Where this one was trained on others, which are
    `x = f u + c`, its first layer is given `W' = f W` and `b' = b + c W 1` instead.

    Raises:
        ConfigError: the textbook's program cannot compute this network.
    """
    if (found := _obstacle(model)) is not None:
        raise ConfigError(
            "this network is not one of the textbook's",
            expected="fully connected layers, each followed by a sigmoid, with the cost "
            f"{' or '.join(COSTS)}, on pictures with values from 0 to 1",
            found=found,
            hint="choose a name that ends in .onnx or .safetensors",
        )
    layers = [layer for layer in model.network.layers if layer.kind == "linear"]
    weights = [np.array(layer.weight) for layer in layers]  # type: ignore[attr-defined]
    biases = [np.array(layer.bias) for layer in layers]  # type: ignore[attr-defined]
    seen = UNIT if takes_pictures(model) else Normalization()
    if model.normalization != seen:
        factor, offset = model.normalization.scale / seen.scale, model.normalization.offset
        weight = weights[0].astype(np.float64)
        weights[0], biases[0] = factor * weight, biases[0] + offset * weight.sum(axis=1)
        data = dataclasses.replace(model.config.data, normalize="unit")
        config = dataclasses.replace(model.config, data=data)
        model = dataclasses.replace(model, config=config, normalization=seen)
    document: dict[str, Any] = {
        "sizes": [layers[0].input_shape[0], *(layer.output_shape[0] for layer in layers)],
        "weights": [weight.tolist() for weight in weights],
        "biases": [bias[:, None].tolist() for bias in biases],
        "cost": COSTS[model.config.train.loss],
        KEY: metadata(model),  # which the textbook's program leaves alone
    }
    return json.dumps(document, allow_nan=False).encode()


def _obstacle(model: Model) -> str | None:
    """Return why the textbook's program cannot compute a network, or None."""
    loss = model.config.train.loss
    if loss not in COSTS:
        return f"the cost {loss}"
    layers = [layer for layer in model.network.layers if layer.kind not in ("flatten", "dropout")]
    if loss == "binary_cross_entropy" and layers[-1].kind == "linear":
        kinds = [layer.kind for layer in layers] + ["sigmoid"]  # which this cost applies itself
    else:
        kinds = [layer.kind for layer in layers]
    for number, kind in enumerate(kinds):
        expected = ("linear", "sigmoid")[number % 2]
        if kind != expected:
            return f"{layers[number].name} where there should be a {expected}"
    if len(kinds) % 2:
        return f"no sigmoid after {layers[-1].name}"
    without = next((layer for layer in layers[::2] if "bias" not in layer.parameter_shapes), None)
    return None if without is None else f"{without.name} without biases"
