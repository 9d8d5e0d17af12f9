"""Chain layers: forward from the first to the last, backward from the last to the first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from bpnet.nn.layer import Array, Layer, Shape
from bpnet.nn.loss import Loss, LossCache
from bpnet.nn.memory import Memory, Room
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.stage import Stage, Visitor, demand_memory

if TYPE_CHECKING:
    from bpnet.nn.draws import Draws


@dataclass(frozen=True, slots=True, eq=False)
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
        stages: what computes the layers; by default each layer itself, as the textbook has it.
    """

    def __init__(
        self,
        layers: Sequence[Layer[Any]],
        loss: Loss,
        dtype: DTypeLike,
        stages: Sequence[Stage] | None = None,
    ) -> None:
        self.layers = list(layers)
        self.stages = list(stages or map(Stage, self.layers, range(len(self.layers))))
        self.loss = loss
        for position, layer in enumerate(self.layers, start=1):
            layer.position, layer.name = position, f"{position}.{layer.kind}"
        for stage in self.stages:
            covered = self.layers[stage.position : stage.position + stage.count]
            stage.layer.position = stage.position + 1
            stage.layer.name = " + ".join(layer.name for layer in covered)
        parameters, state = named_shapes(self.layers)
        self.parameters = FlatArrays(parameters, dtype)
        self.state = FlatArrays(state, dtype)
        for layer in [*self.layers, *(stage.layer for stage in self.stages)]:
            of_layer = self.state.of_layer(layer.position)
            layer.bind(self.parameters.of_layer(layer.position), of_layer)
            for role, value in layer.initial_state().items():
                of_layer[role].fill(value)

    @property
    def input_shape(self) -> Shape:
        """Return the shape of one input sample."""
        return self.layers[0].input_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the element type of parameters and activations."""
        return self.parameters.flat.dtype

    def forward(
        self,
        inputs: Array,
        caches: Caches,
        draws: Draws | None = None,
        visitor: Visitor | None = None,
        first: int = 0,
    ) -> Array:
        """Return the outputs (outputs, batch), valid until the next call with these caches.

        Args:
            inputs: what comes into the first stage (*input_shape, batch).
            caches: one per stage.
            draws: where layers that draw take their random numbers from.
            visitor: is shown the output of every stage.
            first: number of the first stage; those before it are not run.
        """
        chain = [stage.layer for stage in self.stages[first:]]
        return forward_through(chain, caches.stages[first:], inputs, draws, visitor, first)

    def backward(self, grad_output: Array, caches: Caches, visitor: Visitor | None = None) -> Array:
        """Apply the chain rule from the last stage back to the first that has parameters.

        Args:
            grad_output: gradient of the outputs (outputs, batch).
            caches: of the last forward pass.
            visitor: is shown the gradient of the input of every stage.

        Returns:
            The input's gradient (*input_shape, batch), where the caches were made for it.
        """
        first = caches.first
        chain = [stage.layer for stage in self.stages[first:]]
        return backward_through(chain, caches.stages[first:], grad_output, visitor, first)

    def update_running(self, shards: Sequence[Caches]) -> None:
        """Mix the statistics of all shards into the running ones, in shard order."""
        for number, stage in enumerate(self.stages):
            if stage.layer.state_shapes:
                for caches in shards:
                    stage.layer.update_running(caches.stages[number])


def named_shapes(layers: Sequence[Layer[Any]]) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Return the shapes of all parameters and of all running statistics, as `1.weight`."""
    parameters: dict[str, Shape] = {}
    state: dict[str, Shape] = {}
    for position, layer in enumerate(layers, start=1):
        for role, shape in layer.parameter_shapes.items():
            parameters[f"{position}.{role}"] = shape
        for role, shape in layer.state_shapes.items():
            state[f"{position}.{role}"] = shape
    return parameters, state


def forward_through(
    layers: Sequence[Layer[Any]],
    caches: Sequence[Any],
    x: Array,
    draws: Draws | None = None,
    visitor: Visitor | None = None,
    first: int = 0,
) -> Array:
    """Return what comes out of layers in a row; a visitor counts them from `first`."""
    for number, (layer, cache) in enumerate(zip(layers, caches, strict=True), start=first):
        if layer.draws:
            cache.draws = draws
        x = layer.forward(x, cache)
        if visitor is not None:
            visitor.output(number, x)
    return x


def backward_through(
    layers: Sequence[Layer[Any]],
    caches: Sequence[Any],
    grad: Array,
    visitor: Visitor | None = None,
    first: int = 0,
) -> Array:
    """Return the gradient of what came into layers in a row; a visitor counts them from `first`."""
    for number in reversed(range(len(layers))):
        grad = layers[number].backward(grad, caches[number])
        if visitor is not None:
            visitor.grad_input(first + number, grad)
    return grad


class Workspace:
    """Hold everything that one shard writes: activations, caches and its flat gradient.

    Args:
        network: the layers.
        max_batch: samples of the largest call; a ConfigError where no memory can hold them.
        training: whether backward will be called.
        wants_input_gradient: whether the gradient of the network's input is wanted as well.
        memory: where arrays come from; workspaces that are never used at the same time may
            use the same.
        without: names of weights whose gradient is computed elsewhere.
    """

    def __init__(
        self,
        network: Sequential,
        max_batch: int,
        *,
        training: bool,
        wants_input_gradient: bool = False,
        memory: Memory | None = None,
        without: Collection[str] = (),
    ) -> None:
        demand_memory(network.stages, max_batch, network.dtype.itemsize)
        self.network = network
        self.max_batch = max_batch
        self.wants_input_gradient = wants_input_gradient
        self.gradients = network.parameters.like() if training else None
        self._without = without
        self._memory = memory or Memory(network.dtype, training=training)
        self._caches: dict[int, Caches] = {}
        self.caches(max_batch)

    def caches(self, batch: int) -> Caches:
        """Return the caches for calls with `batch` samples, made at the first such call."""
        if batch not in self._caches:
            assert batch <= self.max_batch, "a workspace holds no more than its largest batch"
            self._caches[batch] = self._allocate(batch)
            if self._memory.grow_scratch():  # now that it is known how much layers want
                self._caches[batch] = self._allocate(batch)
        return self._caches[batch]

    def _allocate(self, batch: int) -> Caches:
        self._memory.rewind()
        stages = self.network.stages
        trained = [number for number, stage in enumerate(stages) if stage.layer.parameter_shapes]
        first = 0 if self.wants_input_gradient or not trained else trained[0]
        inputs = self._memory.array(*self.network.input_shape, batch)
        caches: list[Any] = []
        for number, stage in enumerate(stages):
            is_reached = number > first or self.wants_input_gradient
            wanted = self.gradients is not None and is_reached
            room = Room(batch, self._memory, self._gradients_of(stage), wanted)
            self._memory.scratch_used = 0
            caches.append(stage.layer.allocate(room))
            if stage.overwrites_input and number > first and self.gradients is not None:
                # What was reserved for it is never touched, and so takes no memory.
                caches[number].grad_input = caches[number - 1].output
        loss = self.network.loss.allocate(Room(batch, self._memory))
        return Caches(inputs, caches, loss, first)

    def _gradients_of(self, stage: Stage) -> dict[str, Array]:
        """Return where a stage writes the gradients of its parameters, by role."""
        if self.gradients is None:
            return {}
        position = stage.position + 1
        return {
            role: gradient
            for role, gradient in self.gradients.of_layer(position).items()
            if f"{position}.{role}" not in self._without
        }
