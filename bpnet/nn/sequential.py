"""Chain layers: forward from the first to the last, backward from the last to the first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bpnet.nn.fuse import Stage, fast_stages, plain_stages
from bpnet.nn.layer import Array, Layer, Memory, Shape
from bpnet.nn.loss import Loss, LossCache
from bpnet.nn.norm import BatchNorm
from bpnet.nn.parameters import FlatArrays


@dataclass(frozen=True, slots=True)
class Caches:
    """Hold one cache per stage, and the loss's, for calls with one number of samples.

    Args:
        inputs: where the caller may write its inputs (*input_shape, batch).
        stages: one cache per stage.
        loss: the loss's cache.
        first: number of the first stage that backward reaches.
    """

    inputs: Array
    stages: list[Any]
    loss: LossCache
    first: int


class Sequential:
    """Apply layers one after the other: `a^l = f^l(a^{l−1})`, and the chain rule backwards.

    Args:
        layers: in forward order; each takes the shape that the one before gives.
        loss: what training makes small.
        dtype: element type of parameters and activations.
        fast: whether neighbouring layers may be computed in one go; else each is by itself.
    """

    def __init__(
        self, layers: Sequence[Layer[Any]], loss: Loss, dtype: DTypeLike, *, fast: bool = True
    ) -> None:
        self.layers = list(layers)
        self.stages: list[Stage] = (fast_stages if fast else plain_stages)(self.layers)
        self.loss = loss
        parameters: dict[str, Shape] = {}
        state: dict[str, Shape] = {}
        for position, layer in enumerate(self.layers, start=1):
            layer.name = f"{position}.{layer.kind}"
            for role, shape in layer.parameter_shapes.items():
                parameters[f"{position}.{role}"] = shape
            for role, shape in layer.state_shapes.items():
                state[f"{position}.{role}"] = shape
        self.parameters = FlatArrays(parameters, dtype)
        self.state = FlatArrays(state, dtype)
        for position, layer in enumerate(self.layers, start=1):
            layer.bind(self.parameters.of_layer(position), self.state.of_layer(position))
            for role, value in layer.initial_state().items():
                self.state.views[f"{position}.{role}"].fill(value)
        for stage in self.stages:
            position = stage.position + 1
            names = [layer.name for layer in self.layers[stage.position :][: stage.count]]
            stage.layer.name = " + ".join(names)
            stage.layer.bind(self.parameters.of_layer(position), self.state.of_layer(position))

    @property
    def input_shape(self) -> Shape:
        """Return the shape of one input sample."""
        return self.layers[0].input_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the element type of parameters and activations."""
        return self.parameters.flat.dtype

    def forward(
        self, inputs: Array, caches: Caches, rng: np.random.Generator | None = None
    ) -> Array:
        """Return the outputs (outputs, batch), valid until the next call with these caches.

        Args:
            inputs: (*input_shape, batch).
            caches: one per stage.
            rng: what layers that draw take their numbers from, in layer order.
        """
        x = inputs
        for stage, cache in zip(self.stages, caches.stages, strict=True):
            if stage.layer.draws:
                cache.rng = rng
            x = stage.layer.forward(x, cache)
        return x

    def backward(self, grad_output: Array, caches: Caches) -> Array:
        """Apply the chain rule from the last stage back to the first that has parameters.

        Returns:
            The input's gradient (*input_shape, batch), where the caches were made for it.
        """
        grad = grad_output
        for number in reversed(range(caches.first, len(self.stages))):
            grad = self.stages[number].layer.backward(grad, caches.stages[number])
        return grad

    def update_running(self, shards: Sequence[Caches]) -> None:
        """Mix the statistics of all shards into the running ones, in shard order."""
        for number, stage in enumerate(self.stages):
            if isinstance(stage.layer, BatchNorm):
                for caches in shards:
                    stage.layer.update_running(caches.stages[number])


class Workspace:
    """Hold everything that one shard writes: activations, caches and its flat gradient.

    Args:
        network: the layers.
        max_batch: samples of the largest call.
        training: whether backward will be called.
        needs_grad_input: whether the gradient of the network's input is wanted as well.
        memory: where arrays come from; workspaces that are never used at once may share one.
        without: names of weights whose gradient somebody else computes.
    """

    def __init__(
        self,
        network: Sequential,
        max_batch: int,
        *,
        training: bool,
        needs_grad_input: bool = False,
        memory: Memory | None = None,
        without: Collection[str] = (),
    ) -> None:
        self.network = network
        self.max_batch = max_batch
        self.needs_grad_input = needs_grad_input
        self.gradients = network.parameters.like() if training else None
        self._without = without
        self._memory = memory or Memory(network.dtype, training=training)
        self._caches: dict[int, Caches] = {}
        self.caches(max_batch)

    def caches(self, batch: int) -> Caches:
        """Return the caches for calls with `batch` samples, made at the first such call."""
        if batch not in self._caches:
            assert batch <= self.max_batch, "a workspace holds no more than its largest batch"
            self._memory.rewind()
            self._caches[batch] = self._allocate(batch)
        return self._caches[batch]

    def _allocate(self, batch: int) -> Caches:
        stages = self.network.stages
        trained = [number for number, stage in enumerate(stages) if stage.layer.parameter_shapes]
        first = 0 if self.needs_grad_input or not trained else trained[0]
        inputs = self._memory.array(*self.network.input_shape, batch)
        caches = [
            stage.layer.allocate(
                batch,
                self._memory,
                self._gradients_of(stage),
                needs_grad_input=self.gradients is not None
                and (number > first or self.needs_grad_input),
            )
            for number, stage in enumerate(stages)
        ]
        if self.gradients is not None:
            self._share_memory(caches, first)
        return Caches(inputs, caches, self.network.loss.allocate(batch, self._memory), first)

    def _gradients_of(self, stage: Stage) -> dict[str, Array]:
        """Return where a stage writes the gradients of its parameters, by role."""
        if self.gradients is None:
            return {}
        position = stage.position + 1
        gradients = self.gradients.of_layer(position)
        return {
            role: g for role, g in gradients.items() if f"{position}.{role}" not in self._without
        }

    def _share_memory(self, caches: list[Any], first: int) -> None:
        """Let gradients take the place of activations that nobody reads in backward.

        What was reserved for them is never touched, and so takes no memory.
        """
        layers = [stage.layer for stage in self.network.stages]
        for number in range(first + 1, len(layers)):
            if layers[number - 1].forgets and layers[number].forgets:
                caches[number].grad_input = caches[number - 1].output
