"""Starting weights: their spread, their biases, their seed."""

import math
from typing import Any

import numpy as np
import pytest

from bpnet.nn.conv import Conv
from bpnet.nn.init import initialise, standard_deviation
from bpnet.nn.layer import Layer
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.norm import BatchNorm
from bpnet.nn.sequential import Sequential


def started(layer: Layer[Any], name: str, seed: int = 0) -> Layer[Any]:
    Sequential([layer], CrossEntropy(1), np.float64)  # gives the layer its parameters
    initialise(layer, name, np.random.default_rng(seed))
    return layer


@pytest.mark.parametrize(
    ("name", "linear", "conv"),  # variances for 400 → 100 features and 16 → 64 filters of 5×5
    [
        ("he", 2 / 400, 2 / 400),
        ("glorot", 2 / 500, 2 / 2000),
        ("lecun", 1 / 400, 1 / 400),
        ("normal", 1.0, 1.0),
        ("zeros", 0.0, 0.0),
    ],
)
def test_weights_spread_as_their_source_says(name: str, linear: float, conv: float) -> None:
    layers: list[tuple[Layer[Any], float]] = [
        (Linear((400,), 100), linear),
        (Conv((16, 8, 8), 64, 5), conv),
    ]
    for layer, variance in layers:
        weight = getattr(started(layer, name), "weight")  # noqa: B009
        assert standard_deviation(name, weight.shape) == pytest.approx(math.sqrt(variance))
        tolerance = 4 * math.sqrt(variance / 2 / weight.size)  # of a standard deviation's estimate
        assert abs(weight.std() - math.sqrt(variance)) <= tolerance
        assert abs(weight.mean()) <= 4 * math.sqrt(variance / weight.size)


def test_biases_start_at_zero_but_for_normal() -> None:
    for name in ("he", "glorot", "lecun", "zeros"):
        assert not getattr(started(Linear((3,), 500), name), "bias").any()  # noqa: B009
    bias = getattr(started(Linear((3,), 500), "normal"), "bias")  # noqa: B009
    assert bias.std() == pytest.approx(1, abs=0.15)
    assert abs(bias.mean()) <= 4 / math.sqrt(bias.size)


@pytest.mark.parametrize("name", ["he", "zeros"])
def test_batchnorm_starts_as_the_identity(name: str) -> None:
    layer = started(BatchNorm((5,)), name)
    assert isinstance(layer, BatchNorm)
    np.testing.assert_array_equal(layer.weight, 1)
    np.testing.assert_array_equal(layer.bias, 0)
    np.testing.assert_array_equal(layer.running_mean, 0)
    np.testing.assert_array_equal(layer.running_variance, 1)


def test_the_seed_decides() -> None:
    first, same, other = (
        getattr(started(Linear((9,), 9), "he", seed), "weight")  # noqa: B009
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()
