"""Residual blocks: what goes two ways comes back on both, however blocks are nested."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.model.model import build_network
from bpnet.nn.draws import Draws
from bpnet.nn.init import initialise
from bpnet.nn.layer import Array, Layer
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.memory import Memory, Room
from bpnet.nn.residual import End, Residual, link
from bpnet.nn.scale import Scale
from bpnet.nn.sequential import Sequential, Workspace
from tests.helpers.gradients import TOLERANCE, assert_close, projection_error
from tests.helpers.tiny import read_config

DRAWS = Draws(seed=5, epoch=0, step=0)
SHAPE = (2, 7, 10)
BLOCKS = {  # smooth, or with kinks that no direction here crosses
    "one": "residual, conv 2 kernel=3 padding=1, tanh, end",
    "first": "residual, scale 2, end, conv 3 kernel=3 stride=2 padding=1",
    "nested": "conv 3 kernel=3, residual, conv 3 kernel=3 padding=1, residual, tanh, end, end",
    "ends together": "residual, gelu, residual, conv 2 kernel=1, end, end, tanh",
    "begin together": "residual, residual, conv 2 kernel=1, end, gelu, end",
    "in a row": "residual, gelu, end, residual, conv 2 kernel=1, dropout 0.3, end",
    "normalised": "conv 4 kernel=3, residual, conv 4 kernel=1 bias=no, batchnorm, end, relu",
    "pooled": "maxpool 2, residual, conv 2 kernel=3 padding=1, relu, end, globalavgpool",
    "flat": "flatten, residual, dropout 0.2, linear 140, end",
    "without parameters": "flatten, residual, flatten, end, residual, residual, gelu, end, end",
}
every_block = pytest.mark.parametrize("name", BLOCKS)
either_way = pytest.mark.parametrize("fast", [True, False])


def network_of(text: str, dtype: str = "float64", *, fast: bool = True) -> Sequential:
    """Return a started network of these layers and a linear one."""
    flat = [] if "flat" in text or "global" in text else ["flatten"]
    lines = "".join(f"\n    {line}" for line in [*text.split(", "), *flat, "linear 3"])
    config = read_config(
        f"[data]\ndataset = idx\npath = p\n[model]\ndtype={dtype}\nlayers ={lines}"
    )
    network = build_network(config, SHAPE, 3, fast=fast)
    for layer in network.layers:
        initialise(layer, "he", np.random.default_rng(0))
    return network


def samples(batch: int, dtype: Any = np.float64) -> tuple[Array, NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(*SHAPE, batch)).astype(dtype), rng.integers(0, 3, batch)


def step(network: Sequential, workspace: Workspace, batch: int) -> dict[str, Array]:
    """Return copies of outputs, all gradients, and the input's."""
    x, labels = samples(batch, network.dtype)
    caches = workspace.caches(batch)
    outputs = network.forward(x, caches, DRAWS)
    network.loss.forward(outputs, labels, caches.loss)
    results = {"outputs": outputs.copy()}
    results["input"] = network.backward(
        network.loss.backward(outputs, caches.loss, batch), caches
    ).copy()
    assert workspace.gradients is not None
    return results | {name: view.copy() for name, view in workspace.gradients.views.items()}


# --- Gradients


@every_block
@either_way
@pytest.mark.parametrize("batch", [1, 5])
def test_gradients_match_central_differences(name: str, fast: bool, batch: int) -> None:
    network = network_of(BLOCKS[name], fast=fast)
    workspace = Workspace(network, 5, training=True, wants_input_gradient=True)
    caches, rng = workspace.caches(batch), np.random.default_rng(2)
    x, labels = samples(batch)
    results = step(network, workspace, batch)

    def mean() -> float:
        outputs = network.forward(x, caches, DRAWS)
        return network.loss.forward(outputs, labels, caches.loss) / batch

    errors = {"input": projection_error(mean, x, results["input"], rng)}
    for parameter, values in network.parameters.views.items():
        errors[parameter] = projection_error(mean, values, results[parameter], rng)
    assert max(errors.values()) <= TOLERANCE, errors


@every_block
def test_fast_and_plain_take_the_same_step_short_shards_included(name: str) -> None:
    fast, plain = (network_of(BLOCKS[name], fast=fast) for fast in (True, False))
    spaces = [
        Workspace(network, 6, training=True, wants_input_gradient=True) for network in (fast, plain)
    ]
    for batch in (6, 2, 6, 1):
        found, expected = (
            step(network, workspace, batch)
            for network, workspace in zip((fast, plain), spaces, strict=True)
        )
        assert_close(found, expected, 1e-11)


def test_what_comes_past_f_is_added_to_what_comes_through() -> None:
    """`y = x + c x`, so `∂x = (1 + c) δ`."""
    layers: list[Layer[Any]] = [Residual((4,)), Scale((4,), 3.0), End((4,))]
    network = Sequential(layers, CrossEntropy(4), "f8")
    workspace = Workspace(network, 3, training=True, wants_input_gradient=True)
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    caches = workspace.caches(3)
    np.testing.assert_array_equal(network.forward(x, caches), 3 * x + x)
    np.testing.assert_array_equal(network.backward(delta, caches), 3 * delta + delta)


def test_evaluation_adds_as_well() -> None:
    network = network_of(BLOCKS["nested"])
    x, _ = samples(4)
    training, evaluation = (
        network.forward(x, Workspace(network, 4, training=training).caches(4), DRAWS).copy()
        for training in (True, False)
    )
    np.testing.assert_allclose(training, evaluation, rtol=1e-12)


# --- Which `end` belongs to which `residual`


def test_every_end_closes_the_last_open_block() -> None:
    network = network_of("residual, residual, gelu, end, residual, tanh, end, end")
    layers = network.layers
    assert link(layers) == {0: 7, 1: 3, 4: 6}
    assert layers[0].formulas().backward == "∂x = δ + δ of 8.end"
    assert layers[3].formulas().forward == "y = F + output of 2.residual"


def test_an_end_alone_belongs_to_nothing() -> None:
    layers: list[Layer[Any]] = [Scale((2,), 2.0), End((2,))]
    assert link(layers) == {}


def test_no_block_stays_open_in_the_memory_of_another_size() -> None:
    memory = Memory(np.float64, training=True)
    for batch in (3, 2):
        memory.rewind()
        Residual((2,)).allocate(Room(batch, memory))
        assert len(memory.open) == 1
