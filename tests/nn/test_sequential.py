"""Layers in a chain: the chain rule, shards, memory, and whether it learns."""

import tracemalloc
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from bpnet.fast.stages import fast_stages
from bpnet.nn.activation import ReLU, Sigmoid
from bpnet.nn.avgpool import AvgPool
from bpnet.nn.conv import Conv
from bpnet.nn.draws import Draws
from bpnet.nn.dropout import Dropout
from bpnet.nn.init import initialise
from bpnet.nn.layer import Array, Layer
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.norm import BatchNorm
from bpnet.nn.parameters import FlatArrays
from bpnet.nn.pool import MaxPool
from bpnet.nn.reshape import Flatten
from bpnet.nn.scale import Scale
from bpnet.nn.sequential import Caches, Sequential, Workspace
from bpnet.nn.stage import Stage
from bpnet.nn.tanh import Tanh
from tests.helpers.gradients import TOLERANCE, projection_error
from tests.helpers.places import needs_assertions

Rng = np.random.Generator
DRAWS = Draws(seed=5, epoch=0, step=0)
either_way = pytest.mark.parametrize("fast", [True, False])


def small_net(
    *, dropout: bool = True, norm: bool = True, dtype: DTypeLike = "f8", fast: bool = True
) -> Sequential:
    """Build a net that uses nearly every layer; smooth but for one pooling."""
    layers: list[Layer[Any]] = [Scale((2, 9, 7), 0.5), Conv((2, 9, 7), 4, 3, padding=1)]
    layers += [MaxPool((4, 9, 7), 2), Tanh((4, 4, 3)), Conv((4, 4, 3), 5, 2, bias=False)]
    layers += [BatchNorm((5, 3, 2))] if norm else []
    layers += [Sigmoid((5, 3, 2))]
    layers += [Dropout((5, 3, 2), 0.3)] if dropout else []
    layers += [Flatten((5, 3, 2)), Linear((30,), 3)]
    return started(Sequential(layers, CrossEntropy(3), dtype, stages_of(layers, fast)))


def stages_of(layers: list[Layer[Any]], fast: bool) -> list[Stage] | None:
    return fast_stages(layers) if fast else None


def started(network: Sequential, seed: int = 0) -> Sequential:
    for layer in network.layers:
        initialise(layer, "he", np.random.default_rng(seed))
    return network


def samples(network: Sequential, batch: int, seed: int = 1) -> tuple[Array, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(*network.input_shape, batch)).astype(network.dtype)
    return x, rng.integers(0, network.loss.outputs, batch)


def step(
    network: Sequential, caches: Caches, x: Array, labels: NDArray[Any], batch_size: int
) -> tuple[float, Array]:
    """Run forward and backward; return the sum of the losses and what backward returns."""
    outputs = network.forward(x, caches, DRAWS)
    total = network.loss.forward(outputs, labels, caches.loss)
    grad_output = network.loss.backward(outputs, caches.loss, batch_size)
    return total, network.backward(grad_output, caches)


def gradients_of(workspace: Workspace) -> FlatArrays:
    assert workspace.gradients is not None
    return workspace.gradients


# --- The chain rule


@pytest.mark.parametrize("batch", [1, 6])
@either_way
def test_the_whole_chain_matches_central_differences(batch: int, fast: bool) -> None:
    network = small_net(norm=batch > 1, fast=fast)
    workspace = Workspace(network, batch, training=True, wants_input_gradient=True)
    caches, rng = workspace.caches(batch), np.random.default_rng(2)
    x, labels = samples(network, batch)

    def mean() -> float:
        outputs = network.forward(x, caches, DRAWS)
        return network.loss.forward(outputs, labels, caches.loss) / batch

    grad_input = step(network, caches, x, labels, batch)[1].copy()
    errors = {"input": projection_error(mean, x, grad_input, rng)}
    for name, values in network.parameters.views.items():
        gradient = gradients_of(workspace).views[name].copy()
        errors[name] = projection_error(mean, values, gradient, rng)
    assert max(errors.values()) <= TOLERANCE, errors
    assert len(errors) == 1 + len(network.parameters.views)


def called_backward(network: Sequential, workspace: Workspace) -> list[str]:
    """Return the stages whose backward a step calls."""
    called: list[str] = []

    def watch(layer: Layer[Any]) -> None:
        right = layer.backward

        def backward(grad_output: Array, cache: Any) -> Array:
            called.append(layer.name)
            return right(grad_output, cache)

        vars(layer)["backward"] = backward

    for stage in network.stages:
        watch(stage.layer)
    x, labels = samples(network, 4)
    step(network, workspace.caches(4), x, labels, 4)
    return called


