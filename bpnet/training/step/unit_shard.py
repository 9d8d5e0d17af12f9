"""Split a two-layer perceptron by its hidden units: a shard has some of them, and all samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.fast.linear import row_blocks
from bpnet.model.model import Model
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.loss import LossCache
from bpnet.nn.memory import Memory, Room
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import backward_through, forward_through
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.batch import Batch, Message, Phase, split_evenly
from bpnet.training.step.feed import Feed
from bpnet.training.step.perceptron import SharedArrays, UnitArrays, layers_between
from bpnet.training.step.update import Update
from bpnet.training.step.weight_rows import RowBlock, differentiate_rows, weight_rows


@dataclass(slots=True)
class UnitCache:
    """Keep what one shard's calls with one number of samples write.

    Args:
        stored: the samples of the whole batch as they are seen (batch, …).
        inputs: the same as inputs (in_features, batch), in memory sample by sample.
        weight: the first layer's, in equal blocks of rows that are best multiplied on their own.
        z: what comes out of it (units, batch), and
        z_blocks: the same, in these blocks.
        between: one cache per layer between the two linear ones.
        sums: what each shard adds to the outputs (shards, outputs, batch), shared.
        added: what this one does.
        outputs: their sum (outputs, batch).
        tail: one cache per layer after the second linear one.
        loss: the loss's cache.
        delta: gradient of the outputs (outputs, batch), in memory sample by sample.
        grad_hidden: gradient of what comes into the second linear layer (units, batch).
        ones: (batch, 1).
        blocks: of the first layer's weights, as they are differentiated and moved.
        hidden: what came into the second linear layer in this step (units, batch).
    """

    stored: NDArray[Any]
    inputs: Array
    weight: Array
    z: Array
    z_blocks: Array
    between: list[Any]
    sums: Array
    added: Array
    outputs: Array
    tail: list[Any]
    loss: LossCache
    delta: Array
    grad_hidden: Array
    ones: Array
    blocks: list[RowBlock]
    hidden: Array


class UnitShard:
    """Compute some hidden units for all samples, and what they add to the outputs.

    With the rows of W¹ and the columns of W² divided among the shards p,

        a_p = f(W¹_p x + b¹_p),   z² = Σ_p W²_p a_p + b²,
        dW²_p = δ² a_pᵀ,   δ¹_p = W²_pᵀ δ² ⊙ f'(z¹_p),   dW¹_p = δ¹_p xᵀ,

    so that shards meet once, in the few numbers of z²: no gradient is ever added up, and every
    shard updates its own weights where they are.

    Behind a large product all of Python is out of the core's cache, and takes several times as
    long as usual. So the linear layers stand here as the few calls that they are, on views that
    are made once.

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
        self._shared, self._update, place = shared, update, shared.place
        self._all_units = model.network.layers[place.first].output_shape[0]
        self._units = split_evenly(self._all_units, self.count, number)
        self._between = layers_between(model, place, self._units)
        self._tail = model.network.layers[place.second + 1 :]
        self._draws = any(layer.draws for layer in self._between)
        self._parameters, self._gradients = map(
            self._own, (model.network.parameters, shared.gradients)
        )
        self._slices = self._build_slices()
        self._feed = Feed(model, samples, shared.most)
        self._memory = Memory(model.network.dtype, training=True)
        self._caches: dict[int, UnitCache] = {}
        self._loss_sum = 0.0

    @property
    def phases(self) -> Sequence[Phase]:
        """Return: distorting; hidden units; gradient and update, which are apart when clipping."""
        first = [self.distort] if self._shared.are_costly else []
        last = [self.differentiate, self.move] if self._update.clips else [self.finish]
        return [*first, self.activate, *last]

    @property
    def messages(self) -> Sequence[Message | None]:
        """Return: distorted samples; what is added to the outputs; when clipping, square sums."""
        first: list[Message | None] = [self.message_of_samples] if self._shared.are_costly else []
        last = [self.message_of_totals, None] if self._update.clips else [None]
        return [*first, self.message_of_outputs, *last]

    def message_of_samples(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return the samples that this shard has distorted."""
        return [self._shared.stored[split_evenly(len(batch.index), self.count, self.number)]]

    def message_of_outputs(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return `W²_p a_p`."""
        return [self.cache(batch).added]

    def message_of_totals(self, batch: Batch, readers: range) -> list[NDArray[Any]]:
        """Return this shard's sums."""
        return [self._shared.totals[self.number]]

    def moved(self, arrays: FlatArrays) -> list[NDArray[Any]]:
        """Return the elements of a flat array that this shard alone updates."""
        own = self._own(arrays)
        found = [own.rows, own.bias, own.columns, own.output_bias]
        return [view for view in found if view is not None]

    def rest(self) -> None:
        """Keep everything: what a perceptron needs is little."""

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
        cache = self.cache(batch)
        if not self._shared.are_costly:
            self._feed.gather(batch.index, batch.epoch, cache.stored)
        return self._feed.convert(cache.stored, cache.inputs)

    def activate(self, batch: Batch) -> None:
        """Compute `a_p = f(W¹_p x + b¹_p)` and `W²_p a_p`, which is added to the outputs."""
        inputs, cache, parameters = self.inputs(batch), self.cache(batch), self._parameters
        np.matmul(cache.weight, inputs, out=cache.z_blocks)
        if parameters.bias is not None:
            np.add(cache.z, parameters.bias, out=cache.z)
        draws = None
        if self._draws:
            seed, units = self.model.config.train.seed, self._units
            draws = Draws(seed, batch.epoch, batch.step, 0, units, self._all_units)
        cache.hidden = forward_through(self._between, cache.between, cache.z, draws)
        np.matmul(parameters.columns, cache.hidden, out=cache.added)
        if parameters.output_bias is not None:
            np.add(cache.added, parameters.output_bias, out=cache.added)

    def finish(self, batch: Batch) -> None:
        """Differentiate and update this shard's weights, unless the loss is not finite.

        Some rows of the first layer at a time: their gradient is used while it is at hand.
        """
        delta, cache = self._differentiate_outputs(batch), self.cache(batch)
        if not math.isfinite(self._loss_sum):
            return
        self._update.apply(self._slices, batch)
        for slices in differentiate_rows(cache.blocks, delta, cache.inputs):
            self._update.apply(slices, batch)

    def differentiate(self, batch: Batch) -> None:
        """Compute the gradient of this shard's weights, and measure it."""
        delta, cache = self._differentiate_outputs(batch), self.cache(batch)
        total = self._update.add_up(self._slices, 1)
        for slices in differentiate_rows(cache.blocks, delta, cache.inputs):
            total += self._update.add_up(slices, 1)
        self._shared.totals[self.number, 2] = total

    def _differentiate_outputs(self, batch: Batch) -> Array:
        """Compute the loss, as every shard does, and all gradients but that of W¹; return δ¹."""
        cache, loss, gradients = self.cache(batch), self.model.network.loss, self._gradients
        z = np.add.reduce(cache.sums, axis=0, out=cache.outputs)
        z = forward_through(self._tail, cache.tail, z)
        self._loss_sum = loss.forward(z, self._feed.targets(batch.index, batch.epoch), cache.loss)
        self._shared.totals[self.number, :2] = self._loss_sum, cache.loss.correct
        delta = loss.backward(z, cache.loss, len(batch.index))
        delta = backward_through(self._tail, cache.tail, delta)
        if gradients.output_bias is not None:
            np.matmul(delta, cache.ones, out=gradients.output_bias)
        np.copyto(cache.delta, delta)  # turned: SkylakeX kernels then multiply twice as fast
        np.matmul(cache.delta, cache.hidden.T, out=gradients.columns)
        np.matmul(self._parameters.columns.T, delta, out=cache.grad_hidden)
        delta = backward_through(self._between, cache.between, cache.grad_hidden)
        if gradients.bias is not None:
            np.matmul(delta, cache.ones, out=gradients.bias)
        return delta

    def move(self, batch: Batch) -> None:
        """Update this shard's weights along the clipped gradient."""
        totals = self._shared.totals
        if math.isfinite(self._loss_sum):
            factor = self._update.optimizer.clipping_factor(float(totals[:, 2].sum()))
            rows = [block.slices for block in self.cache(batch).blocks]
            self._update.apply([*self._slices, *chain(*rows)], batch, factor)

    def _own(self, arrays: FlatArrays) -> UnitArrays:
        """Return what belongs to this shard.

        The outputs' bias is the last one's: the first one's process has the loop to run, too.
        """
        is_last = self.number == self.count - 1
        return UnitArrays.of(arrays, self._shared.place, self._units, has_output_bias=is_last)

    def _build_slices(self) -> list[ParameterSlice]:
        """Return the slices of this shard's weights, without those of the first layer."""

        def take(role: str, *, decays: bool) -> ParameterSlice:
            def select(arrays: FlatArrays) -> Array:
                view: Array = getattr(self._own(arrays), role)
                return view

            return self._update.take(select, [select(self._shared.gradients)], decays=decays)

        biases = [
            role for role in ("bias", "output_bias") if getattr(self._gradients, role) is not None
        ]
        return [take("columns", decays=True), *(take(role, decays=False) for role in biases)]

    def cache(self, batch: Batch) -> UnitCache:
        """Return the caches for this many samples, made at the first such call."""
        if (samples := len(batch.index)) not in self._caches:
            self._memory.rewind()
            self._caches[samples] = self._allocate(samples)
        return self._caches[samples]

    def _allocate(self, batch: int) -> UnitCache:
        network, memory, place = self.model.network, self._memory, self._shared.place
        rows, sums = self._parameters.rows, self._shared.sums(batch)
        units, in_features = rows.shape
        blocks = row_blocks(units, in_features * batch)
        room = Room(batch, memory, wants_input_gradient=True)
        z = memory.array(units, batch)
        stored = self._shared.stored if self._shared.are_costly else self._feed.stored
        name = f"{place.first + 1}.weight"
        height = units // blocks
        return UnitCache(
            stored=stored[:batch],
            inputs=memory.array(batch, in_features).T,
            weight=rows.reshape(blocks, height, in_features),
            z=z,
            z_blocks=z.reshape(blocks, height, batch),
            between=[layer.allocate(room) for layer in self._between],
            sums=sums,
            added=sums[self.number],
            outputs=memory.array(*sums.shape[1:]),
            tail=[layer.allocate(room) for layer in self._tail],
            loss=network.loss.allocate(room),
            delta=memory.array(batch, sums.shape[1]).T,
            grad_hidden=memory.array(units, batch),
            ones=np.ones((batch, 1), dtype=memory.dtype),
            blocks=weight_rows(name, self._units, height, self._update, self._shared.gradients),
            hidden=z,
        )
