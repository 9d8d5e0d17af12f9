"""Find the gradient that a training step really follows, and the one that it should follow."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config import AugmentConfig, Config, OptimizerConfig, ScheduleConfig
from bpnet.data.dataset import Dataset, Samples
from bpnet.model import Model
from bpnet.nn.layer import Array
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.seeding import derive_rng
from bpnet.training.loop import Trainer
from bpnet.training.parallel import Workers
from bpnet.training.part import share
from bpnet.training.sample_part import AT_A_TIME, takes_pieces

PLAIN_DESCENT = OptimizerConfig(learning_rate=1.0, momentum=0.0, nesterov=False, weight_decay=0.0)


def bare_descent(config: Config) -> Config:
    """Return a config that does nothing but `w ← w − g`, on samples as they are."""
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, validation=0),
        train=dataclasses.replace(config.train, epochs=1, ema=0.0, grad_clip=0.0, early_stopping=0),
        optimizer=PLAIN_DESCENT,
        schedule=ScheduleConfig(name="constant"),
        augment=AugmentConfig(),
    )


def followed_gradient(model: Model, inputs: NDArray[Any], targets: NDArray[Any]) -> FlatArrays:
    """Return by what one step of plain descent with η = 1 moves the parameters, `w − w'`.

    The step is training's own: shards, pieces of shards, hidden units side by side, large weights
    apart, whatever the config asks for. The model's parameters stay as they are.

    Args:
        model: of a config made bare.
        inputs: samples (batch, *input_shape).
        targets: of these samples.
    """
    samples = Samples(inputs, targets)
    dataset = Dataset(model.config.data.dataset, samples, samples, model.class_names)
    parameters = model.network.parameters
    before = parameters.flat.copy()
    with Workers(1) as workers:
        trainer = Trainer(model, dataset, Path(), workers, "")  # nothing will be saved
        with trainer.team:
            trainer.step(np.arange(len(samples)))
    gradient = parameters.like()
    np.subtract(before, parameters.flat, out=gradient.flat)
    parameters.flat[...] = before
    return gradient


def plain_gradient(
    network: Sequential, config: Config, inputs: Array, targets: NDArray[Any]
) -> FlatArrays:
    """Return the sum of the shards' gradients, layer by layer as the textbook has it.

    Args:
        network: plain stages.
        config: whose shards a step has; hidden units side by side are one.
        inputs: network inputs (*input_shape, batch).
        targets: of these samples.
    """
    batch = inputs.shape[-1]
    shards = 1 if config.train.split == "units" else config.train.shards
    total = network.parameters.like()
    for number in range(shards):
        own = share(batch, shards, number)
        size = own.stop - own.start
        rng = derive_rng(config.train.seed, "layers", 0, 0, number)
        pieces = -(-size // AT_A_TIME) if takes_pieces(network) and size else 1
        for piece in range(pieces):
            start = own.start + piece * AT_A_TIME
            some = slice(start, min(own.stop, start + AT_A_TIME) if pieces > 1 else own.stop)
            if some.start < some.stop:
                total.flat += _gradient(network, inputs[..., some], targets[some], batch, rng)
    return total


def _gradient(
    network: Sequential, x: Array, targets: NDArray[Any], batch: int, rng: np.random.Generator
) -> Array:
    """Return the flat gradient of some samples' part of the mean loss."""
    workspace = Workspace(network, x.shape[-1], training=True)
    caches = workspace.caches(x.shape[-1])
    outputs = network.forward(np.ascontiguousarray(x), caches, rng)
    network.loss.forward(outputs, targets, caches.loss)
    network.backward(network.loss.backward(outputs, caches.loss, batch), caches)
    assert workspace.gradients is not None
    return workspace.gradients.flat
