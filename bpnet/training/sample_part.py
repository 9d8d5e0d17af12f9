"""Split a batch by its samples: every part runs the whole network on some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpnet.data.dataset import Samples
from bpnet.model import Model
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Caches, Workspace
from bpnet.seeding import derive_rng
from bpnet.training.part import Feed, Order, Phase, share
from bpnet.training.update import Update


class SamplePart:
    """Compute loss and gradient of one shard of each batch, then update one stretch of the weights.

    The shards' gradients are added in order.

    Args:
        model: the network, shared by all parts.
        samples: the data set's training samples.
        number: place of this part among
        count: all parts.
        most: samples of the largest batch.
        totals: where each part writes its loss sum, right answers and square sum (count, 3).
    """

    def __init__(
        self,
        model: Model,
        samples: Samples,
        number: int,
        count: int,
        most: int,
        totals: Array,
    ) -> None:
        self.model = model
        self.number = number
        self.count = count
        self.totals = totals
        own = -(-most // count)
        self.workspace = Workspace(model.network, own, training=True)
        self._feed = Feed(model, samples, own)
        self._draws = any(layer.draws for layer in model.network.layers)

    def join(self, parts: Sequence[SamplePart], update: Update) -> None:
        """Get to know the other parts, whose gradients are added."""
        gradients = [part.workspace.gradients for part in parts]
        stretch = share(update.parameters.flat.size, self.count, self.number)
        self._update = update
        self._shares = update.span(stretch, [g for g in gradients if g is not None])

    @property
    def phases(self) -> Sequence[Phase]:
        """Return: loss and gradient; sums where their length matters; the update."""
        measured = [self.add_up] if self._update.grad_clip else []
        return [self.compute, *measured, self.move]

    def compute(self, order: Order) -> None:
        """Overwrite gradient, loss sum and number of right answers by those of this shard."""
        network = self.model.network
        index = order.index[share(len(order.index), self.count, self.number)]
        if not len(index):
            self.totals[self.number, :2] = 0
            return
        caches = self.workspace.caches(len(index))
        inputs = self._feed.fill(index, order.epoch, caches.inputs)
        outputs = network.forward(inputs, caches, self._rng(order))
        loss_sum = network.loss.forward(outputs, self._feed.targets(index), caches.loss)
        self.totals[self.number, :2] = loss_sum, caches.loss.correct
        gradient = network.loss.backward(outputs, caches.loss, len(order.index))
        network.backward(gradient, caches)

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

    def caches(self, batch_size: int) -> Caches | None:
        """Return what the last step of this batch size left behind, if it had samples for all."""
        stretch = share(batch_size, self.count, self.number)
        size = stretch.stop - stretch.start
        return self.workspace.caches(size) if size else None

    def _rng(self, order: Order) -> np.random.Generator | None:
        if not self._draws:
            return None
        seed = self.model.config.train.seed
        return derive_rng(seed, "layers", order.epoch, order.step, self.number)
