"""One training step as the textbooks tell it: forward, loss, backward, update.

The folder `step/` does the same with several shards, in several processes; a test holds the step of
its engine equal to this one.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.nn.stage import Visitor
from bpnet.training.optimizer import Optimizer


def step(
    network: Sequential,
    workspace: Workspace,
    optimizer: Optimizer,
    inputs: Array,
    targets: NDArray[Any],
    learning_rate: float,
    draws: Draws | None = None,
    visitor: Visitor | None = None,
) -> float:
    """Take one step of gradient descent and return the batch's mean loss.

    Args:
        network: its parameters are moved.
        workspace: the network's, made for training; its gradients are overwritten.
        optimizer: of the network's parameters.
        inputs: (*input_shape, batch).
        targets: class numbers (batch,) or numbers (batch, outputs).
        learning_rate: η.
        draws: where dropout takes its random numbers from.
        visitor: is shown every output and every gradient.
    """
    assert workspace.gradients is not None, "a workspace that is made for training"
    samples = len(targets)
    caches = workspace.caches(samples)

    outputs = network.forward(inputs, caches, draws, visitor)
    loss = network.loss.forward(outputs, targets, caches.loss) / samples
    grad_outputs = network.loss.backward(outputs, caches.loss, samples)
    network.backward(grad_outputs, caches, visitor)
    optimizer.step(workspace.gradients, learning_rate)

    network.update_running([caches])  # what batch normalisation will use in evaluation
    return loss
