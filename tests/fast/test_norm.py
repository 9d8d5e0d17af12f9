"""Batch normalisation with the end of a block and ReLU: the same as layer by layer."""

from typing import Any

import numpy as np
import pytest

from bpnet.fast.norm import FusedNorm, channel_blocks
from bpnet.fast.stages import fast_stages
from bpnet.nn.activation import ReLU
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array, Layer
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.norm import BatchNorm
from bpnet.nn.reshape import Flatten
from bpnet.nn.residual import End, Residual
from bpnet.nn.sequential import Sequential, Workspace
from tests.helpers.fitting import fit
from tests.helpers.gradients import assert_close

SHAPE = (6, 4, 5)


def block(adds: bool, relu: bool) -> list[Layer[Any]]:
    """Return a normalisation, with what may follow it, between two convolutions."""
    layers: list[Layer[Any]] = [Conv(SHAPE, 6, 3, padding=1, bias=False)]
    layers += [Residual(SHAPE)] if adds else []
    layers += [Conv(SHAPE, 6, 3, padding=1, bias=False), BatchNorm(SHAPE)]
    layers += [End(SHAPE)] if adds else []
    layers += [ReLU(SHAPE)] if relu else []
    return [*layers, Conv(SHAPE, 2, 3), Flatten((2, 2, 3))]


def steps(layers: list[Layer[Any]], dtype: str, *, fast: bool) -> list[dict[str, Array]]:
    """Return outputs, gradients and running statistics of steps of several sizes."""
    stages = fast_stages(layers) if fast else None
    network = Sequential(layers, CrossEntropy(12), dtype, stages)
    rng = np.random.default_rng(1)
    network.parameters.flat[:] = rng.normal(size=network.parameters.flat.size)
    workspace = Workspace(network, 6, training=True, wants_input_gradient=True)
    assert workspace.gradients is not None
    results = []
    for batch in (6, 1, 4, 6):
        x, delta = rng.normal(size=(*SHAPE, batch)), rng.normal(size=(12, batch))
        caches = workspace.caches(batch)
        found = {"outputs": network.forward(x.astype(dtype), caches).copy()}
        found["input"] = network.backward(delta.astype(dtype), caches).copy()
        found |= {name: view.copy() for name, view in workspace.gradients.views.items()}
        network.update_running([caches])
        found |= {name: view.copy() for name, view in network.state.views.items()}
        evaluation = Workspace(network, batch, training=False).caches(batch)
        found["evaluation"] = network.forward(x.astype(dtype), evaluation).copy()
        results.append(found)
    return results


@pytest.mark.parametrize("adds", [True, False])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-11), ("f4", 2e-4)])
@pytest.mark.parametrize("together", [1, 2**15])
def test_the_fused_layer_is_the_layers_one_by_one(
    adds: bool,
    relu: bool,
    dtype: str,
    tolerance: float,
    together: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit(monkeypatch, norm_block=together)
    fast, plain = (steps(block(adds, relu), dtype, fast=fast) for fast in (True, False))
    for found, expected in zip(fast, plain, strict=True):
        assert_close(found, expected, tolerance)


def test_gradients_take_the_place_of_what_no_backward_reads() -> None:
    layers = block(adds=False, relu=True)
    network = Sequential(layers, CrossEntropy(12), "f4", fast_stages(layers))
    before, between, norm, after, _ = Workspace(network, 3, training=True).caches(3).stages
    assert isinstance(network.stages[2].layer, FusedNorm)
    assert between.grad_input is before.output
    assert norm.grad_input is between.output
    assert after.grad_input is norm.output


@pytest.mark.parametrize(
    ("channels", "count", "sizes"),
    [(1, 10, [1]), (6, 10, [2, 2, 2]), (7, 10, [2, 2, 2, 1]), (6, 100, [1] * 6), (4, 1, [4])],
)
def test_channels_are_computed_as_many_as_fit(
    channels: int, count: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(monkeypatch, norm_block=20)
    blocks = channel_blocks(channels, count)
    assert [block.stop - block.start for block in blocks] == sizes
    assert (blocks[0].start, blocks[-1].stop) == (0, channels)
