"""Split a two-layer perceptron by its hidden units: every part has some of them, and all samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.data.dataset import Samples
from bpnet.errors import ConfigError
from bpnet.model import Model, build_layer
from bpnet.nn.layer import Array, Layer, Memory
from bpnet.nn.linear import Linear
from bpnet.nn.loss import LossCache
from bpnet.nn.parameters import shared_zeros
from bpnet.nn.reshape import Flatten
from bpnet.seeding import derive_rng
from bpnet.training.part import Feed, Order, Phase, share
from bpnet.training.update import BLOCK, Share, Update

BY_ELEMENT = ("relu", "leaky_relu", "sigmoid", "tanh", "scale", "dropout")


@dataclass(frozen=True)
class Perceptron:
    """Say where the two linear layers of a perceptron are.

    Args:
        first: position of the one that has the hidden units, from 0.
        second: position of the one that adds them up.
    """

    first: int
    second: int

    @classmethod
    def of(cls, model: Model) -> Perceptron:
        """Find them.

        Raises:
            ConfigError: the network is none of this kind.
        """
        layers = model.network.layers
        linear = [place for place, layer in enumerate(layers) if isinstance(layer, Linear)]
        if len(linear) == 2:
            first, second = linear
            before, between, behind = layers[:first], layers[first + 1 : second], layers[second + 1 :]
            if (
                all(isinstance(layer, Flatten) for layer in before)
                and all(layer.kind in BY_ELEMENT for layer in between)
                and not any(layer.parameter_shapes or layer.draws for layer in behind)
            ):
                return cls(first, second)
        raise ConfigError(
            "this network's units cannot be split",
            where=model.config.given.get("train.split", "[train] split"),
            expected="flatten, linear, activations, linear, and no other layer with parameters",
            found=", ".join(layer.kind for layer in layers),
            hint="--set train.split=samples",
        )


class Board:
    """Hold the memory in which the parts of one perceptron meet.

    Args:
        model: the perceptron.
        most: samples of the largest batch.
        parts: how many parts there are.
    """

    def __init__(self, model: Model, most: int, parts: int) -> None:
        network = model.network
        self.place = Perceptron.of(model)
        self.most = most
        self.gradients = network.parameters.like()
        self.totals = shared_zeros(3 * parts, np.float64).reshape(parts, 3)
        self._features = network.layers[self.place.first].input_shape[0]
        self._outputs = network.layers[self.place.second].output_shape[0]
        self._inputs = shared_zeros(2 * self._features * most, network.dtype)
        self._sums = shared_zeros(parts * self._outputs * most, network.dtype)

    def inputs(self, batch: int) -> Array:
        """Return two batches of inputs (2, in_features, batch), which are filled in turn."""
        return self._inputs[: 2 * self._features * batch].reshape(2, self._features, batch)

    def sums(self, batch: int) -> Array:
        """Return what each part adds to the outputs (parts, outputs, batch)."""
        return self._sums[: len(self.totals) * self._outputs * batch].reshape(
            len(self.totals), self._outputs, batch
        )


@dataclass(slots=True)
class UnitCache:
    """Keep what one part's calls with one number of samples write.

    Args:
        inputs: two batches (2, in_features, batch), shared by all parts.
        sums: what each part adds to the outputs (parts, outputs, batch), shared.
        own: one cache per layer of this part.
        tail: one per layer behind the second linear one.
        outputs: the outputs before the tail (outputs, batch).
        loss: the loss's cache.
        ones: (batch,).
    """

    inputs: Array
    sums: Array
    own: list[Any]
    tail: list[Any]
    outputs: Array
    loss: LossCache
    ones: Array


class UnitPart:
    """Compute some hidden units for all samples, and what they add to the outputs.

    With the rows of W¹ and the columns of W² divided among the parts p,

        a_p = f(W¹_p x + b¹_p),   z² = Σ_p W²_p a_p + b²,
        dW²_p = δ² a_pᵀ,   δ¹_p = W²_pᵀ δ² ⊙ f'(z¹_p),   dW¹_p = δ¹_p xᵀ,

    so that parts meet once, in the few numbers of z²: no gradient is ever added up, and every
    part updates its own weights where they are.

    Source: Shoeybi et al., "Megatron-LM" (2019), section 3.

    Args:
        model: a perceptron, shared by all parts.
        samples: the data set's training samples.
        number: place of this part among all.
        board: where the parts meet.
        update: how gradients become weights.
    """

    def __init__(
        self, model: Model, samples: Samples, number: int, board: Board, update: Update
    ) -> None:
        self.model = model
        self.number = number
        self.count = len(board.totals)
        layers = model.network.layers
        first, second = layers[board.place.first], layers[board.place.second]
        self._board = board
        self._update = update
        self._units = share(first.output_shape[0], self.count, number)
        self._tail = layers[board.place.second + 1 :]
        self._own = self._build_layers(first, second)
        self._output_bias = f"{board.place.second + 1}.bias" if "bias" in second.parameter_shapes else None
        self._shares = self._build_shares(first, second)
        self._feed = Feed(model, samples, -(-board.most // self.count))
        self._memory = Memory(model.network.dtype, training=True)
        self._caches: dict[int, UnitCache] = {}
        self._loss_sum = 0.0

    @property
    def phases(self) -> Sequence[Phase]:
        """Return: inputs; hidden units; gradient and update, apart where its length matters."""
        last = [self.differentiate, self.move] if self._update.grad_clip else [self.finish]
        return [self.prepare, self.activate, *last]

    def prepare(self, order: Order) -> None:
        """Write this part's share of the batch to the inputs of all."""
        inputs = self._cache(order).inputs[order.step % 2]
        stretch = share(len(order.index), self.count, self.number)
        self._feed.fill(order.index[stretch], order.epoch, inputs[:, stretch])

    def activate(self, order: Order) -> None:
        """Compute this part's units, and what they add to the outputs."""
        cache = self._cache(order)
        a = cache.inputs[order.step % 2]
        for layer, own in zip(self._own, cache.own, strict=True):
            if layer.draws:
                seed = self.model.config.train.seed
                own.rng = derive_rng(seed, "layers", order.epoch, order.step, self.number)
            a = layer.forward(a, own)
        if self._output_bias and self.number == 0:
            a += self.model.network.parameters.views[self._output_bias][:, None]
        np.copyto(cache.sums[self.number], a)

    def finish(self, order: Order) -> None:
        """Differentiate and update this part's weights, unless the loss is no number."""
        self.differentiate(order)
        if np.isfinite(self._loss_sum):
            self._update.apply(self._shares, order)

    def differentiate(self, order: Order) -> None:
        """Compute the loss and the gradient of this part's weights.

        Every part computes the same loss; only the first one counts.
        """
        cache, network, totals = self._cache(order), self.model.network, self._board.totals
        z = np.add.reduce(cache.sums, axis=0, out=cache.outputs)
        for layer, own in zip(self._tail, cache.tail, strict=True):
            z = layer.forward(z, own)
        self._loss_sum = network.loss.forward(z, self._feed.targets(order.index), cache.loss)
        if self.number == 0:
            totals[0] = self._loss_sum, cache.loss.correct, 0
        delta = network.loss.backward(z, cache.loss, len(order.index))
        for layer, own in zip(reversed(self._tail), reversed(cache.tail), strict=True):
            delta = layer.backward(delta, own)
        if self._output_bias and self.number == 0:
            np.matmul(delta, cache.ones, out=self._board.gradients.views[self._output_bias])
        for layer, own in zip(reversed(self._own), reversed(cache.own), strict=True):
            delta = layer.backward(delta, own)
        if self._update.grad_clip:
            totals[self.number, 2] = self._update.add_up(self._shares, 1)

    def move(self, order: Order) -> None:
        """Update this part's weights along the gradient, shortened as a whole."""
        totals = self._board.totals
        if np.isfinite(self._loss_sum):
            factor = self._update.factor(float(totals[:, 2].sum()))
            self._update.apply(self._shares, order, factor)

    def _build_layers(self, first: Layer[Any], second: Layer[Any]) -> list[Layer[Any]]:
        """Return this part's rows of the first layer, its activations, its columns of the second."""
        place, units = self._board.place, self._units
        size = (units.stop - units.start,)
        layers: list[Layer[Any]] = [Linear(first.input_shape, size[0], "bias" in first.parameter_shapes)]
        for spec in self.model.config.model.layers[place.first + 1 : place.second]:
            layers.append(build_layer(spec, size))
        layers.append(Linear(size, second.output_shape[0], bias=False))
        self._gradients = []
        for arrays in (self.model.network.parameters, self._board.gradients):
            rows = {role: view[units] for role, view in arrays.of_layer(place.first + 1).items()}
            columns = {"weight": arrays.of_layer(place.second + 1)["weight"][:, units]}
            if arrays is self.model.network.parameters:
                layers[0].bind(rows, {})
                layers[-1].bind(columns, {})
            else:
                self._gradients = [rows, *({} for _ in layers[1:-1]), columns]
        return layers

    def _build_shares(self, first: Layer[Any], second: Layer[Any]) -> list[Share]:
        """Return the pieces of this part's weights."""
        place, units = self._board.place, self._units
        in_features = first.input_shape[0]
        rows = max(1, BLOCK // in_features)

        def piece(name: str, where: Any, *, decays: bool) -> Share:
            return self._update.share(
                lambda arrays: arrays.views[name][where], [self._board.gradients], decays=decays
            )

        shares = [
            piece(f"{place.first + 1}.weight", slice(start, min(start + rows, units.stop)), decays=True)
            for start in range(units.start, units.stop, rows)
        ]
        if "bias" in first.parameter_shapes:
            shares.append(piece(f"{place.first + 1}.bias", units, decays=False))
        shares.append(piece(f"{place.second + 1}.weight", (slice(None), units), decays=True))
        if self._output_bias and self.number == 0:
            shares.append(piece(self._output_bias, slice(None), decays=False))
        return shares

    def _cache(self, order: Order) -> UnitCache:
        """Return the caches for this many samples, made at the first such call."""
        batch = len(order.index)
        if batch not in self._caches:
            self._memory.rewind()
            self._caches[batch] = self._allocate(batch)
        return self._caches[batch]

    def _allocate(self, batch: int) -> UnitCache:
        network, memory = self.model.network, self._memory
        own = [
            layer.allocate(batch, memory, gradients, needs_grad_input=layer is not self._own[0])
            for layer, gradients in zip(self._own, self._gradients, strict=True)
        ]
        return UnitCache(
            inputs=self._board.inputs(batch),
            sums=self._board.sums(batch),
            own=own,
            tail=[layer.allocate(batch, memory, {}, needs_grad_input=True) for layer in self._tail],
            outputs=memory.array(network.layers[self._board.place.second].output_shape[0], batch),
            loss=network.loss.allocate(batch, memory),
            ones=np.ones(batch, dtype=memory.dtype),
        )
