"""Memory that serves twice: gradients over activations, and shards that one worker computes."""

from typing import Any

import numpy as np
import pytest

from bpnet.fast.stages import fast_stages
from bpnet.nn.activation import ReLU, Sigmoid
from bpnet.nn.conv import Conv
from bpnet.nn.dropout import Dropout
from bpnet.nn.layer import Layer
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.memory import Memory
from bpnet.nn.reshape import Flatten
from bpnet.nn.sequential import Sequential, Workspace
from tests.helpers.fitting import fit
from tests.nn.test_sequential import gradients_of, samples, started, step


def two_convolutions(between: type[ReLU] | type[Sigmoid]) -> Sequential:
    """Build two convolutions; a ReLU belongs to the first, a sigmoid stands between them."""
    layers: list[Layer[Any]] = [Conv((1, 9, 9), 4, 3), between((4, 7, 7)), Conv((4, 7, 7), 3, 3)]
    layers += [Dropout((3, 5, 5), 0.3), Flatten((3, 5, 5)), Linear((75,), 3)]
    return started(Sequential(layers, CrossEntropy(3), np.float64, fast_stages(layers)))


def test_a_gradient_takes_the_place_of_an_activation_that_nobody_reads() -> None:
    first, second, dropout, *_ = (
        Workspace(two_convolutions(ReLU), 4, training=True).caches(4).stages
    )
    assert second.grad_input is first.output
    assert dropout.grad_input is second.output


def test_a_gradient_takes_the_place_of_an_input_that_is_mapped_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers: list[Layer[Any]] = [Conv((1, 10, 10), 16, 3), ReLU((16, 8, 8))]
    layers += [Conv((16, 8, 8), 16, 3, padding=1), Conv((16, 8, 8), 16, 3), Flatten((16, 6, 6))]
    layers += [Linear((576,), 3)]
    found = []
    for kept in (0, 10**9):
        fit(monkeypatch, winograd_kept=kept)
        stages = fast_stages(layers)
        network = started(Sequential(layers, CrossEntropy(3), np.float64, stages))
        workspace = Workspace(network, 4, training=True)
        for batch in (4, 3, 4):
            step(network, workspace.caches(batch), *samples(network, batch, 0), 4)
            found.append(gradients_of(workspace).flat.copy())
        caches = workspace.caches(4).stages
        assert caches[1].grad_input is caches[0].output
        assert caches[1].keeps_inputs == caches[2].keeps_inputs == (kept > 0)
    for again, expected in zip(found[:3], found[3:], strict=True):
        np.testing.assert_array_equal(again, expected)


def test_a_sigmoid_keeps_the_output_that_its_gradient_needs() -> None:
    first, sigmoid, second, *_ = (
        Workspace(two_convolutions(Sigmoid), 4, training=True).caches(4).stages
    )
    assert not np.shares_memory(second.grad_input, sigmoid.output)
    assert not np.shares_memory(sigmoid.grad_input, first.output)


def test_workspaces_that_take_turns_may_share_their_memory() -> None:
    network = two_convolutions(ReLU)
    memory = Memory(network.dtype, training=True)
    shared = [Workspace(network, 4, training=True, memory=memory) for _ in range(2)]
    apart = [Workspace(network, 4, training=True) for _ in range(2)]
    for batch in (4, 3, 4):
        for seed, pair in enumerate(zip(shared, apart, strict=True)):
            x, labels = samples(network, batch, seed)
            for workspace in pair:
                step(network, workspace.caches(batch), x, labels, 8)
        for one, other in zip(shared, apart, strict=True):
            np.testing.assert_array_equal(gradients_of(one).flat, gradients_of(other).flat)
    outputs = [workspace.caches(4).stages[0].output for workspace in shared]
    assert np.shares_memory(*outputs)
