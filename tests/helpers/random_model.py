"""Models with random weights."""

import dataclasses
from typing import Any

import numpy as np

from bpnet.model.inputs import Normalization
from bpnet.model.model import Model, build_network
from tests.helpers.tiny import read_config

NETS = {  # together, they have every kind of layer
    "convolutions": "conv 5 kernel=3 stride=2 padding=2 | maxpool 2 stride=1 | "
    "conv 4 kernel=2 bias=no | avgpool 2 stride=2 padding=1 | flatten | linear 3",
    "pools": "conv 6 kernel=3 | maxpool 2 | maxpool 3 stride=2 padding=1 | avgpool 2 | flatten | "
    "linear 3",
    "channels": "conv 5 kernel=3 | batchnorm | relu | globalavgpool | linear 7 | batchnorm | "
    "linear 3 bias=no",
    "residual": "conv 4 kernel=3 | residual | conv 4 kernel=3 padding=1 | residual | relu | end | "
    "end | flatten | linear 3",
    "bent": "flatten | linear 9 | leaky_relu slope=0.2 | linear 9 | elu alpha=0.7 | linear 9 | "
    "gelu | linear 9 | softplus | linear 9 | tanh | dropout 0.5 | scale -1.5 | linear 3 | sigmoid",
    "softmax": "flatten | linear 9 | relu | linear 3 | softmax",
}


def random_model(
    lines: str,
    loss: str = "cross_entropy",
    dtype: str = "float32",
    input_shape: tuple[int, ...] = (1, 9, 8),
    **changes: Any,
) -> Model:
    """Return a model with random parameters and running statistics, by default of pictures."""
    layers = "".join(f"\n    {line}" for line in lines.split(" | "))
    config = read_config(f"[model]\nlayers ={layers}\ndtype = {dtype}\n[train]\nloss = {loss}\n")
    network = build_network(config, input_shape, 3, fast=False)
    rng = np.random.default_rng(3)
    network.parameters.flat[...] = rng.normal(size=network.parameters.flat.size) / 3
    network.state.flat[...] = rng.uniform(0.5, 2, size=network.state.flat.size)
    model = Model(config, network, Normalization(0.01, -0.5), ("a", "b", "c"))
    return dataclasses.replace(model, **changes)
