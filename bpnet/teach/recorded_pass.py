"""Send a batch forward and back through a network, and keep every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array, Memory
from bpnet.nn.loss import Loss
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.sequential import Caches, Sequential, Workspace
from bpnet.teach.jacobian import LayerCall, sample_first


@dataclass(frozen=True)
class RecordedPass:
    """Hold what one forward and one backward pass computed; arrays have the sample first.

    Args:
        inputs: (samples, *input_shape).
        outputs: of each layer (samples, *output_shape).
        targets: what the loss compares with (samples, outputs): classes as one-hot rows, smoothed.
        losses: of each sample (samples,).
        loss: their mean, C.
        grad_outputs: ∂C/∂output of each layer, in forward order.
        grad_inputs: ∂C/∂input of each layer; the first is that of the network's inputs.
        gradients: ∂C/∂w of all parameters.
        calls: each layer with its input, valid until the weights change.
    """

    inputs: Array
    outputs: tuple[Array, ...]
    targets: Array
    losses: Array
    loss: float
    grad_outputs: tuple[Array, ...]
    grad_inputs: tuple[Array, ...]
    gradients: FlatArrays
    calls: tuple[LayerCall, ...]


def record_pass(
    network: Sequential,
    workspace: Workspace,
    inputs: Array,
    targets: NDArray[Any],
    rng: np.random.Generator | None,
) -> RecordedPass:
    """Run forward, loss and backward over a batch.

    Args:
        network: built of plain layers.
        workspace: made for training, with the gradient of the inputs.
        inputs: (*input_shape, batch).
        targets: class numbers (batch,) or numbers (batch, outputs).
        rng: what layers that draw take their numbers from, in layer order.
    """
    assert workspace.gradients is not None
    samples = len(targets)
    caches = workspace.caches(samples)
    values = forward(network, inputs, caches, rng)
    loss = network.loss.forward(values[-1], targets, caches.loss) / samples
    compared = sample_first(caches.loss.targets)
    grads = backward(network, network.loss.backward(values[-1], caches.loss, samples), caches)
    gradients = workspace.gradients.like()
    gradients.flat[...] = workspace.gradients.flat
    calls = (
        LayerCall(layer, x, cache, workspace.gradients.of_layer(position))
        for position, (layer, x, cache) in enumerate(
            zip(network.layers, values[:-1], caches.stages, strict=True), start=1
        )
    )
    values_first, grads_first = (tuple(map(sample_first, arrays)) for arrays in (values, grads))
    return RecordedPass(
        inputs=values_first[0],
        outputs=values_first[1:],
        targets=compared,
        losses=losses(network.loss, values[-1], targets),
        loss=loss,
        grad_outputs=grads_first[1:],
        grad_inputs=grads_first[:-1],
        gradients=gradients,
        calls=tuple(calls),
    )


def forward(
    network: Sequential, inputs: Array, caches: Caches, rng: np.random.Generator | None
) -> list[Array]:
    """Return copies of the inputs and of every layer's output: `a^l = f^l(a^{l−1})`."""
    values = [inputs.copy()]
    for layer, cache in zip(network.layers, caches.stages, strict=True):
        if layer.draws:
            cache.rng = rng
        values.append(layer.forward(values[-1], cache).copy())
    return values


def backward(network: Sequential, grad_output: Array, caches: Caches) -> Sequence[Array]:
    """Return copies of ∂C/∂input of every layer, and of ∂C/∂output of the last, in that order."""
    grads = [grad_output.copy()]
    for layer, cache in zip(reversed(network.layers), reversed(caches.stages), strict=True):
        grads.append(layer.backward(grads[-1], cache).copy())
    return grads[::-1]


def losses(loss: Loss, outputs: Array, targets: NDArray[Any]) -> Array:
    """Return the loss of each sample by itself (batch,)."""
    cache = loss.allocate(1, Memory(outputs.dtype, training=True))
    columns = np.hsplit(outputs, len(targets))
    rows = np.split(targets, len(targets))
    pairs = zip(columns, rows, strict=True)
    return np.array([loss.forward(column, row, cache) for column, row in pairs])
