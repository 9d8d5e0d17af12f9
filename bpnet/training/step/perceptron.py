"""Find the two layers of a perceptron, cut out some hidden units, and let shards meet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from bpnet.config.network import build_layer
from bpnet.data.dataset import Samples
from bpnet.errors import ConfigError
from bpnet.fast.relu import InPlaceReLU
from bpnet.fast.stages import fast_stages
from bpnet.model.model import Model
from bpnet.nn.activation import ReLU
from bpnet.nn.layer import Array, Layer
from bpnet.nn.linear import Linear
from bpnet.nn.memory import shared_zeros
from bpnet.nn.parameters import FlatArrays
from bpnet.training.layerwise import Layerwise
from bpnet.training.optimizers import OPTIMIZERS


@dataclass(frozen=True)
class Perceptron:
    """Hold where the two linear layers of a perceptron are.

    Args:
        first: place of the one that has the hidden units, from 0.
        second: place of the one that adds them up.
    """

    first: int
    second: int

    @classmethod
    def of(cls, model: Model) -> Perceptron:
        """Find them.

        Raises:
            ConfigError: the network is of another kind, batches are accumulated, or the optimiser
                looks at whole layers.
        """
        rule = model.config.optimizer.name
        if issubclass(OPTIMIZERS[rule], Layerwise):
            raise ConfigError(
                "shards of units have no layer whole, as this optimiser needs it",
                where=model.config.given.get("optimizer.name", "[optimizer] name"),
                expected="another rule with train.split = units",
                found=rule,
                hint="--set train.split=samples",
            )
        accumulate = model.config.train.accumulate
        if accumulate > 1:
            raise ConfigError(
                "shards of units compute a whole step at once, and accumulate nothing",
                where=model.config.given.get("train.accumulate", "[train] accumulate"),
                expected="1 with train.split = units",
                found=accumulate,
                hint="--set train.split=samples, or a larger train.batch_size",
            )
        layers = model.network.layers
        linear = [place for place, layer in enumerate(layers) if type(layer) is Linear]
        if len(linear) == 2:
            first, second = linear
            before, between = layers[:first], layers[first + 1 : second]
            after = layers[second + 1 :]
            if (
                all(layer.scope == "identity" and layer.kind != "residual" for layer in before)
                and all(layer.scope == "element" for layer in between)
                and not any(layer.parameter_shapes for layer in (*between, *after))
                and not any(layer.draws for layer in after)
            ):
                return cls(first, second)
        raise ConfigError(
            "this network's units cannot be split",
            where=model.config.given.get("train.split", "[train] split"),
            expected="flatten, linear, activations, linear, and no other layer with parameters",
            found=", ".join(layer.kind for layer in layers),
            hint="--set train.split=samples",
        )


class SharedArrays:
    """Hold the memory in which the shards of one perceptron meet.

    Args:
        model: the perceptron.
        samples: the data set's training samples.
        most: samples of the largest batch.
        totals: where shards write their sums (shards, 3).
        are_costly: whether each sample is better brought by one shard, for all of them.
    """

    def __init__(
        self, model: Model, samples: Samples, most: int, totals: Array, *, are_costly: bool
    ) -> None:
        network = model.network
        self.place = Perceptron.of(model)
        self.most = most
        self.totals = totals
        self.are_costly = are_costly
        self.gradients = network.parameters.like()
        self._outputs = network.layers[self.place.second].output_shape[0]
        shape = most, *samples.inputs.shape[1:]
        self.stored = shared_zeros(math.prod(shape), samples.inputs.dtype).reshape(shape)
        self._sums = shared_zeros(len(totals) * self._outputs * most, network.dtype)

    def sums(self, batch: int) -> Array:
        """Return what each shard adds to the outputs (shards, outputs, batch)."""
        shape = (len(self.totals), self._outputs, batch)
        return self._sums[: math.prod(shape)].reshape(shape)


def layers_between(model: Model, place: Perceptron, units: slice) -> list[Layer[Any]]:
    """Return the layers between the two linear ones for some hidden units, the fastest way.

    Nobody but the first of them reads what comes out of a linear layer.
    """
    size = (units.stop - units.start,)
    specs = model.config.model.layers[place.first + 1 : place.second]
    layers = [stage.layer for stage in fast_stages([build_layer(spec, size) for spec in specs])]
    if layers and type(layers[0]) is ReLU:
        layers[0] = InPlaceReLU(layers[0])
    for position, layer in enumerate(layers, start=place.first + 2):
        layer.position = position
    return layers


@dataclass(frozen=True, slots=True)
class UnitArrays:
    """Hold what belongs to some hidden units, of the parameters or of their gradients.

    Args:
        rows: of the first layer's weights (units, in_features).
        bias: of these units as a column (units, 1), where there is one.
        columns: of the second layer's weights (outputs, units).
        output_bias: of all outputs as a column (outputs, 1), where it is wanted and there is one.
    """

    rows: Array
    bias: Array | None
    columns: Array
    output_bias: Array | None

    @classmethod
    def of(
        cls, arrays: FlatArrays, place: Perceptron, units: slice, *, has_output_bias: bool
    ) -> UnitArrays:
        """View them."""
        first, second = (arrays.of_layer(number + 1) for number in (place.first, place.second))
        return cls(
            first["weight"][units],
            first["bias"][units, None] if "bias" in first else None,
            second["weight"][:, units],
            second["bias"][:, None] if has_output_bias and "bias" in second else None,
        )
