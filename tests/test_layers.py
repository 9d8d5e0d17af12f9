"""Every layer: its equations, its gradients, and what it leaves alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gradients import TOLERANCE, Trial, assert_close, projection_error
from numpy.typing import NDArray

from bpnet.nn.activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from bpnet.nn.conv import Conv, Convolution
from bpnet.nn.dropout import Dropout, DropoutCache
from bpnet.nn.layer import Array, Layer, ShapeError
from bpnet.nn.linear import Linear, LinearCache
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import AvgPool, MaxPool
from bpnet.nn.reshape import Flatten, Scale
from bpnet.nn.winograd import WinogradConv

Rng = np.random.Generator
Maker = Callable[[Rng], Layer[Any]]


def draw(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def picture(rng: Rng) -> tuple[int, int, int]:
    """Draw (channels, height, width), never square."""
    height, extra = draw(rng, 5, 7), draw(rng, 1, 3)
    sides = (height, height + extra) if rng.random() < 0.5 else (height + extra, height)
    return (draw(rng, 1, 4), *sides)


def any_shape(rng: Rng) -> tuple[int, ...]:
    return picture(rng) if rng.random() < 0.5 else (draw(rng, 2, 9),)


def conv(rng: Rng) -> Conv:
    kernel, stride, padding = draw(rng, 1, 4), draw(rng, 1, 3), draw(rng, 0, 2)
    return Conv(picture(rng), draw(rng, 1, 4), kernel, stride, padding, bool(rng.random() < 0.7))


MAKERS: dict[str, Maker] = {
    "linear": lambda rng: Linear((draw(rng, 1, 9),), draw(rng, 1, 9), bool(rng.random() < 0.7)),
    "conv": conv,
    "conv_plain": lambda rng: Conv(picture(rng), 3, 3),
    "conv_padded": lambda rng: Conv(picture(rng), 2, 5, 1, 2),
    "conv_strided": lambda rng: Conv(picture(rng), 2, 3, 2, 1, bias=False),
    "conv_winograd": lambda rng: WinogradConv(
        picture(rng), draw(rng, 1, 4), padding=draw(rng, 0, 2), bias=bool(rng.random() < 0.7)
    ),
    "maxpool": lambda rng: MaxPool(picture(rng), draw(rng, 1, 4)),
    "avgpool": lambda rng: AvgPool(picture(rng), draw(rng, 1, 4)),
    "flatten": lambda rng: Flatten(picture(rng)),
    "relu": lambda rng: ReLU(any_shape(rng)),
    "leaky_relu": lambda rng: LeakyReLU(any_shape(rng), 0.1),
    "sigmoid": lambda rng: Sigmoid(any_shape(rng)),
    "tanh": lambda rng: Tanh(any_shape(rng)),
    "softmax": lambda rng: Softmax((draw(rng, 2, 9),)),
    "dropout": lambda rng: Dropout(any_shape(rng), 0.4),
    "batchnorm": lambda rng: BatchNorm(any_shape(rng), 0.2, 1e-4),
    "scale": lambda rng: Scale(any_shape(rng), -1.7),
}
every_layer = pytest.mark.parametrize("kind", MAKERS)


def inputs_for(layer: Layer[Any], batch: int, rng: Rng) -> NDArray[np.float64]:
    """Draw inputs away from the kink at 0 and no two of them equal, as far as the step goes."""
    size = int(np.prod(layer.input_shape)) * batch
    magnitudes = rng.permutation(np.linspace(0.1, 2.0, size))
    signed: NDArray[np.float64] = magnitudes * rng.choice([-1.0, 1.0], size)
    return signed.reshape(*layer.input_shape, batch)


def trial_of(kind: str, seed: int, **options: Any) -> tuple[Trial, Rng]:
    rng = np.random.default_rng([seed, list(MAKERS).index(kind)])
    return Trial(MAKERS[kind](rng), rng, **options), rng


def one_case(trial: Trial, batch: int, rng: Rng) -> tuple[Array, Array]:
    """Draw an input and a gradient of the output."""
    x = inputs_for(trial.layer, batch, rng).astype(trial.dtype)
    grad_output = rng.normal(size=(*trial.layer.output_shape, batch)).astype(trial.dtype)
    return x, grad_output


# --- Gradients


@every_layer
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("batch", [1, 5])
def test_gradients_match_central_differences(kind: str, seed: int, batch: int) -> None:
    trial, rng = trial_of(kind, seed)
    errors = trial.gradient_errors(inputs_for(trial.layer, batch, rng), rng)
    assert max(errors.values()) <= TOLERANCE, errors


@every_layer
def test_a_gradient_wrong_by_a_thousandth_is_caught(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, rng = trial_of(kind, 3)
    x = inputs_for(trial.layer, 5, rng)
    right = trial.layer.backward
    for planted in ("input", *trial.parameters):

        def wrong(grad_output: Array, cache: Any, planted: str = planted) -> Array:
            grad_input = right(grad_output, cache)
            if planted in trial.gradients:
                trial.gradients[planted] *= 1.001
                return grad_input
            return grad_input * 1.001

        monkeypatch.setattr(trial.layer, "backward", wrong)
        errors = trial.gradient_errors(x, rng)
        assert [name for name, error in errors.items() if error > TOLERANCE] == [planted]


class ForgetfulSigmoid(Sigmoid):
    """Leave out one factor of the derivative."""

    def backward(self, grad_output: Array, cache: Any) -> Array:
        grad_input: Array = grad_output * cache.output
        return grad_input


class CrookedConv(Conv):
    """Read the windows one pixel off in backward."""

    def backward(self, grad_output: Array, cache: Any) -> Array:
        cache.columns[...] = np.roll(cache.columns, 1, axis=-1)
        return super().backward(grad_output, cache)


class AccumulatingLinear(Linear):
    """Add to the gradient that the last step left behind."""

    def backward(self, grad_output: Array, cache: LinearCache) -> Array:
        before = cache.gradients["weight"].copy()
        grad_input = super().backward(grad_output, cache)
        cache.gradients["weight"][...] += before
        return grad_input


@pytest.mark.parametrize(
    ("layer", "planted"),
    [
        (ForgetfulSigmoid((4,)), "input"),
        (CrookedConv((2, 5, 6), 3, 3), "weight"),
        (AccumulatingLinear((4,), 3), "weight"),
    ],
)
def test_a_planted_bug_is_caught(layer: Layer[Any], planted: str) -> None:
    rng = np.random.default_rng(0)
    errors = Trial(layer, rng).gradient_errors(inputs_for(layer, 3, rng), rng)
    assert [name for name, error in errors.items() if not error <= TOLERANCE] == [planted]


def test_the_projection_finds_a_gradient_of_another_function() -> None:
    rng = np.random.default_rng(0)
    at = rng.normal(size=20)
    right, wrong = np.cos(at), np.cos(at) * np.where(np.arange(20) == 7, 1.1, 1.0)
    assert projection_error(lambda: float(np.sin(at).sum()), at, right, rng) <= TOLERANCE
    assert projection_error(lambda: float(np.sin(at).sum()), at, wrong, rng) > TOLERANCE


# --- Caches, arguments, types


@every_layer
@pytest.mark.parametrize("seed", range(3))
def test_a_short_shard_works_in_the_memory_of_a_full_one(kind: str, seed: int) -> None:
    trial, rng = trial_of(kind, seed)
    full, short = one_case(trial, 6, rng), one_case(trial, 2, rng)
    expected = {}
    for case in (full, short):
        expected[case[0].shape[-1]] = trial.run(*case, trial.cache(case[0].shape[-1]))
    caches = {batch: trial.cache(batch) for batch in (6, 2)}
    for case in (full, short, full, short, short, full):
        trial.memory.poison()
        for gradient in trial.gradients.values():
            gradient.fill(np.nan)
        batch = case[0].shape[-1]
        assert_close(trial.run(*case, caches[batch]), expected[batch], 1e-13)


@every_layer
@pytest.mark.parametrize("training", [True, False])
def test_arguments_are_left_alone(kind: str, training: bool) -> None:
    trial, rng = trial_of(kind, 1, training=training)
    x, grad_output = one_case(trial, 4, rng)
    kept = [array.copy() for array in (x, grad_output, *trial.parameters.values())]
    cache = trial.cache(4)
    trial.forward(x, cache)
    if training:
        trial.layer.backward(grad_output, cache)
    for array, copy in zip((x, grad_output, *trial.parameters.values()), kept, strict=True):
        np.testing.assert_array_equal(array, copy)


@every_layer
def test_calls_assign_nothing_to_the_layer(kind: str) -> None:
    trial, rng = trial_of(kind, 1)
    before = dict(vars(trial.layer))
    trial.run(*one_case(trial, 4, rng), trial.cache(4))
    assert vars(trial.layer).keys() == before.keys()
    assert all(vars(trial.layer)[name] is value for name, value in before.items())


@every_layer
@pytest.mark.parametrize("seed", range(3))
def test_float32_follows_float64(kind: str, seed: int) -> None:
    single, rng = trial_of(kind, seed, dtype=np.float32)
    x, grad_output = one_case(single, 5, rng)
    found = single.run(x, grad_output, single.cache(5))
    assert all(array.dtype == np.float32 for array in found.values())
    double = Trial(single.layer, rng)
    for role, values in single.parameters.items():
        double.parameters[role][...] = values
    expected = double.run(x.astype(float), grad_output.astype(float), double.cache(5))
    assert_close(found, expected, 1e-5)


@every_layer
def test_without_an_input_gradient_the_parameters_get_the_same(kind: str) -> None:
    trial, rng = trial_of(kind, 2)
    case = one_case(trial, 4, rng)
    expected = trial.run(*case, trial.cache(4))
    del expected["input"]
    trial.needs_grad_input = False
    assert_close(trial.run(*case, trial.cache(4)), expected, 0.0)


@every_layer
@pytest.mark.parametrize("seed", range(3))
def test_evaluation_keeps_nothing_for_backward(kind: str, seed: int) -> None:
    trial, rng = trial_of(kind, seed, training=False)
    batch = 11  # no layer here has as many channels
    cache = trial.cache(batch)
    trial.forward(one_case(trial, batch, rng)[0], cache)
    kept = [array for array in trial.memory.handed_out if array.size and array.shape[-1] == batch]
    assert not [array.shape for array in kept if np.isnan(array).any()], "reserved but not written"
    borders = [getattr(cache, "padded", None)]
    assert all(any(array is border for border in borders) for array in trial.memory.kept_zero)


@every_layer
def test_outputs_have_the_shape_that_the_layer_announces(kind: str) -> None:
    for seed in range(6):
        trial, rng = trial_of(kind, seed)
        results = trial.run(*one_case(trial, 3, rng), trial.cache(3))
        assert results["output"].shape == (*trial.layer.output_shape, 3)
        assert results["input"].shape == (*trial.layer.input_shape, 3)


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


def plain_conv(layer: Convolution[Any], x: Array) -> NDArray[np.float64]:
    """Convolve by the definition, one multiply-add at a time."""
    kernel, stride, padding = layer.kernel_size, layer.stride, layer.padding
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
    assert isinstance(trial.layer, Convolution)
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
    cache.rng = np.random.default_rng(seed)
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


# --- Shapes that do not fit


@pytest.mark.parametrize(
    "build",
    [
        lambda: Linear((1, 3, 3), 4),
        lambda: Conv((9,), 4, 3),
        lambda: Conv((1, 3, 8), 4, 5),
        lambda: MaxPool((9,), 2),
        lambda: AvgPool((1, 8, 3), 4),
        lambda: Softmax((1, 3, 3)),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()


def test_padding_makes_room_for_a_kernel() -> None:
    assert Conv((1, 3, 8), 4, 5, padding=1).output_shape == (4, 1, 6)
