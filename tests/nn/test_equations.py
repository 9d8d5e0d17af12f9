"""What each layer computes, against its formula or plain loops."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.fast.fused import FusedConv
from bpnet.nn.activation import ReLU, Sigmoid
from bpnet.nn.avgpool import AvgPool
from bpnet.nn.conv import Conv
from bpnet.nn.draws import Draws
from bpnet.nn.dropout import Dropout, DropoutCache
from bpnet.nn.layer import Array, Layer
from bpnet.nn.leaky_relu import LeakyReLU
from bpnet.nn.linear import Linear
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import MaxPool
from bpnet.nn.scale import Scale
from bpnet.nn.softmax import Softmax
from bpnet.nn.tanh import Tanh
from tests.helpers.gradients import Trial
from tests.helpers.layer_cases import MAKERS, one_case, trial_of

# --- Linear and convolution


def test_linear_is_the_matrix_product_of_the_textbook() -> None:
    trial = Trial(Linear((2,), 2), np.random.default_rng(0))
    trial.parameters["weight"][...] = [[1, 2], [3, 4]]
    trial.parameters["bias"][...] = [10, 20]
    results = trial.run(np.array([[1.0], [-1.0]]), np.array([[1.0], [2.0]]), trial.cache(1))
    np.testing.assert_array_equal(results["output"], [[9], [19]])
    np.testing.assert_array_equal(results["input"], [[7], [10]])
    np.testing.assert_array_equal(results["weight"], [[1, -1], [2, -2]])
    np.testing.assert_array_equal(results["bias"], [1, 2])
    assert trial.layer.multiply_adds() == 4


def plain_conv(layer: Conv | FusedConv[Any], x: Array) -> NDArray[np.float64]:
    """Convolve by the definition, one multiply-add at a time."""
    kernel, stride, padding = layer.kernel_size, getattr(layer, "stride", 1), layer.padding
    border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    padded = np.pad(x, border)
    z = np.zeros((*layer.output_shape, x.shape[-1]))
    for out_channel, row, column in np.ndindex(layer.output_shape):
        for in_channel, i, j in np.ndindex(len(x), kernel, kernel):
            weight = layer.weight[out_channel, in_channel, i, j]
            pixel = padded[in_channel, row * stride + i, column * stride + j]
            z[out_channel, row, column] += weight * pixel
    return z + (layer.bias[:, None, None, None] if layer.has_bias else 0.0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind.startswith("conv")])
def test_conv_matches_its_definition(kind: str, seed: int) -> None:
    trial, rng = trial_of(kind, seed)
    assert isinstance(trial.layer, Conv | FusedConv)
    x, _ = one_case(trial, 3, rng)
    expected = plain_conv(trial.layer, x)
    np.testing.assert_allclose(trial.forward(x, trial.cache(3)), expected, rtol=0, atol=1e-12)


def test_conv_counts_its_multiply_adds() -> None:
    assert Conv((32, 26, 26), 64, 3).multiply_adds() == 32 * 64 * 9 * 24 * 24


# --- Pooling


def blocks(x: Array, size: int, reduce: Callable[[Array], float]) -> NDArray[np.float64]:
    """Pool by plain loops over blocks."""
    channels, height, width, batch = x.shape
    y = np.zeros((channels, height // size, width // size, batch))
    for channel, row, column, sample in np.ndindex(y.shape):
        rows, columns = (slice(start * size, (start + 1) * size) for start in (row, column))
        y[channel, row, column, sample] = reduce(x[channel, rows, columns, sample])
    return y


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kind", "reduce"), [("maxpool", np.max), ("avgpool", np.mean)])
def test_pooling_matches_plain_loops(
    kind: str, reduce: Callable[[Array], float], seed: int
) -> None:
    trial, rng = trial_of(kind, seed)
    assert isinstance(trial.layer, MaxPool | AvgPool)
    x, _ = one_case(trial, 3, rng)
    expected = blocks(x, trial.layer.kernel_size, reduce)
    np.testing.assert_allclose(trial.forward(x, trial.cache(3)), expected, rtol=0, atol=1e-14)


def test_among_equal_maxima_the_first_in_reading_order_gets_the_gradient() -> None:
    trial = Trial(MaxPool((1, 4, 5), 2), np.random.default_rng(0))
    x = np.array([[0, 3, 2, 2, 9], [3, 3, 2, 2, 9], [1, 1, 0, 5, 9], [4, 4, 5, 0, 9]], float)
    delta = np.array([[10, 20], [30, 40]], float)
    results = trial.run(x[None, :, :, None], delta[None, :, :, None], trial.cache(1))
    expected = [[0, 10, 20, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 40, 0], [30, 0, 0, 0, 0]]
    np.testing.assert_array_equal(results["input"][0, :, :, 0], expected)


def test_leftover_rows_and_columns_get_no_gradient() -> None:
    for layer in (MaxPool((1, 5, 7), 3), AvgPool((1, 5, 7), 3)):
        rng = np.random.default_rng(0)
        trial = Trial(layer, rng)
        grad_input = trial.run(*one_case(trial, 2, rng), trial.cache(2))["input"]
        assert not grad_input[:, 3:].any()
        assert not grad_input[:, :, 6:].any()
        assert grad_input[:, :3, :6].any()


# --- Activations


def test_relu_takes_the_derivative_at_its_kink_as_zero() -> None:
    for layer, slope in ((ReLU((3,)), 0.0), (LeakyReLU((3,), 0.25), 0.25)):
        trial = Trial(layer, np.random.default_rng(0))
        results = trial.run(np.array([[-2.0], [0.0], [2.0]]), np.ones((3, 1)), trial.cache(1))
        np.testing.assert_array_equal(results["output"].ravel(), [-2 * slope, 0, 2])
        np.testing.assert_array_equal(results["input"].ravel(), [slope, slope, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_softmax_stay_finite_for_huge_inputs(dtype: type) -> None:
    x: Array = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 0.0]], dtype=dtype)
    rng = np.random.default_rng(0)
    sigmoid = Trial(Sigmoid((2,)), rng, dtype)
    np.testing.assert_array_equal(sigmoid.forward(x, sigmoid.cache(3)), [[1, 0, 0.5], [0, 0, 0.5]])
    softmax = Trial(Softmax((2,)), rng, dtype)
    results = softmax.run(x, np.ones_like(x), softmax.cache(3))
    np.testing.assert_array_equal(results["output"], [[1, 0.5, 0.5], [0, 0.5, 0.5]])
    np.testing.assert_array_equal(results["input"], np.zeros((2, 3)))


def test_activations_match_their_formulas() -> None:
    x = np.linspace(-4, 4, 12).reshape(4, 3)
    powers = np.exp(x)
    formulas: list[tuple[Layer[Any], Array]] = [
        (Sigmoid((4,)), 1 / (1 + np.exp(-x))),
        (Tanh((4,)), (powers - 1 / powers) / (powers + 1 / powers)),
        (Softmax((4,)), powers / powers.sum(axis=0)),
        (Scale((4,), 3.0), 3 * x),
    ]
    for layer, expected in formulas:
        trial = Trial(layer, np.random.default_rng(0))
        np.testing.assert_allclose(trial.forward(x, trial.cache(3)), expected, rtol=1e-12)


# --- Dropout


def dropped(probability: float, seed: int = 0, size: int = 200_000) -> Array:
    """Return what dropout makes of ones."""
    trial = Trial(Dropout((size,), probability), np.random.default_rng(0))
    cache: DropoutCache = trial.cache(1)
    cache.draws = Draws(seed, epoch=0, step=0)
    return trial.layer.forward(np.ones((size, 1)), cache)


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_expectation(probability: float) -> None:
    y = dropped(probability)
    kept = np.count_nonzero(y) / y.size
    deviation = np.sqrt(probability * (1 - probability) / y.size)
    assert abs(kept - (1 - probability)) < 5 * deviation + 1 / 512  # p is rounded to 1/256
    assert len(np.unique(y)) == 2
    assert abs(y.mean() - 1) < 5 * deviation / (1 - probability)


def test_dropout_draws_each_activation_independently() -> None:
    mask = dropped(0.5).reshape(-1, 8) > 0
    correlation = np.corrcoef(mask.T) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(len(mask))


def test_the_same_generator_gives_the_same_mask_and_another_seed_another() -> None:
    np.testing.assert_array_equal(dropped(0.5, 1), dropped(0.5, 1))
    assert (dropped(0.5, 1) != dropped(0.5, 2)).mean() > 0.4


def test_no_probability_drops_nothing() -> None:
    np.testing.assert_array_equal(dropped(0.0), 1)


def test_dropout_passes_inputs_through_in_evaluation() -> None:
    trial = Trial(Dropout((4,), 0.5), np.random.default_rng(0), training=False)
    x = np.arange(8.0).reshape(4, 2)
    assert trial.layer.forward(x, trial.cache(2)) is x  # and without a generator


def test_dropout_sends_gradients_where_activations_went() -> None:
    trial = Trial(Dropout((50,), 0.5), np.random.default_rng(0))
    ones = np.ones((50, 4))
    results = trial.run(ones, ones, trial.cache(4))
    np.testing.assert_array_equal(results["input"], results["output"])


# --- Batch normalisation


def norm_trial(training: bool = True) -> Trial:
    trial = Trial(BatchNorm((3, 4, 5), 0.3, 1e-3), np.random.default_rng(0), training=training)
    trial.state["running_mean"][...] = [1, 2, 3]
    trial.state["running_variance"][...] = [4, 5, 6]
    return trial


def over_channels(values: Array) -> Array:
    """Shape one number per channel for (channels, height, width, batch)."""
    return values[:, None, None, None]


def test_batchnorm_normalises_each_channel_over_its_shard() -> None:
    trial = norm_trial()
    x = np.random.default_rng(1).normal(5, 3, (3, 4, 5, 6))
    y = trial.forward(x, trial.cache(6))
    mean, variance = x.mean(axis=(1, 2, 3)), x.var(axis=(1, 2, 3))
    normalised = (x - over_channels(mean)) / over_channels(np.sqrt(variance + 1e-3))
    weight, bias = (over_channels(trial.parameters[role]) for role in ("weight", "bias"))
    np.testing.assert_allclose(y, weight * normalised + bias, rtol=0, atol=1e-12)


def test_running_statistics_take_the_shards_in_order() -> None:
    trial = norm_trial()
    assert isinstance(trial.layer, BatchNorm)
    mean, variance = np.array([1.0, 2, 3]), np.array([4.0, 5, 6])
    rng = np.random.default_rng(1)
    cache = trial.cache(6)
    for shard in range(3):
        x = rng.normal(shard, 1 + shard, (3, 4, 5, 6))
        trial.forward(x, cache)
        np.testing.assert_allclose(trial.state["running_mean"], mean)  # forward assigns nothing
        trial.layer.update_running(cache)
        mean = 0.7 * mean + 0.3 * x.mean(axis=(1, 2, 3))
        variance = 0.7 * variance + 0.3 * x.var(axis=(1, 2, 3), ddof=1)
    np.testing.assert_allclose(trial.state["running_mean"], mean)
    np.testing.assert_allclose(trial.state["running_variance"], variance)


def test_evaluation_uses_the_running_statistics() -> None:
    trial = norm_trial(training=False)
    x = np.random.default_rng(1).normal(5, 3, (3, 4, 5, 2))
    y = trial.forward(x, trial.cache(2))
    mean, variance = (over_channels(values) for values in trial.state.values())
    weight, bias = (over_channels(trial.parameters[role]) for role in ("weight", "bias"))
    np.testing.assert_allclose(y, weight * (x - mean) / np.sqrt(variance + 1e-3) + bias)


def test_one_value_per_channel_leaves_the_running_variance_finite() -> None:
    trial = Trial(BatchNorm((3,)), np.random.default_rng(0))
    assert isinstance(trial.layer, BatchNorm)
    cache = trial.cache(1)
    y = trial.forward(np.ones((3, 1)), cache)
    np.testing.assert_array_equal(y[:, 0], trial.parameters["bias"])
    trial.layer.update_running(cache)
    np.testing.assert_allclose(trial.state["running_variance"], 0.9)
