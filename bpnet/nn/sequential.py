"""Chain layers: forward from the first to the last, backward from the last to the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bpnet.nn.layer import Array, Layer, Memory, Shape
from bpnet.nn.loss import Loss, LossCache
from bpnet.nn.norm import BatchNorm
from bpnet.nn.parameters import FlatArrays


@dataclass(frozen=True, slots=True)
class Caches:
    """Hold one cache per layer, and the loss's, for calls with one number of samples.

    Args:
        inputs: where the caller may write its inputs (*input_shape, batch).
        layers: one cache per layer.
        loss: the loss's cache.
        first: position of the first layer that backward reaches.
    """

    inputs: Array
    layers: list[Any]
    loss: LossCache
    first: int


class Sequential:
    """Apply layers one after the other: `a^l = f^l(a^{l−1})`, and the chain rule backwards.

    Args:
        layers: in forward order; each takes the shape that the one before gives.
        loss: what training makes small.
        dtype: element type of parameters and activations.
    """

    def __init__(self, layers: Sequence[Layer[Any]], loss: Loss, dtype: DTypeLike) -> None:
        self.layers = list(layers)
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
            caches: one per layer.
            rng: what layers that draw take their numbers from, in layer order.
        """
        x = inputs
        for layer, cache in zip(self.layers, caches.layers, strict=True):
            if layer.draws:
                cache.rng = rng
            x = layer.forward(x, cache)
        return x

    def backward(self, grad_output: Array, caches: Caches) -> Array:
        """Apply the chain rule from the last layer back to the first that has parameters.

        Returns:
            The input's gradient (*input_shape, batch), where the caches were made for it.
        """
        grad = grad_output
        for position in reversed(range(caches.first, len(self.layers))):
            grad = self.layers[position].backward(grad, caches.layers[position])
        return grad

    def update_running(self, shards: Sequence[Caches]) -> None:
        """Mix the statistics of all shards into the running ones, in shard order."""
        for position, layer in enumerate(self.layers):
            if isinstance(layer, BatchNorm):
                for caches in shards:
                    layer.update_running(caches.layers[position])


class Workspace:
    """Hold everything that one shard writes: activations, caches and its flat gradient.

    Args:
        network: the layers.
        max_batch: samples of the largest call.
        training: whether backward will be called.
        needs_grad_input: whether the gradient of the network's input is wanted as well.
    """

    def __init__(
        self,
        network: Sequential,
        max_batch: int,
        *,
        training: bool,
        needs_grad_input: bool = False,
    ) -> None:
        self.network = network
        self.max_batch = max_batch
        self.needs_grad_input = needs_grad_input
        self.gradients = network.parameters.like() if training else None
        self._memory = Memory(network.dtype, training=training)
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
        layers = self.network.layers
        trained = [index for index, layer in enumerate(layers) if layer.parameter_shapes]
        first = 0 if self.needs_grad_input or not trained else trained[0]
        inputs = self._memory.array(*self.network.input_shape, batch)
        caches = [
            layer.allocate(
                batch,
                self._memory,
                self.gradients.of_layer(index + 1) if self.gradients else {},
                needs_grad_input=self.gradients is not None
                and (index > first or self.needs_grad_input),
            )
            for index, layer in enumerate(layers)
        ]
        return Caches(inputs, caches, self.network.loss.allocate(batch, self._memory), first)
