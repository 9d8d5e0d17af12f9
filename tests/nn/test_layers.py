"""What holds for every layer: right gradients, and nothing touched that is not its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpnet.nn.activation import Sigmoid
from bpnet.nn.avgpool import AvgPool
from bpnet.nn.conv import Conv
from bpnet.nn.globalavgpool import GlobalAvgPool
from bpnet.nn.layer import Array, Layer, ShapeError
from bpnet.nn.linear import Linear, LinearCache
from bpnet.nn.pool import MaxPool
from bpnet.nn.sliding_pool import SlidingMaxPool
from bpnet.nn.softmax import Softmax
from tests.helpers.gradients import TOLERANCE, Trial, assert_close, projection_error
from tests.helpers.layer_cases import every_layer, inputs_for, one_case, trial_of

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
@pytest.mark.parametrize("wants_input_gradient", [True, False])
def test_backward_leaves_the_output_alone(kind: str, wants_input_gradient: bool) -> None:
    trial, rng = trial_of(kind, 4)
    trial.wants_input_gradient = wants_input_gradient
    x, grad_output = one_case(trial, 5, rng)
    cache = trial.cache(5)
    output = trial.forward(x, cache)
    before = output.copy()
    trial.layer.backward(grad_output, cache)
    np.testing.assert_array_equal(output, before)


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
    results = []
    for wants_input_gradient in (True, False):
        trial, rng = trial_of(kind, 2, wants_input_gradient=wants_input_gradient)
        results.append(trial.run(*one_case(trial, 4, rng), trial.cache(4)))
    expected, found = results
    del expected["input"]
    assert_close(found, expected, 0.0)


@every_layer
@pytest.mark.parametrize("seed", range(3))
def test_evaluation_keeps_nothing_for_backward(kind: str, seed: int) -> None:
    trial, rng = trial_of(kind, seed, training=False)
    batch = 11  # no layer here has as many channels
    cache = trial.cache(batch)
    trial.forward(one_case(trial, batch, rng)[0], cache)
    kept = [array for array in trial.memory.handed_out if array.size and array.shape[-1] == batch]
    assert not [array.shape for array in kept if np.isnan(array).any()], "reserved but not written"
    borders = [getattr(cache, name, None) for name in ("padded", "columns")]
    assert all(any(array is border for border in borders) for array in trial.memory.kept_zero)


@every_layer
def test_outputs_have_the_shape_that_the_layer_announces(kind: str) -> None:
    for seed in range(6):
        trial, rng = trial_of(kind, seed)
        results = trial.run(*one_case(trial, 3, rng), trial.cache(3))
        assert results["output"].shape == (*trial.layer.output_shape, 3)
        assert results["input"].shape == (*trial.layer.input_shape, 3)


# --- Shapes that do not fit


@pytest.mark.parametrize(
    "build",
    [
        lambda: Linear((1, 3, 3), 4),
        lambda: Conv((9,), 4, 3),
        lambda: Conv((1, 3, 8), 4, 5),
        lambda: MaxPool((9,), 2),
        lambda: AvgPool((1, 8, 3), 4),
        lambda: SlidingMaxPool((1, 8, 8), 3, padding=2),
        lambda: AvgPool((1, 8, 8), 1, padding=1),
        lambda: Softmax((1, 3, 3)),
        lambda: GlobalAvgPool((9,)),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ShapeError):
        build()


def test_padding_makes_room_for_a_kernel() -> None:
    assert Conv((1, 3, 8), 4, 5, padding=1).output_shape == (4, 1, 6)
    assert SlidingMaxPool((2, 3, 8), 4, padding=1).output_shape == (2, 1, 2)


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (SlidingMaxPool((1, 4, 4), 3, 2, 1), [[5, 7], [13, 15]]),
        (AvgPool((1, 4, 4), 3, 2, 1), [[10 / 9, 24 / 9], [51 / 9, 90 / 9]]),  # zeros count
        (SlidingMaxPool((1, 4, 4), 2, 1), [[5, 6, 7], [9, 10, 11], [13, 14, 15]]),
        (SlidingMaxPool((1, 4, 4), 1, 3), [[0, 3], [12, 15]]),
    ],
)
def test_windows_of_a_pool_may_overlap_lie_apart_and_reach_beyond_the_border(
    pool: Layer[Any], expected: list[list[float]]
) -> None:
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    trial = Trial(pool, np.random.default_rng(0))
    found = trial.forward(x, trial.cache(1))[0, ..., 0]
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-15)
