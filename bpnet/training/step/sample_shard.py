"""Split a batch by its samples: every shard runs the whole network on some of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.data.dataset import Samples
from bpnet.fast import sizes
from bpnet.model.model import Model
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import Caches, Sequential, Workspace
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.batch import Batch, Message, Phase, split_evenly
from bpnet.training.step.feed import Feed
from bpnet.training.step.kept_statistics import KeptStatistics
from bpnet.training.step.large_weight import LargeWeight
from bpnet.training.step.sample_messages import SampleMessages
from bpnet.training.step.update import Update

FEWEST_SAMPLES = 16  # of a micro-batch: with fewer, every product is slow
MOST_SAMPLES = 512  # of a micro-batch without convolution: with more, no product is faster


class SampleShard:
    """Compute loss and gradient of one shard of each batch, then update one span of the weights.

    The shards' gradients are added in order, but for those of large weights, which are computed
    for the whole batch at once. A large shard is taken in micro-batches, which are the same
    whether its samples are one batch or several: so accumulated batches give the bits of a large
    one. Batch normalisation takes its statistics from each micro-batch: the shard of one batch.

    Args:
        model: the network, which all shards use.
        samples: the data set's training samples.
        number: of this shard, from 0.
        count: how many shards there are.
        most: samples of the largest batch.
        memory: where the activations of the shards that one worker computes lie, one after the
            other; None for memory of its own.
        totals: where each shard writes its loss sum, right answers and square sum (count, 3).
        large: weights whose gradient all shards compute together.
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
        self.large = large
        own = -(-most // count)
        train = model.config.train
        of_batch = -(-train.batch_size // count)
        self._micro_batch = self.samples_at_once(model.network, own, of_batch)
        names = {weight.name for weight in large}
        self._added = model.network.parameters.without(names)
        self._memory = memory or Memory(model.network.dtype, training=True)
        self.workspace = Workspace(
            model.network, self._micro_batch, training=True, memory=self._memory, without=names
        )
        assert self.workspace.gradients is not None
        self.of_micro_batch = self.gradients = self.workspace.gradients
        if self._micro_batch < own:
            self.gradients = self.of_micro_batch.like()
        self._is_summed = False
        self.kept = None
        self.normalises = normalises(model.network)
        if train.accumulate > 1 and self.normalises:
            caches = self.workspace.caches(self._micro_batch)
            self.kept = KeptStatistics(model.network, caches, -(-own // self._micro_batch))
        self._draws = any(layer.draws for layer in model.network.layers)
        self._feed = Feed(model, samples, self._micro_batch)

    @staticmethod
    def samples_at_once(network: Sequential, shard: int, of_batch: int) -> int:
        """Return the size of a micro-batch."""
        return micro_batch_size(network, shard, of_batch)

    def micro_batches(self, batch_size: int) -> list[slice]:
        """Return which samples of a batch this shard takes after one another.

        They are equally many where statistics are taken from them: those of few are poor.
        """
        own = split_evenly(batch_size, self.count, self.number)
        size = own.stop - own.start
        parts = -(-size // self._micro_batch)
        if self.kept is not None:
            within = [split_evenly(size, parts, part) for part in range(parts)]
            return [slice(own.start + part.start, own.start + part.stop) for part in within]
        starts = range(own.start, own.stop, self._micro_batch)
        return [slice(start, min(start + self._micro_batch, own.stop)) for start in starts]

    def join(self, shards: Sequence[SampleShard], update: Update) -> None:
        """Get to know the other shards, whose gradients are added."""
        self.update = update
        gradients = [shard.gradients for shard in shards]
        self._slices: list[ParameterSlice] = []
        for span in self.spans(range(self.number, self.number + 1)):
            self._slices += update.slices(span, gradients)
        self._slices_of_large = [
            weight.slices(update, self.count, self.number) for weight in self.large
        ]

    def spans(self, numbers: range) -> list[slice]:
        """Return which spans of the flat vector the shards with these numbers update."""
        found = []
        for added in self._added:
            size = added.stop - added.start
            first, last = (
                split_evenly(size, self.count, number) for number in (numbers[0], numbers[-1])
            )
            found.append(slice(added.start + first.start, added.start + last.stop))
        return found

    def expect_sum(self) -> None:
        """Take the gradient of the first shard for the sum of all, which others have added up."""
        self._is_summed = True

    @property
    def phases(self) -> Sequence[Phase]:
        """Return: loss and gradient; when clipping, sums; layers measured; the update."""
        measured = [self.add_up] if self.update.looks_first else []
        aimed = [self.aim] if self.update.measures_layers else []
        return [self.compute, *measured, *aimed, self.move]

    @property
    def messages(self) -> Sequence[Message | None]:
        """Return, for each phase, what shards elsewhere read of what this one writes in it."""
        return SampleMessages(self).in_order()

    def moved(self, arrays: FlatArrays) -> list[NDArray[Any]]:
        """Return the elements of a flat array that this shard alone updates."""
        spans = self.spans(range(self.number, self.number + 1))
        columns = [weight.columns(arrays, self.count, self.number) for weight in self.large]
        return [*(arrays.flat[span] for span in spans), *columns]

    def rest(self) -> None:
        """Give memory back until the next step; what the last one left behind is lost."""
        self._memory.give_back()

    def compute(self, batch: Batch) -> None:
        """Overwrite gradient, loss sum and number of right answers by those of this shard."""
        loss_sum, correct = 0.0, 0
        for number, samples in enumerate(self.micro_batches(len(batch.index))):
            loss_sum += self.differentiate(batch, samples)
            caches = self.workspace.caches(samples.stop - samples.start)
            correct += caches.loss.correct
            for weight in self.large:
                weight.gather(caches, samples)
            if self.takes_micro_batches:
                self.add_micro_batch(is_first=number == 0)
            if self.kept is not None:
                self.kept.keep(number, caches)
        self.totals[self.number, :2] = loss_sum, correct

    def add_micro_batch(self, *, is_first: bool) -> None:
        """Add the gradient of a micro-batch to the shard's."""
        for added in self._added:
            gradient, of_micro_batch = self.gradients.flat[added], self.of_micro_batch.flat[added]
            if is_first:
                np.copyto(gradient, of_micro_batch)
            else:
                gradient += of_micro_batch

    def differentiate(self, batch: Batch, samples: slice) -> float:
        """Overwrite the workspace's gradient by that of some samples; return their loss sum."""
        caches, inputs, targets = self.gather(batch, samples)
        loss_sum, outputs = self.forward(batch, samples, caches, inputs, targets)
        network = self.model.network
        network.backward(network.loss.backward(outputs, caches.loss, len(batch.index)), caches)
        return loss_sum

    def gather(self, batch: Batch, samples: slice) -> tuple[Caches, Array, NDArray[Any]]:
        """Return the caches for some samples of a batch, their inputs and their targets."""
        index = batch.index[samples]
        caches = self.workspace.caches(len(index))
        inputs = self._feed.fill(index, batch.epoch, caches.inputs)
        return caches, inputs, self._feed.targets(index, batch.epoch)

    def forward(
        self, batch: Batch, samples: slice, caches: Caches, inputs: Array, targets: NDArray[Any]
    ) -> tuple[float, Array]:
        """Return the sum of the losses of what was gathered, and the outputs."""
        network, draws = self.model.network, None
        if self._draws:
            draws = Draws(self.model.config.train.seed, batch.epoch, batch.step, samples.start)
        outputs = network.forward(inputs, caches, draws)
        return network.loss.forward(outputs, targets, caches.loss), outputs

    def add_up(self, batch: Batch) -> None:
        """Add the shards' gradients of this shard's weights and measure them."""
        self.totals[self.number, 2] = self.update.add_up(self._slices, self._to_add(batch))

    def aim(self, batch: Batch) -> None:
        """Measure this shard's weights, and what moves them, for those of whole layers."""
        if math.isfinite(np.add.reduce(self.totals[:, 0])):
            self.update.aim(self.number, self._slices, batch, self._clipping_factor())

    def _clipping_factor(self) -> float:
        return self.update.optimizer.clipping_factor(float(self.totals[:, 2].sum()))

    def move(self, batch: Batch) -> None:
        """Update this shard's weights, unless the loss is not finite."""
        if not math.isfinite(np.add.reduce(self.totals[:, 0])):
            return
        update = self.update
        if update.looks_first:
            is_clipped = update.measures_layers  # before it was measured
            update.apply(self._slices, batch, 1.0 if is_clipped else self._clipping_factor())
            return
        update.add_up(self._slices, self._to_add(batch))
        update.apply(self._slices, batch)
        for weight, slices in zip(self.large, self._slices_of_large, strict=True):
            for columns in weight.differentiate(slices, len(batch.index)):
                update.apply([columns], batch)

    def _to_add(self, batch: Batch) -> int:
        """Return how many shards' gradients are to be added up: those that had samples."""
        return 1 if self._is_summed else min(self.count, len(batch.index))

    def update_running(self, batch_size: int) -> None:
        """Mix what the last step saw, of this batch size, into the running statistics."""
        for number, samples in enumerate(self.micro_batches(batch_size)):
            caches = self.workspace.caches(samples.stop - samples.start)
            if self.kept is not None:
                self.kept.bring_back(number, caches)
            self.model.network.update_running([caches])

    def kinks(self, batch_size: int) -> Sequence[NDArray[np.bool_]] | None:
        """Return on which side of its kinks the last step was; None where not all were kept."""
        if self.takes_micro_batches:
            return None
        own = split_evenly(batch_size, self.count, self.number)
        if own.start == own.stop:
            return []
        caches = self.workspace.caches(own.stop - own.start)
        pairs = zip(self.model.network.stages, caches.stages, strict=True)
        return [flags for stage, cache in pairs for flags in stage.layer.kinks(cache)]

    @property
    def takes_micro_batches(self) -> bool:
        """Return whether the largest shard is computed in micro-batches."""
        return self.gradients is not self.of_micro_batch


def normalises(network: Sequential) -> bool:
    """Return whether a layer works across the samples of a shard."""
    return any(layer.scope == "batch" for layer in network.layers)


def micro_batch_size(network: Sequential, shard: int, of_batch: int) -> int:
    """Return how many samples of a shard are computed at a time.

    Many samples make large matrix products, and few need little memory, of which a core's own
    cache holds more; a layer that works across samples needs all that its shard has of one batch.

    Args:
        network: what computes them.
        shard: samples of the largest shard of a step.
        of_batch: those that it has of one batch.
    """
    if normalises(network):
        return min(shard, of_batch)
    shapes = [shape for layer in network.layers for shape in layer.parameter_shapes.values()]
    if not any(len(shape) == 4 for shape in shapes):
        return min(shard, MOST_SAMPLES)
    fit = sizes.chosen()
    written = sum(stage.layer.activations() for stage in network.stages)
    samples = fit.micro_batch
    while samples > FEWEST_SAMPLES and samples * written > fit.micro_batch_block:
        samples //= 2
    return min(shard, samples)
