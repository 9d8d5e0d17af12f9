"""The smooth relatives of ReLU against their definitions, computed number by number."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpnet.nn.elu import ELU
from bpnet.nn.gelu import GELU
from bpnet.nn.layer import Layer
from bpnet.nn.softplus import Softplus
from tests.helpers.gradients import Trial

POINTS = [-30.0, -4.0, -2.0, -1.0, -0.1, 0.0, 0.1, 1.0, 2.0, 4.0, 30.0]


def normal_distribution(z: float) -> float:
    """Return Φ(z)."""
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def gelu_slope(z: float) -> float:
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return normal_distribution(z) + z * density


@pytest.mark.parametrize(
    ("layer", "value", "slope", "tolerance"),
    [
        (
            ELU((11,), 0.7),
            lambda z: z if z > 0 else 0.7 * (math.exp(z) - 1),
            lambda z: 1 if z > 0 else 0.7 * math.exp(z),  # at the kink that of the left
            1e-12,
        ),
        (
            Softplus((11,)),
            lambda z: math.log1p(math.exp(z)),
            lambda z: 1 / (1 + math.exp(-z)),
            1e-12,
        ),
        (GELU((11,)), lambda z: z * normal_distribution(z), gelu_slope, 1.5e-3),
    ],
    ids=["elu", "softplus", "gelu"],
)
def test_value_and_slope_are_those_of_the_definition(
    layer: Layer[Any],
    value: Callable[[float], float],
    slope: Callable[[float], float],
    tolerance: float,
) -> None:
    trial = Trial(layer, np.random.default_rng(0))
    results = trial.run(np.array(POINTS)[:, None], np.full((11, 1), 2.0), trial.cache(1))
    values, slopes = [value(z) for z in POINTS], [2 * slope(z) for z in POINTS]
    np.testing.assert_allclose(results["output"][:, 0], values, rtol=0, atol=tolerance)
    np.testing.assert_allclose(results["input"][:, 0], slopes, rtol=0, atol=2 * tolerance)


def test_gelu_is_as_close_to_its_definition_as_it_says() -> None:
    x = np.linspace(-6, 6, 2001)
    trial = Trial(GELU((2001,)), np.random.default_rng(0))
    exact = x * np.array([normal_distribution(z) for z in x])
    assert np.abs(trial.forward(x[:, None], trial.cache(1))[:, 0] - exact).max() < 0.0005


@pytest.mark.parametrize("layer", [ELU((2,)), Softplus((2,)), GELU((2,))], ids=lambda one: one.kind)
def test_huge_inputs_stay_finite(layer: Layer[Any]) -> None:
    trial = Trial(layer, np.random.default_rng(0), np.float32)
    x = np.array([[1e4], [-1e4]], dtype=np.float32)
    results = trial.run(x, np.ones_like(x), trial.cache(1))
    np.testing.assert_array_equal(
        results["output"][:, 0], [1e4, -1.0 if layer.kind == "elu" else 0]
    )
    np.testing.assert_array_equal(results["input"][:, 0], [1, 0])
