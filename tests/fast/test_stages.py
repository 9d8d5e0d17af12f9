"""Which layers are computed in one go, and that this changes nothing but the time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from bpnet.config.layer_lines import read_layer
from bpnet.config.loading import load_config
from bpnet.config.network import build_layer, build_layers
from bpnet.fast import rows
from bpnet.fast.direct import DirectConv
from bpnet.fast.stages import fast_conv, fast_stages
from bpnet.fast.winograd import WinogradConv
from bpnet.fast.winograd_rows import WinogradRowConv
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization
from bpnet.nn.conv import Conv
from bpnet.nn.draws import Draws
from bpnet.nn.init import initialise
from bpnet.nn.layer import Array, Layer
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.reshape import Flatten
from bpnet.nn.sequential import Sequential, Workspace
from tests.helpers.fused_cases import count_blocks, cut_into_blocks, differing, mark_behind
from tests.helpers.gradients import assert_close

PRESETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")
PICTURE = (2, 13, 12)
HEAD = ", flatten, linear 3"


def layers_of(text: str) -> list[Layer[Any]]:
    """Build layers from their lines, which commas part."""
    layers: list[Layer[Any]] = []
    for line in text.split(", "):
        shape = layers[-1].output_shape if layers else PICTURE
        layers.append(build_layer(read_layer(line), shape))
    return layers


def network_of(layers: Sequence[Layer[Any]], dtype: str = "f8", *, fast: bool = True) -> Sequential:
    """Chain layers with weights and biases that depend on their place alone."""
    network = Sequential(
        layers,
        CrossEntropy(layers[-1].output_shape[0]),
        dtype,
        fast_stages(layers) if fast else None,
    )
    rng = np.random.default_rng(0)
    for layer in layers:
        initialise(layer, "he", rng)
        if "bias" in layer.parameter_shapes:
            bias = getattr(layer, "bias")  # noqa: B009
            bias[...] = rng.normal(0, 0.1, bias.shape)
    return network


# Stages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv 4 kernel=3, relu, maxpool 2", ["1.conv + 2.relu + 3.maxpool"]),
        ("conv 4 kernel=3, maxpool 2, relu", ["1.conv + 2.maxpool + 3.relu"]),
        ("conv 4 kernel=3, relu", ["1.conv + 2.relu"]),
        ("conv 4 kernel=3, maxpool 3", ["1.conv + 2.maxpool"]),
        ("conv 4 kernel=3", ["1.conv"]),
        ("conv 4 kernel=3 stride=2, relu, maxpool 2", ["1.conv", "2.relu", "3.maxpool"]),
        ("conv 4 kernel=3, maxpool 2 stride=2 padding=0", ["1.conv + 2.maxpool"]),
        ("conv 4 kernel=3, maxpool 3 stride=2, relu", ["1.conv", "2.maxpool", "3.relu"]),
        ("conv 4 kernel=3, relu, maxpool 2 padding=1", ["1.conv + 2.relu", "3.maxpool"]),
        (
            "residual, conv 2 kernel=3 padding=1, relu, conv 2 kernel=1, end, relu",
            ["1.residual", "2.conv + 3.relu", "4.conv", "5.end", "6.relu"],
        ),
        ("batchnorm, tanh, relu", ["1.batchnorm", "2.tanh", "3.relu"]),
        (
            "residual, batchnorm, end, residual, batchnorm, end, relu",
            ["1.residual", "2.batchnorm + 3.end", "4.residual", "5.batchnorm + 6.end + 7.relu"],
        ),
        (
            "residual, scale 2, batchnorm, relu, end, relu",
            ["1.residual", "2.scale", "3.batchnorm + 4.relu", "5.end", "6.relu"],
        ),
        ("conv 4 kernel=3, relu, relu", ["1.conv + 2.relu", "3.relu"]),
        ("conv 4 kernel=3, maxpool 2, maxpool 2", ["1.conv + 2.maxpool", "3.maxpool"]),
        ("conv 4 kernel=3, relu, maxpool 2, relu", ["1.conv + 2.relu + 3.maxpool", "4.relu"]),
        (
            "conv 4 kernel=3, maxpool 2, relu, maxpool 2",
            ["1.conv + 2.maxpool + 3.relu", "4.maxpool"],
        ),
        ("conv 4 kernel=3, batchnorm, relu", ["1.conv", "2.batchnorm + 3.relu"]),
        ("conv 4 kernel=3, relu, batchnorm", ["1.conv + 2.relu", "3.batchnorm"]),
        ("conv 4 kernel=3, tanh, maxpool 2", ["1.conv", "2.tanh", "3.maxpool"]),
        ("conv 4 kernel=3, leaky_relu", ["1.conv", "2.leaky_relu"]),
        ("conv 4 kernel=3, avgpool 2, relu", ["1.conv", "2.avgpool", "3.relu"]),
        ("relu, maxpool 2, conv 4 kernel=3", ["1.relu", "2.maxpool", "3.conv"]),
        (
            "scale 2, conv 4 kernel=3, relu, conv 5 kernel=2, maxpool 2, relu, flatten, linear 3",
            ["1.scale", "2.conv + 3.relu", "4.conv + 5.maxpool + 6.relu", "7.flatten", "8.linear"],
        ),
    ],
)
def test_a_layer_takes_along_what_is_computed_with_it(text: str, expected: list[str]) -> None:
    layers = layers_of(text)
    names = [stage.layer.name for stage in network_of(layers).stages]
    assert names == expected
    stages = fast_stages(layers)
    assert [stage.position for stage in stages] == [
        int(name.partition(".")[0]) - 1 for name in names
    ]
    assert [stage.count for stage in stages] == [1 + name.count(" + ") for name in names]
    for stage in stages:
        assert stage.layer.input_shape == layers[stage.position].input_shape
        assert stage.layer.output_shape == layers[stage.position + stage.count - 1].output_shape


def test_layers_by_themselves_are_the_layers_as_they_are() -> None:
    layers = layers_of("conv 4 kernel=3, relu, maxpool 2, flatten, linear 3")
    network = network_of(layers, fast=False)
    assert [(stage.layer, stage.position, stage.count) for stage in network.stages] == [
        (layer, position, 1) for position, layer in enumerate(layers)
    ]
    names = [stage.layer.name for stage in network.stages]
    assert names == ["1.conv", "2.relu", "3.maxpool", "4.flatten", "5.linear"]


def test_many_channels_are_left_to_the_products_that_are_fewer() -> None:
    large, small = Conv((32, 26, 26), 64, 3), Conv((1, 28, 28), 32, 3)
    fast = fast_conv(large, 2, relu=True)
    assert isinstance(fast, WinogradConv)
    assert (fast.tile, fast.pool_size, fast.relu) == (4, 2, True)
    other = fast_conv(small, 3, relu=False)
    assert isinstance(other, DirectConv)
    assert (other.pool_size, other.relu) == (3, False)
    for pool_size, kind in ((1, WinogradConv), (2, WinogradRowConv), (3, DirectConv)):
        ragged = fast_conv(Conv((24, 12, 12), 32, 3), pool_size, relu=True)
        assert type(ragged) is kind


def test_a_convolution_with_a_stride_stays_the_plain_one() -> None:
    layers = layers_of("conv 4 kernel=3 stride=2, relu")
    assert fast_stages(layers)[0].layer is layers[0]


def test_a_model_is_fast_and_its_layers_are_the_plain_ones() -> None:
    config = load_config("convnet")
    network = build_model(config, (1, 28, 28), 10, Normalization()).network
    assert [type(layer) for layer in network.layers if layer.kind == "conv"] == [Conv, Conv]
    kinds = [type(stage.layer) for stage in network.stages]
    assert kinds[:2] == [DirectConv, WinogradConv]
    assert sum(stage.count for stage in network.stages) == len(network.layers)


@pytest.mark.parametrize("fast", [True, False])
def test_stages_have_the_parameters_of_their_layers(fast: bool) -> None:
    layers = layers_of("scale 2, conv 4 kernel=3, relu, conv 5 kernel=2 bias=no, flatten, linear 3")
    network = network_of(layers, fast=fast)
    names = ["2.weight", "2.bias", "4.weight", "6.weight", "6.bias"]
    assert list(network.parameters.views) == names
    trained = {}
    for stage in network.stages:
        for role in stage.layer.parameter_shapes:
            trained[f"{stage.position + 1}.{role}"] = getattr(stage.layer, role)
    assert trained.keys() == set(names)
    for name, view in network.parameters.views.items():
        layer = layers[int(name[0]) - 1]
        view[...] = np.random.default_rng(1).normal(size=view.shape)
        for other in (trained[name], getattr(layer, name[2:])):
            np.testing.assert_array_equal(other, view)
            assert np.shares_memory(other, network.parameters.flat)


# The same network


def step_results(network: Sequential, workspace: Workspace, x: Array) -> dict[str, Array]:
    """Return outputs, loss and all gradients of a step, and the outputs of inference."""
    batch = x.shape[-1]
    caches = workspace.caches(batch)
    outputs = network.forward(x, caches, Draws(seed=3, epoch=0, step=0))
    results = {"outputs": outputs.copy()}
    labels = np.arange(batch) % network.loss.outputs
    total = network.loss.forward(outputs, labels, caches.loss)
    results["loss"] = np.array(total, dtype=network.dtype)
    grad_input = network.backward(network.loss.backward(outputs, caches.loss, batch), caches)
    if workspace.wants_input_gradient:
        results["input"] = grad_input.copy()
    assert workspace.gradients is not None
    results |= {name: view.copy() for name, view in workspace.gradients.views.items()}
    inference = Workspace(network, batch, training=False).caches(batch)
    results["inference"] = network.forward(x, inference).copy()
    return results


def results_of(
    build: Callable[[], Sequence[Layer[Any]]],
    inputs: Sequence[Array],
    dtype: str = "f8",
    *,
    fast: bool,
    wants_input_gradient: bool = True,
) -> list[dict[str, Array]]:
    """Take one step per batch, all in the memory of the first."""
    network = network_of(build(), dtype, fast=fast)
    largest = inputs[0].shape[-1]
    workspace = Workspace(
        network, largest, training=True, wants_input_gradient=wants_input_gradient
    )
    return [step_results(network, workspace, x.astype(dtype)) for x in inputs]


def preset_layers(name: str) -> Callable[[], Sequence[Layer[Any]]]:
    config = load_config(name)
    return lambda: build_layers(config, (1, 28, 28), 10, [])


def noise(*shape: int) -> Array:
    return np.random.default_rng(shape[-1]).normal(size=shape)


def blank_but_for_a_patch(*shape: int) -> Array:
    """Draw pictures in which most pixels are equal, as in those of digits."""
    x = np.full(shape, -0.42)
    x[:, 9:19, 8:17] = noise(*shape)[:, 9:19, 8:17]
    return x


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-11), ("f4", 1e-3)])
def test_fast_and_plain_presets_take_the_same_step(name: str, dtype: str, tolerance: float) -> None:
    inputs = [noise(1, 28, 28, batch) for batch in (7, 2, 7)]
    fast, plain = (
        results_of(preset_layers(name), inputs, dtype, fast=fast, wants_input_gradient=False)
        for fast in (True, False)
    )
    for found, expected in zip(fast, plain, strict=True):
        assert len(expected) > 6
        assert_close(found, expected, tolerance)


@pytest.mark.parametrize("name", ["lenet5", "fast", "convnet"])
def test_parameters_get_the_same_where_much_is_equal(name: str) -> None:
    inputs = [blank_but_for_a_patch(1, 28, 28, 5)]
    [fast], [plain] = (
        results_of(preset_layers(name), inputs, fast=fast, wants_input_gradient=False)
        for fast in (True, False)
    )
    assert_close(fast, plain, 1e-11)


ODD_NETS = [  # a block before and behind everything that may stand there
    "conv 4 kernel=3, relu, conv 3 kernel=3 stride=2 padding=1, relu",
    "scale 2, conv 4 kernel=2 padding=1, maxpool 3, tanh, conv 3 kernel=1",
    "conv 4 kernel=5 padding=4 bias=no, batchnorm, relu, maxpool 2, conv 2 kernel=2",
    "conv 3 kernel=3, maxpool 2, maxpool 2, relu, dropout 0.3, conv 2 kernel=2",
    "conv 4 kernel=3, maxpool 1, maxpool 2, relu, relu, avgpool 2",
    "conv 4 kernel=3, maxpool 3 stride=2 padding=1, relu, avgpool 3 stride=1 padding=1",
    "conv 4 kernel=3, residual, conv 4 kernel=3 padding=1, relu, conv 4 kernel=1, end, maxpool 2",
    "residual, batchnorm, relu, conv 2 kernel=3 padding=1, dropout 0.3, end, conv 3 kernel=3, relu",
]
MANY_IN_A_BLOCK = (
    "conv 16 kernel=3, relu, residual, conv 16 kernel=3 padding=1 bias=no, batchnorm, relu, "
    "conv 16 kernel=3 padding=1 bias=no, batchnorm, end, relu"
)
MANY_CHANNELS = "conv 16 kernel=3, conv 16 kernel=3, relu, conv 16 kernel=3 padding=1, maxpool 2"


@pytest.mark.parametrize("text", [*ODD_NETS, MANY_CHANNELS, MANY_IN_A_BLOCK])
def test_fast_and_plain_give_the_same_whatever_stands_beside_a_block(text: str) -> None:
    inputs = [noise(*PICTURE, batch) for batch in (6, 3, 6)]
    fast, plain = (
        results_of(lambda: layers_of(text + HEAD), inputs, fast=fast) for fast in (True, False)
    )
    for found, expected in zip(fast, plain, strict=True):
        assert_close(found, expected, 1e-11)


def test_blocks_that_differ_from_batch_to_batch_leave_later_layers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_into_blocks(monkeypatch, 40_000)
    workspace = Workspace(network_of(layers_of(MANY_CHANNELS + HEAD)), 32, training=True)
    counts = [list(map(count_blocks, workspace.caches(size).stages[:3])) for size in (32, 3)]
    assert all(many > few for many, few in zip(*counts, strict=True))
    inputs = [noise(*PICTURE, size) for size in (32, 3, 9, 32)]
    fast, plain = (
        results_of(lambda: layers_of(MANY_CHANNELS + HEAD), inputs, fast=fast)
        for fast in (True, False)
    )
    for found, expected in zip(fast, plain, strict=True):
        assert_close(found, expected, 1e-11)


# What would be wrong


def test_a_gradient_at_the_place_behind_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "mark_first", mark_behind)
    inputs = [noise(1, 28, 28, 3)]
    [fast], [plain] = (
        results_of(preset_layers("fast"), inputs, fast=fast, wants_input_gradient=False)
        for fast in (True, False)
    )
    assert differing(fast, plain, 1e-11) == {"1.weight", "1.bias", "4.weight"}


def test_a_block_without_its_relu_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "conv 4 kernel=3, maxpool 2, relu, flatten, linear 3"
    inputs = [noise(*PICTURE, 3)]
    [plain] = results_of(lambda: layers_of(text), inputs, fast=False)
    network = network_of(layers_of(text))
    block = network.stages[0].layer
    assert isinstance(block, DirectConv)
    block.relu = False
    workspace = Workspace(network, 3, training=True, wants_input_gradient=True)
    found = step_results(network, workspace, inputs[0])
    assert differing(found, plain, 1e-11) == plain.keys()


def test_a_stage_with_other_parameters_is_caught() -> None:
    layers: list[Layer[Any]] = [Conv((1, 8, 8), 2, 3), Conv((2, 6, 6), 2, 3)]
    layers += [Flatten((2, 4, 4)), Linear((32,), 3)]
    plain, fast = network_of(layers, fast=False), network_of(layers)
    other = fast.parameters.views["2.weight"][::-1].copy()
    fast.stages[1].layer.bind({"weight": other}, {})
    x = noise(1, 8, 8, 3)
    found, expected = (
        step_results(network, Workspace(network, 3, training=True), x) for network in (fast, plain)
    )
    assert "outputs" in differing(found, expected, 1e-11)