@either_way
def test_backward_stops_at_the_first_layer_with_parameters(fast: bool) -> None:
    network = small_net(dropout=False, fast=fast)
    called = called_backward(network, Workspace(network, 4, training=True))
    assert called == [stage.layer.name for stage in network.stages[:0:-1]]
    assert called[-1] == ("2.conv + 3.maxpool" if fast else "2.conv")


def test_no_input_gradient_is_reserved_where_none_is_wanted() -> None:
    layers: list[Layer[Any]] = [Linear((3,), 4), Linear((4,), 2)]
    network = Sequential(layers, CrossEntropy(2), np.float64)
    for training, wanted, reserved in [
        (True, False, [False, True]),  # computing the first would cost as much as its weights
        (True, True, [True, True]),
        (False, False, [False, False]),
    ]:
        workspace = Workspace(network, 5, training=training, wants_input_gradient=wanted)
        stages = workspace.caches(5).stages
        assert [cache.grad_input is not None for cache in stages] == reserved


@either_way
def test_backward_reaches_the_input_where_its_gradient_is_wanted(fast: bool) -> None:
    network = small_net(dropout=False, fast=fast)
    workspace = Workspace(network, 4, training=True, wants_input_gradient=True)
    assert called_backward(network, workspace)[-1] == "1.scale"


def test_a_chain_without_parameters_passes_gradients_through() -> None:
    network = Sequential([Scale((3,), 2.0), Tanh((3,))], CrossEntropy(3), np.float64)
    x, labels = samples(network, 2)
    workspace = Workspace(network, 2, training=True)
    assert step(network, workspace.caches(2), x, labels, 2)[1].shape == x.shape
    assert gradients_of(workspace).flat.size == 0


def test_parameters_are_views_of_one_vector_with_weights_first() -> None:
    network = small_net()
    names = "2.weight 2.bias 5.weight 6.weight 6.bias 10.weight 10.bias"
    assert list(network.parameters.views) == names.split()
    network.parameters.flat[:] = 0
    network.parameters.flat[: network.parameters.weights] = 1
    for name, view in network.parameters.views.items():
        is_matrix = name.endswith("weight") and view.ndim > 1
        np.testing.assert_array_equal(view, float(is_matrix), err_msg=name)
    last = network.layers[-1]
    assert isinstance(last, Linear)
    assert np.shares_memory(last.weight, network.parameters.flat)
    assert network.parameters.of_layer(1) == {}
    assert network.state.views.keys() == {"6.running_mean", "6.running_variance"}


# --- Shards and memory


@either_way
def test_gradients_of_shards_add_up_to_the_whole_batch(fast: bool) -> None:
    network = small_net(dropout=False, norm=False, fast=fast)
    x, labels = samples(network, 8)
    whole = Workspace(network, 8, training=True)
    total, _ = step(network, whole.caches(8), x, labels, 8)
    sums, gradient = 0.0, np.zeros_like(network.parameters.flat)
    for part in (slice(0, 5), slice(5, 8)):
        shard = Workspace(network, 5, training=True)
        inputs = np.ascontiguousarray(x[..., part])
        sums += step(network, shard.caches(inputs.shape[-1]), inputs, labels[part], 8)[0]
        gradient += gradients_of(shard).flat
    assert sums == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(gradient, gradients_of(whole).flat, rtol=0, atol=1e-14)


@either_way
def test_one_workspace_serves_full_and_short_shards_in_any_order(fast: bool) -> None:
    network = small_net(fast=fast)
    workspace = Workspace(network, 8, training=True, wants_input_gradient=True)
    for batch in (8, 3, 8, 1, 3, 8):
        x, labels = samples(network, batch, seed=batch)
        gradients_of(workspace).flat.fill(np.nan)
        caches = workspace.caches(batch)
        caches.inputs[...] = x  # lies in memory that other batch sizes use as well
        total, grad_input = step(network, caches, caches.inputs, labels, batch)
        fresh = Workspace(network, batch, training=True, wants_input_gradient=True)
        expected, expected_grad = step(network, fresh.caches(batch), x, labels, batch)
        assert total == pytest.approx(expected, rel=1e-14)
        np.testing.assert_allclose(grad_input, expected_grad, rtol=0, atol=1e-15)
        np.testing.assert_allclose(
            gradients_of(workspace).flat, gradients_of(fresh).flat, rtol=0, atol=1e-14
        )
        assert workspace.caches(batch) is caches


@needs_assertions
def test_a_larger_batch_than_announced_is_our_own_bug() -> None:
    with pytest.raises(AssertionError):
        Workspace(small_net(), 4, training=True).caches(5)


