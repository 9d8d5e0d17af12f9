"""Split a batch by its samples: every part runs the whole network on some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.model import Model
from bpnet.nn.conv import Convolution
from bpnet.nn.layer import Array, Memory
from bpnet.nn.norm import BatchNorm
from bpnet.nn.sequential import Caches, Sequential, Workspace
from bpnet.seeding import derive_rng
from bpnet.training.large_weight import LargeWeight
from bpnet.training.part import Feed, Order, Phase, share
from bpnet.training.update import Share, Update

AT_A_TIME = 32  # samples whose convolutions a core's own cache holds


class SamplePart:
    """Compute loss and gradient of one shard of each batch, then update one stretch of the weights.

    The shards' gradients are added in order, but for those of large weights, which are computed
    for the whole batch at once. A convolutional network takes a large shard some samples at a time,
    unless it normalises over the shard.

    Args:
        model: the network, shared by all parts.
        samples: the data set's training samples.
        number: place of this part among
        count: all parts.
        most: samples of the largest batch.
        memory: where the activations of the parts that one worker computes lie, one after the
            other; None for memory of its own.
        totals: where each part writes its loss sum, right answers and square sum (count, 3).
        large: weights whose gradient all parts compute together.
    """

    def __init__(
        self,
        model: Model,
        samples: Samples,
        number: int,
        count: int,
        most: int,
        memory: Memory | None,
        totals: Array,
        large: Sequence[LargeWeight] = (),
    ) -> None:
        self.model = model
        self.number = number
        self.count = count
        self.totals = totals
        self._large = large
        own = -(-most // count)
        self._at_a_time = min(own, AT_A_TIME) if takes_pieces(model.network) else own
        names = {weight.name for weight in large}
        self._added = model.network.parameters.without(names)
        memory = memory or Memory(model.network.dtype, training=True)
        self.workspace = Workspace(
            model.network, self._at_a_time, training=True, memory=memory, without=names
        )
        assert self.workspace.gradients is not None
        self._of_piece = self.gradients = self.workspace.gradients
        if self._at_a_time < own:
            self.gradients = self._of_piece.like()
        self._feed = Feed(model, samples, self._at_a_time, memory.borrow)
        self._draws = any(layer.draws for layer in model.network.layers)

    def join(self, parts: Sequence[SamplePart], update: Update) -> None:
        """Get to know the other parts, whose gradients are added."""
        self._update = update
        gradients = [part.gradients for part in parts]
        self._shares: list[Share] = []
        for added in self._added:
            own = share(added.stop - added.start, self.count, self.number)
            stretch = slice(added.start + own.start, added.start + own.stop)
            self._shares += update.span(stretch, gradients)
        self._shares_of_large = [
            weight.shares(update, self.count, self.number) for weight in self._large
        ]

    @property
    def phases(self) -> Sequence[Phase]:
        """Return: loss and gradient; sums where their length matters; the update."""
        measured = [self.add_up] if self._update.grad_clip else []
        return [self.compute, *measured, self.move]

    def compute(self, order: Order) -> None:
        """Overwrite gradient, loss sum and number of right answers by those of this shard."""
        own = share(len(order.index), self.count, self.number)
        rng = self._rng(order)
        loss_sum, correct = 0.0, 0
        for start in range(own.start, own.stop, self._at_a_time):
            piece = slice(start, min(start + self._at_a_time, own.stop))
            loss_sum += self._differentiate(order.index[piece], order, rng)
            caches = self.workspace.caches(piece.stop - piece.start)
            correct += caches.loss.correct
            for weight in self._large:
                weight.gather(caches, piece)
            if self.takes_pieces:
                self._add_piece(first=start == own.start)
        self.totals[self.number, :2] = loss_sum, correct

    def _add_piece(self, *, first: bool) -> None:
        """Add the gradient of some samples to the shard's."""
        for added in self._added:
            gradient, of_piece = self.gradients.flat[added], self._of_piece.flat[added]
            if first:
                np.copyto(gradient, of_piece)
            else:
                gradient += of_piece

    def _differentiate(
        self, index: NDArray[np.int64], order: Order, rng: np.random.Generator | None
    ) -> float:
        """Overwrite the workspace's gradient by that of some samples; return their loss sum."""
        network, caches = self.model.network, self.workspace.caches(len(index))
        inputs = self._feed.fill(index, order.epoch, caches.inputs)
        outputs = network.forward(inputs, caches, rng)
        loss_sum = network.loss.forward(outputs, self._feed.targets(index), caches.loss)
        gradient = network.loss.backward(outputs, caches.loss, len(order.index))
        gradient *= self._update.gradient_factor(order)
        network.backward(gradient, caches)
        return loss_sum

    def add_up(self, order: Order) -> None:
        """Add the shards' gradients of this part's weights and measure them."""
        parts = min(self.count, len(order.index))
        self.totals[self.number, 2] = self._update.add_up(self._shares, parts)

    def move(self, order: Order) -> None:
        """Update this part's weights, unless the loss is no number."""
        if not np.isfinite(self.totals[:, 0].sum()):
            return
        if self._update.grad_clip:
            factor = self._update.factor(float(self.totals[:, 2].sum()))
            self._update.apply(self._shares, order, factor)
            return
        self._update.add_up(self._shares, min(self.count, len(order.index)))
        self._update.apply(self._shares, order)
        for weight, shares in zip(self._large, self._shares_of_large, strict=True):
            for columns in weight.differentiate(shares, len(order.index)):
                self._update.apply([columns], order)

    def caches(self, batch_size: int) -> Caches | None:
        """Return what the last step of this batch size left behind, if it had samples for all.

        Of a shard in pieces that is the last piece's.
        """
        stretch = share(batch_size, self.count, self.number)
        size = stretch.stop - stretch.start
        return self.workspace.caches((size - 1) % self._at_a_time + 1) if size else None

    @property
    def takes_pieces(self) -> bool:
        """Tell whether a shard of the largest batch is computed some samples at a time."""
        return self.gradients is not self._of_piece

    def _rng(self, order: Order) -> np.random.Generator | None:
        if not self._draws:
            return None
        seed = self.model.config.train.seed
        return derive_rng(seed, "layers", order.epoch, order.step, self.number)


def takes_pieces(network: Sequential) -> bool:
    """Tell whether a shard may be computed, and is faster, some samples at a time."""
    layers = network.layers
    return any(isinstance(layer, Convolution) for layer in layers) and not any(
        isinstance(layer, BatchNorm) for layer in layers
    )
