"""Keep every number of a pass through a network, forward and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array
from bpnet.nn.loss import Loss
from bpnet.nn.memory import Memory, Room
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import Workspace
from bpnet.nn.stage import Visitor
from bpnet.teach.trace.jacobian import LayerCall, sample_first


@dataclass(frozen=True)
class RecordedPass:
    """Hold what one forward and one backward pass computed; arrays have the sample first.

    A batch is shuffled, and its sums are those of that order. What is shown of its samples stands
    in the data set's order instead: in all arrays here, and in what is made of them.

    Args:
        order: places in the batch of the samples as they are shown.
        inputs: (samples, *input_shape).
        outputs: of each layer (samples, *output_shape).
        targets: what the loss compares with (samples, outputs): classes as one-hot rows, smoothed.
        losses: of each sample (samples,).
        loss: their mean, C.
        grad_outputs: ∂C/∂output of each layer, in forward order.
        grad_inputs: ∂C/∂input of each layer; the first is that of the network's inputs.
        gradients: ∂C/∂w of all parameters.
        calls: each layer with its input, the batch in its own order, valid until the weights
            change.
    """

    order: NDArray[np.int64]
    inputs: Array
    outputs: tuple[Array, ...]
    targets: Array
    losses: Array
    loss: float
    grad_outputs: tuple[Array, ...]
    grad_inputs: tuple[Array, ...]
    gradients: FlatArrays
    calls: tuple[LayerCall, ...]


class Recorder(Visitor):
    """Copy what every stage of a plain network returns, and all gradients.

    The gradients of the parameters are complete when the first stage has returned its input's: so
    they are copied before any update.

    Args:
        workspace: made for training, with the gradient of the inputs.
        inputs: of the pass (*input_shape, batch).
    """

    def __init__(self, workspace: Workspace, inputs: Array) -> None:
        self.workspace = workspace
        self.values = [inputs.copy()]
        self.grad_inputs: list[Array] = []
        self.gradients = workspace.network.parameters.like()

    def output(self, stage: int, output: Array) -> None:
        """Copy the output of a stage."""
        self.values.append(output.copy())

    def grad_input(self, stage: int, gradient: Array) -> None:
        """Copy the gradient of what came into a stage."""
        self.grad_inputs.insert(0, gradient.copy())
        if stage == 0:
            assert self.workspace.gradients is not None
            self.gradients.flat[...] = self.workspace.gradients.flat

    def recorded(
        self, index: NDArray[np.int64], targets: NDArray[Any], loss: float
    ) -> RecordedPass:
        """Return the pass.

        Args:
            index: numbers of the samples (batch,).
            targets: class numbers (batch,) or numbers (batch, outputs).
            loss: mean over the samples.
        """
        order = np.argsort(index)
        network, caches = self.workspace.network, self.workspace.caches(len(targets))
        assert self.workspace.gradients is not None
        calls = [
            LayerCall(layer, x, cache, self.workspace.gradients.of_layer(layer.position))
            for layer, x, cache in zip(network.layers, self.values[:-1], caches.stages, strict=True)
        ]
        grads = [*self.grad_inputs, caches.loss.grad_output]
        values_first, grads_first = (
            tuple(sample_first(array)[order] for array in arrays) for arrays in (self.values, grads)
        )
        return RecordedPass(
            order=order,
            inputs=values_first[0],
            outputs=values_first[1:],
            targets=sample_first(caches.loss.targets)[order],
            losses=losses(network.loss, self.values[-1], targets)[order],
            loss=loss,
            grad_outputs=grads_first[1:],
            grad_inputs=grads_first[:-1],
            gradients=self.gradients,
            calls=tuple(calls),
        )


def losses(loss: Loss, outputs: Array, targets: NDArray[Any]) -> Array:
    """Return the loss of each sample on its own (batch,)."""
    cache = loss.allocate(Room(1, Memory(outputs.dtype, training=True)))
    columns = np.hsplit(outputs, len(targets))
    rows = np.split(targets, len(targets))
    pairs = zip(columns, rows, strict=True)
    return np.array([loss.forward(column, row, cache) for column, row in pairs])
