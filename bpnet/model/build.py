"""Build the model that a config describes."""

from __future__ import annotations

import numpy as np

from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.errors import ConfigError, listed
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model
from bpnet.nn.layer import Shape
from bpnet.nn.registry import build_loss
from bpnet.nn.sequential import Sequential


def build_network(
    config: Config, input_shape: Shape, outputs: int, *, fast: bool = True
) -> Sequential:
    """Return the network that a config describes; its weights are all zero.

    Args:
        config: model, loss and starting weights are looked at.
        input_shape: shape of a sample.
        outputs: numbers that the last layer must give.
        fast: whether neighbouring layers may be computed in one go; else each on its own.

    Raises:
        ConfigError: a layer does not fit the shape it is given.
    """
    problems: list[str] = []
    layers = build_layers(config, input_shape, outputs, problems)
    if problems:
        raise ConfigError("the network does not fit the data", details=listed(problems))
    loss = build_loss(config.train.loss, outputs, config.train.label_smoothing)
    stages = None
    if fast:
        from bpnet.fast.stages import fast_stages  # a plain network loads nothing fast

        stages = fast_stages(layers)
    return Sequential(layers, loss, config.model.dtype, stages)


def build_model(
    config: Config,
    input_shape: Shape,
    outputs: int,
    normalization: Normalization,
    class_names: tuple[str, ...] = (),
) -> Model:
    """Return the model that a config describes, with its starting weights.

    Raises:
        ConfigError: a layer does not fit the shape it is given.
    """
    from bpnet.nn.init import initialise  # a network with saved weights draws none
    from bpnet.seeding import derive_rng

    network = build_network(config, input_shape, outputs)
    for position, layer in enumerate(network.layers, start=1):
        initialise(layer, config.model.init, derive_rng(config.train.seed, "init", position))
    for name, values in config.weights.items():
        view = network.parameters.views[name]
        view[...] = np.reshape(values, view.shape)
    return Model(config, network, normalization, class_names)
