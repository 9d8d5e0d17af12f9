"""Split a two-layer perceptron by its hidden units: a shard has some of them, and all samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.fast import sizes
from bpnet.fast.linear import row_blocks
from bpnet.model.model import Model
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.loss import LossCache
from bpnet.nn.memory import Memory, Room, aligned_zeros
from bpnet.nn.sequential import backward_through, forward_through
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.batch import Batch, Phase, split_evenly
from bpnet.training.step.feed import Feed
from bpnet.training.step.perceptron import SharedArrays, unit_layers, unit_views
from bpnet.training.step.update import Update


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Hold some rows of the first layer's weights, whose gradient is one matrix product.

    Args:
        units: which of the shard's own units they belong to.
        height: rows in each of the equal products that this one is cut into.
        gradient: where it is written (rows, in_features).
        slices: the same rows as the update takes them.
    """

    units: slice
    height: int
    gradient: Array
    slices: list[ParameterSlice]


@dataclass(slots=True)
class UnitCache:
    """Keep what one shard's calls with one number of samples write.

    Args:
        inputs: the whole batch (in_features, batch), in memory sample by sample as it is stored.
        blocks: of the first layer's weights, which are multiplied and moved at a time.
        sums: what each shard adds to the outputs (shards, outputs, batch), shared.
        own: one cache per layer of this shard.
        tail: one per layer after the second linear one.
        outputs: the outputs before the tail (outputs, batch).
        loss: the loss's cache.
        ones: (batch,).
    """

    inputs: Array
    blocks: list[RowBlock]
    sums: Array
    own: list[Any]
    tail: list[Any]
    outputs: Array
    loss: LossCache
    ones: Array


