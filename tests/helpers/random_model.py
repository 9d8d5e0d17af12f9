"""Models with random weights."""

import dataclasses

import numpy as np

from bpnet.model.inputs import Normalization
from bpnet.model.model import Model, build_network
from tests.helpers.tiny import read_config


def random_model(lines: str, loss: str = "cross_entropy", **changes: float) -> Model:
    """Return a model of 9×8 pictures with random parameters and running statistics."""
    layers = "".join(f"\n    {line}" for line in lines.split(" | "))
    config = read_config(f"[model]\nlayers ={layers}\n[train]\nloss = {loss}\n")
    network = build_network(config, (1, 9, 8), 3, fast=False)
    rng = np.random.default_rng(3)
    network.parameters.flat[...] = rng.normal(size=network.parameters.flat.size) / 3
    network.state.flat[...] = rng.uniform(0.5, 2, size=network.state.flat.size)
    model = Model(config, network, Normalization(0.01, -0.5), ("a", "b", "c"))
    return dataclasses.replace(model, **changes)  # type: ignore[arg-type]
