"""Build the network that a config describes, and turn pictures into its inputs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.architecture import LayerSpec
from bpnet.config import Config
from bpnet.errors import ConfigError
from bpnet.nn.activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from bpnet.nn.conv import Conv
from bpnet.nn.dropout import Dropout
from bpnet.nn.fold import fold
from bpnet.nn.init import initialise
from bpnet.nn.layer import Array, Layer, Shape, ShapeError
from bpnet.nn.linear import Linear
from bpnet.nn.loss import build_loss
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import AvgPool, MaxPool
from bpnet.nn.reshape import Flatten, Scale
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.seeding import derive_rng

LAYERS: dict[str, Callable[..., Layer[Any]]] = {
    layer.kind: layer
    for layer in (
        *(Linear, Conv, MaxPool, AvgPool, Flatten, ReLU, LeakyReLU),
        *(Sigmoid, Tanh, Softmax, Dropout, BatchNorm, Scale),
    )
}
ARGUMENTS = {
    ("linear", "out"): "out_features",
    ("conv", "out"): "out_channels",
    ("conv", "kernel"): "kernel_size",
    ("maxpool", "size"): "kernel_size",
    ("avgpool", "size"): "kernel_size",
}
MOST_PARAMETERS = 10**8  # with the optimiser's and averaged copies, what a checkpoint may hold
APPLIED_TWICE = {
    ("softmax", "cross_entropy"): "cross_entropy applies softmax itself; take the layer out",
    ("sigmoid", "binary_cross_entropy"): "the loss applies sigmoid itself; take the layer out",
}


def known_input_shape(config: Config) -> Shape | None:
    """Return the shape of a sample as far as the config alone tells it."""
    data = config.data
    if data.dataset == "table":
        return data.input_shape or ((len(data.inputs[0]),) if data.inputs else None)
    return None if data.dataset == "idx" else (1, 28, 28)


def known_outputs(config: Config) -> int | None:
    """Return how many numbers the network should give, as far as the config alone tells it."""
    data = config.data
    if data.dataset == "table":
        return len(data.targets[0]) if data.targets else None
    return None if data.dataset == "idx" else 10


def build_layer(spec: LayerSpec, input_shape: Shape) -> Layer[Any]:
    """Return the layer that a line describes, for samples of the given shape.

    Raises:
        ShapeError: the layer cannot take this shape.
    """
    arguments = {
        ARGUMENTS.get((spec.kind, name), name): value for name, value in spec.options.items()
    }
    return LAYERS[spec.kind](input_shape, **arguments)


def build_layers(
    config: Config, input_shape: Shape, outputs: int | None, problems: list[str]
) -> list[Layer[Any]]:
    """Return the layers of a config as far as they fit, and note what does not.

    Args:
        config: its model, loss and starting weights are used.
        input_shape: shape of a sample.
        outputs: numbers that the last layer must give, if known.
        problems: gets one line per error, with its place.
    """
    layers: list[Layer[Any]] = []
    shape = input_shape
    for spec in config.model.layers:
        try:
            layers.append(build_layer(spec, shape))
        except ShapeError as error:
            problems.append(f"{spec.where}: `{spec.text}` does not fit {shape}: {error}")
            return layers
        shape = layers[-1].output_shape
    if not layers:
        return layers
    _check_size(config, layers, problems)
    last = config.model.layers[-1]
    if outputs is not None and shape != (outputs,):
        text = f"{last.where}: the last layer, `{last.text}`, must give ({outputs},), found {shape}"
        problems.append(text + _flatten_hint(shape))
    hint = APPLIED_TWICE.get((last.kind, config.train.loss))
    if hint:
        problems.append(f"{last.where}: `{last.text}` would be applied twice: {hint}")
    _check_weights(config, layers, problems)
    return layers


def _flatten_hint(shape: Shape) -> str:
    return "; put `flatten` at the end" if len(shape) > 1 else ""


def _check_size(config: Config, layers: list[Layer[Any]], problems: list[str]) -> None:
    """Note a network beyond all memory, by the line of its largest layer."""
    sizes = [sum(map(math.prod, layer.parameter_shapes.values())) for layer in layers]
    if sum(sizes) > MOST_PARAMETERS:
        largest = config.model.layers[sizes.index(max(sizes))]
        problems.append(
            f"{largest.where}: `{largest.text}` has {max(sizes):,} parameters; "
            f"a network may have {MOST_PARAMETERS:,} in all"
        )


def _check_weights(config: Config, layers: list[Layer[Any]], problems: list[str]) -> None:
    """Note every starting weight that no layer has or whose size is wrong."""
    shapes = {
        f"{position}.{role}": shape
        for position, layer in enumerate(layers, start=1)
        for role, shape in layer.parameter_shapes.items()
    }
    for name, values in config.weights.items():
        place = config.given.get(f"weights.{name}", "")
        if name not in shapes:
            known = ", ".join(shapes) or "none"
            problems.append(f"{place}: [weights] {name} is no parameter; there are {known}")
        elif len(values) != np.prod(shapes[name]):
            problems.append(
                f"{place}: [weights] {name} has shape {shapes[name]} and takes "
                f"{np.prod(shapes[name])} numbers, found {len(values)}"
            )


@dataclass(frozen=True)
class Normalization:
    """Map stored numbers to network inputs: `input = scale · stored + offset`."""

    scale: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, name: str, values: NDArray[Any], index: NDArray[np.int64]) -> Normalization:
        """Return what `[data] normalize` names; `standard` measures the samples in `index`.

        standard: `(x/255 − mean) / std`; unit: `x/255`; none: `x`. Numbers that are not pictures
        have no 255 to be divided by.
        """
        if name == "none":
            return cls()
        if name == "unit":
            return cls(1 / 255 if values.dtype == np.uint8 else 1.0)
        mean, deviation = mean_and_deviation(values, index)
        return cls(1 / (deviation or 1.0), -mean / (deviation or 1.0))


def mean_and_deviation(values: NDArray[Any], index: NDArray[np.int64]) -> tuple[float, float]:
    """Return both over all numbers of the chosen samples.

    The samples are read in blocks: a copy of them all in float64 would take 8 times their memory.
    """
    blocks = np.array_split(index, max(1, len(index) // 2000))
    if values.dtype == np.uint8:  # exact, from how often each of the 256 greys occurs
        greys = np.arange(256.0)
        times = np.zeros(256)
        for block in blocks:
            times += np.bincount(values[block].reshape(-1), minlength=256)
        mean = float(times @ greys / times.sum())
        return mean, float(np.sqrt(times @ (greys - mean) ** 2 / times.sum()))
    chosen = values[index]
    return float(chosen.mean()), float(chosen.std())


def to_inputs(
    samples: NDArray[Any], normalization: Normalization, out: Array, rows: Array | None = None
) -> Array:
    """Turn samples (batch, …) into network inputs (…, batch): the one place that does so.

    Args:
        samples: pictures (batch, height, width) in uint8, or numbers (batch, *input_shape).
        normalization: applied to every number.
        out: inputs (*input_shape, batch), overwritten.
        rows: gets the same inputs sample by sample (batch, features), if given.
    """
    stored = samples.reshape(len(samples), -1)
    columns = out.reshape(stored.shape[::-1])
    inputs = columns.T if rows is None else rows
    np.copyto(inputs, stored, casting="same_kind")
    inputs *= normalization.scale
    if normalization.offset:
        inputs += normalization.offset
    if rows is not None:
        np.copyto(columns, rows.T)
    return out


@dataclass(frozen=True)
class Model:
    """Hold a network with all that is needed to use it.

    Args:
        config: what it was built from.
        network: layers and parameters.
        normalization: how stored pictures become inputs.
        class_names: one per output; empty where outputs are plain numbers.
    """

    config: Config
    network: Sequential
    normalization: Normalization
    class_names: tuple[str, ...]

    @property
    def reads_digits(self) -> bool:
        """Tell whether this network answers pictures of 28×28 pixels with classes."""
        return self.network.input_shape == (1, 28, 28) and bool(self.class_names)

    def folded(self) -> Model:
        """Return a model that answers the same with batch normalisation folded: see `fold`.

        Where there is some, it keeps the weights of this moment.
        """
        return dataclasses.replace(self, network=fold(self.network))

    def plain(self) -> Model:
        """Return a model that computes the same with every layer by itself, as textbooks do.

        It has parameters of its own, with the values of this moment.
        """
        network = self.network
        layers = build_layers(self.config, network.input_shape, None, [])
        copy = Sequential(layers, network.loss, network.dtype, fast=False)
        copy.parameters.flat[...] = network.parameters.flat
        copy.state.flat[...] = network.state.flat
        return dataclasses.replace(self, network=copy)

    def outputs(self, samples: NDArray[Any], workspace: Workspace) -> Array:
        """Return the network's outputs (outputs, batch) for samples (batch, …).

        The result is valid until the workspace is used again.
        """
        caches = workspace.caches(len(samples))
        return self.network.forward(to_inputs(samples, self.normalization, caches.inputs), caches)

    def probabilities(self, samples: NDArray[Any]) -> Array:
        """Return the class probabilities (batch, classes) of samples (batch, …)."""
        workspace = Workspace(self.network, len(samples), training=False)
        return self.network.loss.probabilities(self.outputs(samples, workspace)).T


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
    problems: list[str] = []
    layers = build_layers(config, input_shape, outputs, problems)
    if problems:
        raise ConfigError("the network does not fit the data\n  " + "\n  ".join(problems))
    loss = build_loss(config.train.loss, outputs, config.train.label_smoothing)
    network = Sequential(layers, loss, config.model.dtype)
    for position, layer in enumerate(layers, start=1):
        initialise(layer, config.model.init, derive_rng(config.train.seed, "init", position))
    for name, values in config.weights.items():
        view = network.parameters.views[name]
        view[...] = np.reshape(values, view.shape)
    return Model(config, network, normalization, class_names)
