"""Build the model that a config describes, with its starting weights."""

from __future__ import annotations

import numpy as np

from bpnet.config.settings import Config
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model, build_network
from bpnet.model.preparation import Preparation
from bpnet.nn.init import initialise
from bpnet.nn.layer import Shape
from bpnet.seeding import derive_rng


def build_model(
    config: Config,
    input_shape: Shape,
    outputs: int,
    normalization: Normalization,
    class_names: tuple[str, ...] = (),
    preparation: Preparation | None = None,
) -> Model:
    """Return the model that a config describes, with its starting weights.

    Raises:
        ConfigError: a layer does not fit the shape it is given.
    """
    network = build_network(config, input_shape, outputs)
    for position, layer in enumerate(network.layers, start=1):
        initialise(layer, config.model.init, derive_rng(config.train.seed, "init", position))
    for name, values in config.weights.items():
        view = network.parameters.views[name]
        view[...] = np.reshape(values, view.shape)
    return Model(config, network, normalization, class_names, preparation=preparation)
