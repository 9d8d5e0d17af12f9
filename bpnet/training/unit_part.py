"""Split a two-layer perceptron by its hidden units: a part has some of them, and all samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.data.dataset import Samples
from bpnet.model import Model, build_layer
from bpnet.nn.layer import Array, Layer, Memory
from bpnet.nn.linear import Linear, row_blocks
from bpnet.nn.loss import LossCache
from bpnet.seeding import derive_rng
from bpnet.training.part import Feed, Order, Phase, share
from bpnet.training.perceptron import Board
from bpnet.training.update import BLOCK, Share, Update


@dataclass(slots=True)
class UnitCache:
    """Keep what one part's calls with one number of samples write.

    Args:
        inputs: the whole batch (in_features, batch), and
        rows: the same sample by sample (batch, in_features).
        height: rows of the first layer's weights that are multiplied at a time.
        blocks: which of these belong together, and the piece of the weights that they are.
        sums: what each part adds to the outputs (parts, outputs, batch), shared.
        own: one cache per layer of this part.
        tail: one per layer behind the second linear one.
        outputs: the outputs before the tail (outputs, batch).
        loss: the loss's cache.
        ones: (batch,).
    """

    inputs: Array
    rows: Array
    height: int
    blocks: list[tuple[slice, Share]]
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
        self._output_bias = (
            f"{board.place.second + 1}.bias" if "bias" in second.parameter_shapes else None
        )
        self._shares = self._build_shares()
        self._feed = Feed(model, samples, board.most)
        self._memory = Memory(model.network.dtype, training=True)
        self._caches: dict[int, UnitCache] = {}
        self._loss_sum = 0.0

    @property
    def phases(self) -> Sequence[Phase]:
        """Return: distorting; hidden units; gradient and update, apart where its length matters."""
        first = [self.distort] if self._feed.augments else []
        last = [self.differentiate, self.move] if self._update.grad_clip else [self.finish]
        return [*first, self.activate, *last]

    def distort(self, order: Order) -> None:
        """Gather and distort this part's share of the batch for all parts."""
        mine = share(len(order.index), self.count, self.number)
        self._feed.gather(order.index[mine], order.epoch, self._board.stored[mine])

    def _inputs(self, order: Order) -> Array:
        """Return the whole batch as inputs (in_features, batch).

        Every part converts it for itself: half of it from another core would take longer.
        """
        cache, stored = self._cache(order), self._feed.stored[: len(order.index)]
        if self._feed.augments:
            stored = self._board.stored[: len(order.index)]
        else:
            self._feed.gather(order.index, order.epoch, stored)
        return self._feed.convert(stored, cache.inputs, cache.rows)

    def activate(self, order: Order) -> None:
        """Compute this part's units, and what they add to the outputs."""
        cache, a = self._cache(order), self._inputs(order)
        rng = None
        for layer, own in zip(self._own, cache.own, strict=True):
            if layer.draws:
                seed, place = self.model.config.train.seed, (order.epoch, order.step, self.number)
                own.rng = rng = rng or derive_rng(seed, "layers", *place)
            a = layer.forward(a, own)
        if self._output_bias and self.number == 0:
            a += self.model.network.parameters.views[self._output_bias][:, None]
        np.copyto(cache.sums[self.number], a)

    def finish(self, order: Order) -> None:
        """Differentiate and update this part's weights, unless the loss is no number.

        Some rows of the first layer at a time: their gradient is used while it is at hand.
        """
        delta = self._differentiate_outputs(order)
        if not np.isfinite(self._loss_sum):
            return
        self._update.apply(self._shares, order)
        for share_of_rows in self._differentiate_rows(delta, order):
            self._update.apply([share_of_rows], order)

    def differentiate(self, order: Order) -> None:
        """Compute the gradient of this part's weights, and measure it."""
        delta = self._differentiate_outputs(order)
        rows = list(self._differentiate_rows(delta, order))
        total = self._update.add_up([*self._shares, *rows], 1)
        self._board.totals[self.number, 2] = total

    def _differentiate_outputs(self, order: Order) -> Array:
        """Compute the loss and all gradients but that of the first layer's weights; return δ¹.

        Every part computes the same loss; only the first one counts.
        """
        cache, network = self._cache(order), self.model.network
        z = np.add.reduce(cache.sums, axis=0, out=cache.outputs)
        for layer, own in zip(self._tail, cache.tail, strict=True):
            z = layer.forward(z, own)
        self._loss_sum = network.loss.forward(z, self._feed.targets(order.index), cache.loss)
        if self.number == 0:
            self._board.totals[0] = self._loss_sum, cache.loss.correct, 0
        delta = network.loss.backward(z, cache.loss, len(order.index))
        delta *= self._update.gradient_factor(order)
        for layer, own in zip(reversed(self._tail), reversed(cache.tail), strict=True):
            delta = layer.backward(delta, own)
        if self._output_bias and self.number == 0:
            np.matmul(delta, cache.ones, out=self._board.gradients.views[self._output_bias])
        for layer, own in zip(reversed(self._own[1:]), reversed(cache.own[1:]), strict=True):
            delta = layer.backward(delta, own)
        if "bias" in self._gradients[0]:
            np.matmul(delta, cache.ones, out=self._gradients[0]["bias"])
        return delta

    def _differentiate_rows(self, delta: Array, order: Order) -> Iterator[Share]:
        """Write `dW¹ = δ¹ xᵀ` block by block, and return the share of each when it is written."""
        cache = self._cache(order)
        x_transposed = cache.rows
        delta = delta.reshape(-1, cache.height, delta.shape[-1])
        for blocks, share_of_rows in cache.blocks:
            grad_weight = share_of_rows.piece.g.reshape(-1, cache.height, x_transposed.shape[1])
            np.matmul(delta[blocks], x_transposed, out=grad_weight)
            yield share_of_rows

    def move(self, order: Order) -> None:
        """Update this part's weights along the gradient, shortened as a whole."""
        totals = self._board.totals
        if np.isfinite(self._loss_sum):
            factor = self._update.factor(float(totals[:, 2].sum()))
            rows = [share_of_rows for _, share_of_rows in self._cache(order).blocks]
            self._update.apply([*self._shares, *rows], order, factor)

    def _build_layers(self, first: Layer[Any], second: Layer[Any]) -> list[Layer[Any]]:
        """Return this part's rows of the first layer, activations, columns of the second."""
        place, units = self._board.place, self._units
        size = (units.stop - units.start,)
        layers: list[Layer[Any]] = [
            Linear(first.input_shape, size[0], "bias" in first.parameter_shapes)
        ]
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

    def _share(
        self, name: str, where: Any, *, decays: bool, gradient: Array | None = None
    ) -> Share:
        """Return a piece of a parameter by its name, with a gradient of its own or the board's."""
        if gradient is None:
            gradient = self._board.gradients.views[name][where]
        return self._update.share(
            lambda arrays: arrays.views[name][where], [gradient], decays=decays
        )

    def _build_shares(self) -> list[Share]:
        """Return the pieces of this part's weights, without those of the first layer."""
        place, units = self._board.place, self._units
        shares = [self._share(f"{place.second + 1}.weight", (slice(None), units), decays=True)]
        if "bias" in self._gradients[0]:
            shares.append(self._share(f"{place.first + 1}.bias", units, decays=False))
        if self._output_bias and self.number == 0:
            shares.append(self._share(self._output_bias, slice(None), decays=False))
        return shares

    def _row_shares(self, height: int) -> list[tuple[slice, Share]]:
        """Return this part's rows of the first layer, some blocks of this height at a time.

        All have the same memory for their gradient, which the core's own cache then holds, unless
        the whole gradient is measured before it is used.
        """
        units, place = self._units, self._board.place
        blocks = (units.stop - units.start) // height
        together = max(1, BLOCK // (height * self._own[0].input_shape[0]))
        in_features = self._own[0].input_shape[0]
        gradient = np.empty((together * height, in_features), self.model.network.dtype)
        shares = []
        for start in range(0, blocks, together):
            stop = min(start + together, blocks)
            rows = slice(units.start + start * height, units.start + stop * height)
            own = None if self._update.grad_clip else gradient[: (stop - start) * height]
            share_of_rows = self._share(
                f"{place.first + 1}.weight", rows, decays=True, gradient=own
            )
            shares.append((slice(start, stop), share_of_rows))
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
        units = self._units.stop - self._units.start
        height = units // row_blocks(units, self._own[0].input_shape[0] * batch) or 1
        own = [
            layer.allocate(batch, memory, gradients, needs_grad_input=layer is not self._own[0])
            for layer, gradients in zip(self._own, self._gradients, strict=True)
        ]
        return UnitCache(
            inputs=memory.array(*self._own[0].input_shape, batch),
            rows=memory.array(batch, *self._own[0].input_shape),
            height=height,
            blocks=self._row_shares(height),
            sums=self._board.sums(batch),
            own=own,
            tail=[layer.allocate(batch, memory, {}, needs_grad_input=True) for layer in self._tail],
            outputs=memory.array(network.layers[self._board.place.second].output_shape[0], batch),
            loss=network.loss.allocate(batch, memory),
            ones=np.ones(batch, dtype=memory.dtype),
        )
