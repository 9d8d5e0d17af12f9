"""Programs against the plain layers, in float64: the same outputs from fewer calls."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.layer_lines import read_layer
from bpnet.config.network import build_layer
from bpnet.fast.inference import program as programs
from bpnet.fast.inference.program import Program, can_plan
from bpnet.nn.layer import Array, Layer
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.residual import link
from bpnet.nn.sequential import Sequential, Workspace

PICTURE = (2, 9, 8)
TOLERANCE = 1e-12  # of the largest output, in float64
SCALE, OFFSET = 0.37, -0.9  # as of normalised inputs
PLANNED = [
    "flatten, linear 5, relu, linear 3",
    "flatten, linear 5 bias=no, relu, dropout 0.5, linear 3 bias=no, gelu",
    "conv 4 kernel=3, relu, maxpool 2, flatten, linear 3",
    "conv 20 kernel=3, maxpool 2, relu, conv 3 kernel=2, flatten, linear 3",
    "conv 4 kernel=3 padding=1, maxpool 2, conv 5 kernel=3 stride=2 padding=1, flatten, linear 3",
    "conv 4 kernel=3 padding=1 bias=no, batchnorm, relu, flatten, tanh, relu, linear 3",
    "conv 4 kernel=3 padding=2, maxpool 3 stride=2 padding=1, relu, flatten, linear 3",
    "maxpool 2, relu, conv 9 kernel=3 padding=1, conv 3 kernel=2, flatten, linear 3",
    "relu, avgpool 2, avgpool 3 stride=1 padding=1, sigmoid, flatten, linear 3",
    "scale -2, conv 4 kernel=3, globalavgpool, relu, linear 3",
    "conv 2 kernel=3 padding=1, residual, relu, conv 2 kernel=3 padding=1, end, flatten, linear 3",
    "residual, batchnorm, relu, conv 2 kernel=1, residual, relu, end, end, globalavgpool, linear 3",
]
LEFT = [
    "conv 4 kernel=3, flatten",  # outputs would lie in another order
    "conv 4 kernel=3, flatten, batchnorm, linear 3",
    "flatten, linear 3, softmax, linear 3",
]


def network_of(text: str, shape: tuple[int, ...] = PICTURE, dtype: str = "f8") -> Sequential:
    """Chain layers, which commas part, as if they had been trained."""
    layers: list[Layer[Any]] = []
    before = shape
    for line in text.split(", "):
        layers.append(build_layer(read_layer(line), before))
        before = layers[-1].output_shape
    link(layers)
    network = Sequential(layers, CrossEntropy(3), dtype)
    rng = np.random.default_rng(0)
    for arrays in (network.parameters, network.state):
        arrays.flat[:] = rng.normal(0, 0.5, arrays.flat.size)
    for name, view in network.state.views.items():
        if name.endswith("variance"):
            np.exp(view, out=view)
    return network


def outputs_of(network: Sequential, samples: NDArray[Any]) -> Array:
    """Return the outputs (batch, outputs) of the layers themselves."""
    inputs = np.ascontiguousarray(np.moveaxis(SCALE * samples + OFFSET, 0, -1))
    caches = Workspace(network, len(samples), training=False).caches(len(samples))
    return network.forward(inputs, caches).reshape(-1, len(samples)).T


def assert_close(found: Array, expected: Array) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


@pytest.mark.parametrize("text", PLANNED)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_program_gives_what_the_layers_give(text: str, batch: int) -> None:
    network = network_of(text)
    samples = np.random.default_rng(1).normal(size=(2, batch, *PICTURE))
    assert can_plan(network.layers)
    plan = Program(network.layers, "f8", SCALE, OFFSET).plan(batch)
    for some in samples:  # nothing of the first call may be left in the second
        assert_close(plan.run(some), outputs_of(network, some))


@pytest.mark.parametrize("shape", [(5,), (4, 5)])
def test_a_table_is_computed_too(shape: tuple[int, ...]) -> None:
    text = "linear 4, batchnorm, relu, linear 3" if len(shape) == 1 else "flatten, linear 3"
    network = network_of(text, shape)
    samples = np.random.default_rng(1).normal(size=(7, *shape))
    plan = Program(network.layers, "f8", SCALE, OFFSET).plan(7)
    assert_close(plan.run(samples), outputs_of(network, samples))


def test_pictures_are_taken_as_they_are_stored() -> None:
    network = network_of("conv 4 kernel=3 padding=1, relu, flatten, linear 3", (1, 9, 8))
    pictures = np.random.default_rng(1).integers(0, 256, (3, 9, 8)).astype(np.uint8)
    plan = Program(network.layers, "f8", SCALE, OFFSET).plan(3)
    assert_close(plan.run(pictures), outputs_of(network, pictures[:, None]))


def test_an_offset_that_would_drown_the_numbers_is_added_to_them_first() -> None:
    network = network_of("flatten, linear 5, relu, linear 3", dtype="f4")
    samples = np.random.default_rng(1).normal(size=(3, *PICTURE)).astype("f4") + 1e5
    plan = Program(network.layers, "f4", 1.0, -1e5).plan(3)
    inputs = np.ascontiguousarray(np.moveaxis(samples - np.float32(1e5), 0, -1))
    expected = network.forward(inputs, Workspace(network, 3, training=False).caches(3)).T
    np.testing.assert_allclose(plan.run(samples), expected, rtol=1e-5, atol=1e-5)


def test_a_program_keeps_the_weights_of_its_moment() -> None:
    network = network_of("flatten, linear 5, relu, linear 3")
    samples = np.random.default_rng(1).normal(size=(3, *PICTURE))
    expected = outputs_of(network, samples)
    plan = Program(network.layers, "f8", SCALE, OFFSET).plan(3)
    network.parameters.flat[:] = np.nan
    assert_close(plan.run(samples), expected)


@pytest.mark.parametrize("text", LEFT)
def test_layers_whose_order_of_numbers_matters_are_left(text: str) -> None:
    assert not can_plan(network_of(text).layers)


@pytest.mark.parametrize("shape", [(5, 1, 1), (1, 1, 5), (1, 5, 1)])
def test_a_line_of_pixels_is_no_vector_before_a_linear_layer(shape: tuple[int, ...]) -> None:
    assert not can_plan(network_of("flatten, residual, linear 5, relu, end", shape).layers)
    network = network_of("flatten, relu, linear 4, relu, linear 3", shape)
    assert can_plan(network.layers)
    samples = np.random.default_rng(1).normal(size=(3, *shape))
    plan = Program(network.layers, "f8", SCALE, OFFSET).plan(3)
    assert_close(plan.run(samples), outputs_of(network, samples))


@pytest.mark.parametrize("limit", ["MOST_NUMBERS", "MOST_WEIGHTS"])
def test_what_would_take_much_memory_is_left(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of("flatten, linear 5, relu, linear 3")
    monkeypatch.setattr(programs, limit, 4)
    assert not can_plan(network.layers)


def test_a_wrong_border_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of("conv 4 kernel=3 padding=1, flatten, linear 3")
    samples = np.random.default_rng(1).normal(size=(3, *PICTURE))
    monkeypatch.setattr("bpnet.fast.inference.meaning.Meaning.zero", np.zeros(2))
    plan = Program(network.layers, "f8", SCALE, OFFSET).plan(3)
    assert np.abs(plan.run(samples) - outputs_of(network, samples)).max() > 1e-3
