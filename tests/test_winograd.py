"""The fast 3×3 convolution against the plain one."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from gradients import Trial, assert_close
from numpy.typing import DTypeLike

from bpnet.nn import winograd
from bpnet.nn.conv import Conv
from bpnet.nn.init import initialise
from bpnet.nn.layer import Array, Layer, ShapeError
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.reshape import Flatten
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.nn.winograd import WinogradConv, suits

# Input shape, filters, padding, batch: outputs of whole tiles, of less than one, of ragged ones.
SHAPES = [
    ((16, 10, 14), 20, 0, 3),
    ((3, 3, 3), 1, 0, 1),
    ((1, 3, 9), 2, 0, 2),
    ((5, 8, 8), 4, 1, 1),
    ((24, 12, 12), 32, 0, 4),
    ((4, 9, 7), 3, 1, 5),
    ((2, 4, 5), 3, 2, 2),
]


def results_of(
    layer: Layer[Any], batch: int, dtype: DTypeLike, *, needs_grad_input: bool = True
) -> dict[str, Array]:
    """Run a layer with parameters, input and gradient that depend on its sizes alone."""
    rng = np.random.default_rng(0)
    trial = Trial(layer, rng, dtype, needs_grad_input=needs_grad_input)
    x = rng.normal(size=(*layer.input_shape, batch)).astype(dtype)
    grad_output = rng.normal(size=(*layer.output_shape, batch)).astype(dtype)
    return trial.run(x, grad_output, trial.cache(batch))


@pytest.mark.parametrize(("shape", "filters", "padding", "batch"), SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("needs_grad_input", [True, False])
def test_fast_and_plain_are_equal(
    shape: tuple[int, int, int],
    filters: int,
    padding: int,
    batch: int,
    dtype: type,
    tolerance: float,
    bias: bool,
    needs_grad_input: bool,
) -> None:
    fast, plain = (
        results_of(
            kind(shape, filters, 3, 1, padding, bias),
            batch,
            dtype,
            needs_grad_input=needs_grad_input,
        )
        for kind in (WinogradConv, Conv)
    )
    assert fast.keys() == {"output", "weight"} | ({"bias"} if bias else set()) | (
        {"input"} if needs_grad_input else set()
    )
    assert_close(fast, plain, tolerance)


@pytest.mark.parametrize("name", ["G", "A_TRANSPOSED", "B_TRANSPOSED"])
def test_one_wrong_number_in_a_map_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = getattr(winograd, name).astype(float)
    wrong[1, 1] *= 1.001
    monkeypatch.setattr(winograd, name, wrong)
    layers = WinogradConv((4, 9, 7), 3), Conv((4, 9, 7), 3, 3)
    fast, plain = (results_of(layer, 5, np.float32) for layer in layers)
    for role in ("output", "input", "weight"):
        with pytest.raises(AssertionError):
            assert_close({role: fast[role]}, {role: plain[role]}, 2e-5)


def test_the_maps_convolve_along_a_line() -> None:
    rng = np.random.default_rng(0)
    window, weights = rng.normal(size=6), rng.normal(size=3)
    products = (winograd.G @ weights) * (winograd.B_TRANSPOSED @ window)
    expected = np.correlate(window, weights)
    np.testing.assert_allclose(winograd.A_TRANSPOSED @ products, expected, rtol=0, atol=1e-13)


def test_both_announce_the_same_layer() -> None:
    for bias in (True, False):
        fast, plain = (kind((4, 9, 7), 3, 3, 1, 1, bias) for kind in (WinogradConv, Conv))
        for name in ("kind", "input_shape", "output_shape", "parameter_shapes", "state_shapes"):
            assert getattr(fast, name) == getattr(plain, name)
        assert fast.multiply_adds() == plain.multiply_adds()


@pytest.mark.parametrize(("kernel_size", "stride"), [(5, 1), (3, 2)])
def test_other_kernels_and_strides_are_left_to_the_plain_layer(
    kernel_size: int, stride: int
) -> None:
    assert not suits((32, 26, 26), 64, kernel_size, stride)
    with pytest.raises(AssertionError):
        WinogradConv((32, 26, 26), 64, kernel_size, stride)


@pytest.mark.parametrize(
    ("shape", "filters", "padding", "expected"),
    [
        ((32, 26, 26), 64, 0, True),
        ((16, 28, 28), 16, 1, True),
        ((1, 28, 28), 32, 0, False),  # too few channels
        ((32, 26, 26), 8, 0, False),
        ((24, 12, 12), 32, 0, False),  # 10×10 of 12×12 outputs wanted
        ((24, 12, 12), 32, 1, True),
        ((64, 7, 7), 64, 0, False),
    ],
)
def test_many_channels_and_full_tiles_are_taken(
    shape: tuple[int, int, int], filters: int, padding: int, expected: bool
) -> None:
    assert suits(shape, filters, 3, padding=padding) == expected


def test_a_picture_smaller_than_a_filter_is_refused_as_ever() -> None:
    with pytest.raises(ShapeError):
        WinogradConv((64, 2, 2), 64)


def network_of(kind: type[WinogradConv] | type[Conv]) -> Sequential:
    """Build two convolutions, the second on the ragged output of the first, and a linear layer."""
    layers: list[Layer[Any]] = [kind((16, 28, 28), 16, 3), kind((16, 26, 26), 16, 3, 1, 1)]
    layers += [Flatten((16, 26, 26)), Linear((16 * 26 * 26,), 10)]
    network = Sequential(layers, CrossEntropy(10), np.float32)
    for layer in layers:
        initialise(layer, "he", np.random.default_rng(3))
    return network


def test_networks_of_either_kind_take_the_same_step() -> None:
    gradients = []
    for kind in (WinogradConv, Conv):
        network = network_of(kind)
        workspace = Workspace(network, 8, training=True)
        for batch in (8, 3):
            x = np.random.default_rng(batch).normal(size=(16, 28, 28, batch)).astype(np.float32)
            caches = workspace.caches(batch)
            outputs = network.forward(x, caches)
            network.loss.forward(outputs, np.arange(batch), caches.loss)
            network.backward(network.loss.backward(outputs, caches.loss, batch), caches)
            inference = Workspace(network, batch, training=False).caches(batch)
            np.testing.assert_array_equal(network.forward(x, inference), outputs)
        assert workspace.gradients is not None
        gradients.append(dict(workspace.gradients.views))
    fast, plain = gradients
    assert_close(fast, plain, 1e-4)


def test_a_step_allocates_nothing_large() -> None:
    layer = WinogradConv((16, 26, 26), 24, padding=1)
    rng = np.random.default_rng(0)
    trial = Trial(layer, rng, np.float32)
    x = rng.normal(size=(16, 26, 26, 32)).astype(np.float32)
    grad_output = rng.normal(size=(24, 26, 26, 32)).astype(np.float32)
    cache = trial.cache(32)
    tracemalloc.start()
    try:
        layer.forward(x, cache)
        layer.backward(grad_output, cache)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    smallest = min(a.nbytes for a in (cache.windows, cache.tiles, cache.products, cache.inputs[0]))
    assert peak < 0.4 * smallest