def held_bytes(value: Any) -> int:
    """Return the size of all memory that a cache holds; what several arrays share counts once."""
    return sum(array.nbytes for array in owners(value).values())


def owners(value: Any) -> dict[int, NDArray[Any]]:
    """Return the arrays that own the memory of all arrays in a cache."""
    if isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        return {id(value): value}
    if is_dataclass(value):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, list | tuple):
        return {key: array for item in value for key, array in owners(item).items()}
    return {}


def test_memory_that_is_shared_counts_once() -> None:
    array, other = np.zeros((4, 5)), np.zeros(3)
    assert held_bytes([array, array[1:], (array.T, [other]), 7, None]) == 160 + 24


@either_way
def test_inference_gives_what_training_gives_in_less_memory(fast: bool) -> None:
    network = small_net(dropout=False, norm=False, fast=fast)
    x, _ = samples(network, 4)
    training = Workspace(network, 4, training=True).caches(4)
    inference_space = Workspace(network, 4, training=False)
    inference = inference_space.caches(4)
    outputs = network.forward(x, inference)
    np.testing.assert_array_equal(outputs, network.forward(x, training))
    assert inference_space.gradients is None
    assert held_bytes(inference) < 0.8 * held_bytes(training)


@either_way
def test_inference_neither_drops_nor_looks_at_the_other_samples(fast: bool) -> None:
    network = small_net(fast=fast)
    x, _ = samples(network, 4)
    workspace = Workspace(network, 4, training=False)
    together = network.forward(x, workspace.caches(4)).copy()
    for sample in range(4):
        alone = network.forward(x[..., sample : sample + 1], workspace.caches(1))
        np.testing.assert_allclose(alone[:, 0], together[:, sample], rtol=0, atol=1e-14)


@either_way
def test_running_statistics_mix_shard_after_shard(fast: bool) -> None:
    network = small_net(fast=fast)
    norm = network.layers[5]
    number = [stage.position for stage in network.stages].index(5)
    assert isinstance(norm, BatchNorm)
    shards = [Workspace(network, 4, training=True).caches(4) for _ in range(2)]
    for seed, caches in enumerate(shards):
        network.forward(samples(network, 4, seed)[0], caches, DRAWS)
    expected = np.zeros(5)
    for caches in shards:
        expected = 0.9 * expected + 0.1 * caches.stages[number].mean
    network.update_running(shards)
    np.testing.assert_allclose(norm.running_mean, expected, rtol=1e-14)
    assert (norm.running_variance != 1).all()


@either_way
def test_a_step_allocates_nothing_large(fast: bool) -> None:
    layers: list[Layer[Any]] = [Conv((1, 28, 28), 16, 3), ReLU((16, 26, 26))]
    layers += [Conv((16, 26, 26), 16, 3, padding=1), ReLU((16, 26, 26)), MaxPool((16, 26, 26), 2)]
    layers += [BatchNorm((16, 13, 13)), Tanh((16, 13, 13)), AvgPool((16, 13, 13), 3)]
    layers += [Flatten((16, 4, 4)), Dropout((256,), 0.5), Linear((256,), 10)]
    network = started(Sequential(layers, CrossEntropy(10), np.float32, stages_of(layers, fast)))
    workspace = Workspace(network, 32, training=True)
    x, labels = samples(network, 32)
    caches = workspace.caches(32)
    step(network, caches, x, labels, 32)
    activations = sum(int(np.prod(layer.output_shape)) * 32 * 4 for layer in layers)
    tracemalloc.start()
    try:
        step(network, caches, x, labels, 32)
        peak = tracemalloc.get_traced_memory()[1]
        fresh = caches.stages[0].output.copy()  # the measure sees an activation that is allocated
        with_copy = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.02 * activations
    assert with_copy > fresh.nbytes > 0.1 * activations


# --- Learning


def test_a_small_net_learns_random_labels_by_heart() -> None:
    layers: list[Layer[Any]] = [Conv((1, 8, 8), 8, 3), MaxPool((8, 6, 6), 2), ReLU((8, 3, 3))]
    layers += [Flatten((8, 3, 3)), Linear((72,), 32), ReLU((32,)), Linear((32,), 10)]
    network = started(Sequential(layers, CrossEntropy(10), np.float32))
    workspace = Workspace(network, 64, training=True)
    x, labels = samples(network, 64)
    caches = workspace.caches(64)
    for _ in range(300):
        step(network, caches, x, labels, 64)
        network.parameters.flat -= 0.3 * gradients_of(workspace).flat
    outputs = network.forward(x, caches)
    assert network.loss.forward(outputs, labels, caches.loss) / 64 < 0.1
    assert caches.loss.correct == 64
