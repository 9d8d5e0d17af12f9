"""Build a network, and hold it with all that is needed to use it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.config.values import NO_DIGIT
from bpnet.errors import ConfigError, listed
from bpnet.model.inputs import Normalization, to_inputs
from bpnet.nn.facts import SOFTMAX
from bpnet.nn.layer import Array, Shape
from bpnet.nn.registry import build_loss
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.nn.softmax import softmax

LEAST = float(np.finfo(np.float32).tiny)  # probability: its logarithm, −87, is still a number
LEAST_SURE = 0.4  # probability below which a network that knows what is no digit is not sure

if TYPE_CHECKING:
    from bpnet.model.preparation import Preparation


@dataclass(frozen=True, eq=False)
class Model:
    """Hold a network with all that is needed to use it.

    Args:
        config: what it was built from.
        network: layers and parameters.
        normalization: how stored pictures become inputs.
        class_names: one per output; empty where outputs are plain numbers.
        temperature: T, which makes probabilities of classes what they say; None if none was
            fitted.
        preparation: what the training pictures look like; None where samples are no pictures, or
            where a checkpoint of an earlier version does not tell.
    """

    config: Config
    network: Sequential
    normalization: Normalization
    class_names: tuple[str, ...]
    temperature: float | None = None
    preparation: Preparation | None = None

    @property
    def reads_pictures(self) -> bool:
        """Return whether this network answers pictures with classes.

        A checkpoint of an earlier version does not tell what its training pictures looked like. If
        they had 28×28 pixels, they pass for digits as in MNIST.
        """
        knows_form = self.preparation is not None or self.network.input_shape == (1, 28, 28)
        return knows_form and bool(self.class_names)

    @property
    def knows_others(self) -> bool:
        """Return whether the last class is for what is no digit."""
        return self.class_names[-1:] == (NO_DIGIT,)

    @property
    def is_plain(self) -> bool:
        """Return whether each layer computes on its own, as textbooks do."""
        return all(stage.layer in self.network.layers for stage in self.network.stages)

    def folded(self) -> Model:
        """Return a model that answers the same with batch normalisation folded: see `fold`.

        Where there is some, it keeps the weights of this moment.
        """
        if not any(layer.scope == "batch" for layer in self.network.layers):
            return self
        from bpnet.fast.fold import fold  # what has nothing to fold loads nothing fast

        return dataclasses.replace(self, network=fold(self.network))

    def plain(self) -> Model:
        """Return a model that computes the same with each layer on its own, as textbooks do.

        It has parameters of its own, with the values of this moment.
        """
        network = self.network
        layers = build_layers(self.config, network.input_shape, None, [])
        copy = Sequential(layers, network.loss, network.dtype)
        copy.parameters.flat[...] = network.parameters.flat
        copy.state.flat[...] = network.state.flat
        return dataclasses.replace(self, network=copy)

    def outputs(self, samples: NDArray[Any], workspace: Workspace) -> Array:
        """Return the network's outputs (outputs, batch) for samples (batch, …).

        The result is valid until the workspace is used again.
        """
        caches = workspace.caches(len(samples))
        return self.network.forward(to_inputs(samples, self.normalization, caches.inputs), caches)

    def logits(self, outputs: Array) -> Array:
        """Return numbers (classes, batch) whose softmax are the class probabilities.

        With a temperature they are `z / T`, whatever the network was trained with; without one,
        they say what its loss takes the outputs for.
        """
        if self.temperature is not None:
            divided: Array = outputs / self.temperature
            return divided
        loss = self.network.loss
        if loss.applies is SOFTMAX:
            return outputs
        logarithms: Array = np.log(np.maximum(loss.probabilities(outputs), LEAST))
        return logarithms

    def probabilities(self, samples: NDArray[Any]) -> Array:
        """Return the class probabilities (batch, classes) of samples (batch, …)."""
        workspace = Workspace(self.network, len(samples), training=False)
        return self.class_probabilities(self.outputs(samples, workspace)).T

    def class_probabilities(self, outputs: Array) -> Array:
        """Return the class probabilities (classes, batch) that outputs of this shape stand for."""
        if not self.class_names:
            return self.network.loss.probabilities(outputs)
        return softmax(self.logits(outputs), out=np.empty_like(outputs))


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