class UnitShard:
    """Compute some hidden units for all samples, and what they add to the outputs.

    With the rows of W¹ and the columns of W² divided among the shards p,

        a_p = f(W¹_p x + b¹_p),   z² = Σ_p W²_p a_p + b²,
        dW²_p = δ² a_pᵀ,   δ¹_p = W²_pᵀ δ² ⊙ f'(z¹_p),   dW¹_p = δ¹_p xᵀ,

    so that shards meet once, in the few numbers of z²: no gradient is ever added up, and every
    shard updates its own weights where they are.

    Source: Shoeybi et al., "Megatron-LM" (2019), section 3.

    Args:
        model: a perceptron, which all shards use.
        samples: the data set's training samples.
        number: place of this shard among all.
        shared: where the shards meet.
        update: how gradients become weights.
    """

    def __init__(
        self, model: Model, samples: Samples, number: int, shared: SharedArrays, update: Update
    ) -> None:
        self.model = model
        self.number = number
        self.count = len(shared.totals)
        layers = model.network.layers
        first, second = layers[shared.place.first], layers[shared.place.second]
        self._shared = shared
        self._update = update
        self._all_units = first.output_shape[0]
        self._units = split_evenly(self._all_units, self.count, number)
        self._tail = layers[shared.place.second + 1 :]
        self._own = unit_layers(model, shared.place, self._units)
        rows, columns = unit_views(shared.gradients, shared.place, self._units)
        self._gradients = [rows, *({} for _ in self._own[1:-1]), columns]
        self._draws = any(layer.draws for layer in self._own)
        self._output_bias = (
            f"{shared.place.second + 1}.bias" if "bias" in second.parameter_shapes else None
        )
        self._slices = self._build_slices()
        self._feed = Feed(model, samples, shared.most)
        self._memory = Memory(model.network.dtype, training=True)
        self._caches: dict[int, UnitCache] = {}
        self._loss_sum = 0.0

    @property
    def is_last(self) -> bool:
        """Return whether this shard takes care of what is not divided.

        It is the last one, since the first one's process has the loop to run, too.
        """
        return self.number == self.count - 1

    @property
    def phases(self) -> Sequence[Phase]:
        """Return: distorting; hidden units; gradient and update, which are apart when clipping."""
        first = [self.distort] if self._feed.augments else []
        last = [self.differentiate, self.move] if self._update.clips else [self.finish]
        return [*first, self.activate, *last]

    def kinks(self, batch_size: int) -> Sequence[NDArray[np.bool_]] | None:
        """Return None: of hidden units, no side of a kink is kept."""
        return None

    def distort(self, batch: Batch) -> None:
        """Gather and distort this shard's samples of the batch for all shards."""
        mine = split_evenly(len(batch.index), self.count, self.number)
        self._feed.gather(batch.index[mine], batch.epoch, self._shared.stored[mine])

    def inputs(self, batch: Batch) -> Array:
        """Return the whole batch as inputs (in_features, batch).

        Every shard converts it for itself: half of it from another core would take longer.
        """
        cache, stored = self.cache(batch), self._feed.stored[: len(batch.index)]
        if self._feed.augments:
            stored = self._shared.stored[: len(batch.index)]
        else:
            self._feed.gather(batch.index, batch.epoch, stored)
        return self._feed.convert(stored, cache.inputs)

    def activate(self, batch: Batch) -> None:
        """Compute this shard's units, and what they add to the outputs, in `sums`."""
        cache, inputs = self.cache(batch), self.inputs(batch)
        draws = None
        if self._draws:
            seed, units = self.model.config.train.seed, self._units
            draws = Draws(seed, batch.epoch, batch.step, 0, units, self._all_units)
        a = forward_through(self._own, cache.own, inputs, draws)
        if self._output_bias and self.is_last:
            a += self.model.network.parameters.views[self._output_bias][:, None]

    def finish(self, batch: Batch) -> None:
        """Differentiate and update this shard's weights, unless the loss is not finite.

        Some rows of the first layer at a time: their gradient is used while it is at hand.
        """
        delta = self._differentiate_outputs(batch)
        if not math.isfinite(self._loss_sum):
            return
        self._update.apply(self._slices, batch)
        for slices in self._differentiate_rows(delta, batch):
            self._update.apply(slices, batch)

    def differentiate(self, batch: Batch) -> None:
        """Compute the gradient of this shard's weights, and measure it."""
        delta = self._differentiate_outputs(batch)
        total = self._update.add_up(self._slices, 1)
        for slices in self._differentiate_rows(delta, batch):
            total += self._update.add_up(slices, 1)
        self._shared.totals[self.number, 2] = total

    def _differentiate_outputs(self, batch: Batch) -> Array:
        """Compute the loss and all gradients but that of the first layer's weights; return δ¹.

        Every shard computes the same loss; only the last one counts.
        """
        cache, network = self.cache(batch), self.model.network
        z = np.add.reduce(cache.sums, axis=0, out=cache.outputs)
        z = forward_through(self._tail, cache.tail, z)
        self._loss_sum = network.loss.forward(z, self._feed.targets(batch.index), cache.loss)
        if self.is_last:
            self._shared.totals[self.number, :2] = self._loss_sum, cache.loss.correct
        delta = network.loss.backward(z, cache.loss, len(batch.index))
        delta = backward_through(self._tail, cache.tail, delta)
        if self._output_bias and self.is_last:
            np.matmul(delta, cache.ones, out=self._shared.gradients.views[self._output_bias])
        delta = backward_through(self._own[1:], cache.own[1:], delta)
        if "bias" in self._gradients[0]:
            np.matmul(delta, cache.ones, out=self._gradients[0]["bias"])
        return delta

    def _differentiate_rows(self, delta: Array, batch: Batch) -> Iterator[list[ParameterSlice]]:
        """Write `dW¹ = δ¹ xᵀ` block by block, and return the slices of each when it is written."""
        cache = self.cache(batch)
        in_features, samples = cache.inputs.shape
        for block in cache.blocks:
            own = delta[block.units].reshape(-1, block.height, samples)
            grad_weight = block.gradient.reshape(-1, block.height, in_features)
            np.matmul(own, cache.inputs.T, out=grad_weight)
            yield block.slices

    def move(self, batch: Batch) -> None:
        """Update this shard's weights along the clipped gradient."""
        totals = self._shared.totals
        if math.isfinite(self._loss_sum):
            factor = self._update.optimizer.clipping_factor(float(totals[:, 2].sum()))
            rows = [block.slices for block in self.cache(batch).blocks]
            self._update.apply([*self._slices, *chain(*rows)], batch, factor)

    def _slice(
        self, name: str, where: Any, *, decays: bool, gradient: Array | None = None
    ) -> ParameterSlice:
        """Return a slice of a parameter by its name, with a gradient of its own or the shared."""
        if gradient is None:
            gradient = self._shared.gradients.views[name][where]
        return self._update.take(
            lambda arrays: arrays.views[name][where], [gradient], decays=decays
        )

    def _build_slices(self) -> list[ParameterSlice]:
        """Return the slices of this shard's weights, without those of the first layer."""
        place, units = self._shared.place, self._units
        slices = [self._slice(f"{place.second + 1}.weight", (slice(None), units), decays=True)]
        if "bias" in self._gradients[0]:
            slices.append(self._slice(f"{place.first + 1}.bias", units, decays=False))
        if self._output_bias and self.is_last:
            slices.append(self._slice(self._output_bias, slice(None), decays=False))
        return slices

    def _row_blocks(self, height: int) -> list[RowBlock]:
        """Return this shard's rows of the first layer in blocks that are computed one by one.

        All have the same memory for their gradient, which the core's own cache then holds, unless
        the whole gradient is measured before it is used.

        Args:
            height: rows that are best multiplied at a time.
        """
        name, units = f"{self._shared.place.first + 1}.weight", self._units
        count, in_features = units.stop - units.start, self._own[0].input_shape[0]
        moved = max(1, sizes.chosen().parameter_block // in_features)
        if height < count:
            together = max(1, moved // height) * height
        else:  # the BLAS packs its operands, the inputs anew for every block
            most = max(1, sizes.chosen().gradient_block // in_features)
            together = max(1, split_evenly(count, -(-count // most) or 1, 0).stop)
        memory = aligned_zeros(together * in_features, self.model.network.dtype)
        blocks = []
        for start in range(0, count, together):
            own = slice(start, min(start + together, count))
            gradient = memory.reshape(-1, in_features)[: own.stop - start]
            if self._update.clips:
                gradient = self._shared.gradients.views[name][units][own]
            slices = [
                self._slice(
                    name,
                    slice(units.start + row, units.start + min(row + moved, own.stop)),
                    decays=True,
                    gradient=gradient[row - start : row - start + moved],
                )
                for row in range(start, own.stop, moved)
            ]
            blocks.append(RowBlock(own, min(height, len(gradient)), gradient, slices))
        return blocks[::-1]  # the last rows' weights are still in the cache, then the first ones

    def cache(self, batch: Batch) -> UnitCache:
        """Return the caches for this many samples, made at the first such call."""
        if (samples := len(batch.index)) not in self._caches:
            self._memory.rewind()
            self._caches[samples] = self._allocate(samples)
        return self._caches[samples]

    def _allocate(self, batch: int) -> UnitCache:
        network, memory = self.model.network, self._memory
        units = self._units.stop - self._units.start
        in_features = self._own[0].input_shape[0]
        own = [
            layer.allocate(Room(batch, memory, gradients, layer is not self._own[0]))
            for layer, gradients in zip(self._own, self._gradients, strict=True)
        ]
        sums = self._shared.sums(batch)
        own[-1].output = sums[self.number]
        room = Room(batch, memory, wants_input_gradient=True)
        return UnitCache(
            inputs=memory.array(batch, in_features).T,
            blocks=self._row_blocks(units // row_blocks(units, in_features * batch)),
            sums=sums,
            own=own,
            tail=[layer.allocate(room) for layer in self._tail],
            outputs=memory.array(network.layers[self._shared.place.second].output_shape[0], batch),
            loss=network.loss.allocate(room),
            ones=np.ones(batch, dtype=memory.dtype),
        )
