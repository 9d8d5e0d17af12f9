"""Optimisers against the formulas of their authors, written in one line each."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.settings import OptimizerConfig
from bpnet.nn.parameters import FlatArrays
from bpnet.training.optimizer import Optimizer
from bpnet.training.optimizers import OPTIMIZERS, build_optimizer
from tests.helpers.tiny import read_config

Vector = NDArray[np.float64]
Rule = Callable[[Vector, Vector, float], Vector]  # weights, gradient, rate → new weights

SHAPES = {"1.weight": (2, 3), "1.bias": (2,), "2.weight": (4,), "2.bias": (4,)}
DECAYED = np.array([1.0] * 6 + [0.0] * 10)  # matrices only: no bias, no factor of a batchnorm
STEPS = 7


def config(**settings: Any) -> OptimizerConfig:
    plain = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    return OptimizerConfig(**(plain | settings))


def drawn(seed: int) -> Vector:
    return np.random.default_rng(seed).normal(size=len(DECAYED))


def rates() -> Iterator[float]:
    return iter(0.1 / (1 + np.arange(STEPS)))


def move(optimizer: Optimizer, g: NDArray[Any], rate: float) -> None:
    """Take a step of all parameters."""
    gradients = optimizer.parameters.like()
    gradients.flat[:] = g
    optimizer.step(gradients, rate)


def trained(settings: OptimizerConfig, gradients: list[Vector]) -> Vector:
    """Return the weights after steps along the given gradients."""
    parameters = FlatArrays(SHAPES, np.float64)
    parameters.flat[:] = drawn(0)
    optimizer = build_optimizer(parameters, settings)
    for gradient, rate in zip(gradients, rates(), strict=True):
        move(optimizer, gradient, rate)
    return parameters.flat.astype(np.float64)


def by_formula(rule: Rule, gradients: list[Vector]) -> Vector:
    w = drawn(0)
    for gradient, rate in zip(gradients, rates(), strict=True):
        w = rule(w, gradient, rate)
    return w


def momentum_rule(mu: float, *, nesterov: bool, decay: float) -> Rule:
    v = np.zeros_like(DECAYED)

    def rule(w: Vector, g: Vector, rate: float) -> Vector:
        nonlocal v
        g = g + decay * DECAYED * w
        v = mu * v - rate * g
        return w + mu * v - rate * g if nesterov else w + v

    return rule


def rmsprop_rule(rho: float, eps: float, decay: float) -> Rule:
    s = np.zeros_like(DECAYED)

    def rule(w: Vector, g: Vector, rate: float) -> Vector:
        nonlocal s
        g = g + decay * DECAYED * w
        s = rho * s + (1 - rho) * g**2
        return w - rate * g / (np.sqrt(s) + eps)

    return rule


def adagrad_rule(eps: float, decay: float) -> Rule:
    s = np.zeros_like(DECAYED)

    def rule(w: Vector, g: Vector, rate: float) -> Vector:
        nonlocal s
        g = g + decay * DECAYED * w
        s = s + g**2
        moved: Vector = w - rate * g / (np.sqrt(s) + eps)
        return moved

    return rule


def adam_rule(decay: float, *, decoupled: bool, beta1: float, beta2: float, eps: float) -> Rule:
    m, s, t = np.zeros_like(DECAYED), np.zeros_like(DECAYED), 0

    def rule(w: Vector, g: Vector, rate: float) -> Vector:
        nonlocal m, s, t
        t += 1
        g = g if decoupled else g + decay * DECAYED * w
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g**2
        update = (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps)
        return w - rate * (update + (decay * DECAYED * w if decoupled else 0))

    return rule


def lars_rule(mu: float, trust: float, decay: float) -> Rule:
    v = np.zeros_like(DECAYED)

    def rule(w: Vector, g: Vector, rate: float) -> Vector:
        nonlocal v
        norms = np.linalg.norm(w[:6]), np.linalg.norm(g[:6])
        ratio = trust * norms[0] / (norms[1] + decay * norms[0])
        v = mu * v + rate * np.where(DECAYED, ratio * (g + decay * w), g)
        return w - v

    return rule


def lamb_rule(decay: float, *, beta1: float, beta2: float, eps: float) -> Rule:
    m, s, t = np.zeros_like(DECAYED), np.zeros_like(DECAYED), 0

    def rule(w: Vector, g: Vector, rate: float) -> Vector:
        nonlocal m, s, t
        t += 1
        m, s = beta1 * m + (1 - beta1) * g, beta2 * s + (1 - beta2) * g**2
        u = (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps) + decay * DECAYED * w
        ratio = np.linalg.norm(w[:6]) / np.linalg.norm(u[:6])
        return w - rate * np.where(DECAYED, ratio, 1) * u

    return rule


GRADIENTS = [drawn(seed) for seed in range(1, STEPS + 1)]
CASES: dict[str, tuple[OptimizerConfig, Callable[[], Rule]]] = {
    "sgd": (config(), lambda: momentum_rule(0, nesterov=False, decay=0)),
    "sgd with decay": (
        config(weight_decay=0.3),
        lambda: momentum_rule(0, nesterov=False, decay=0.3),
    ),
    "momentum": (config(momentum=0.8), lambda: momentum_rule(0.8, nesterov=False, decay=0)),
    "nesterov with decay": (
        config(momentum=0.8, nesterov=True, weight_decay=0.3),
        lambda: momentum_rule(0.8, nesterov=True, decay=0.3),
    ),
    "adam with decay": (
        config(name="adam", weight_decay=0.3, beta1=0.8, beta2=0.95, epsilon=1e-3),
        lambda: adam_rule(0.3, decoupled=False, beta1=0.8, beta2=0.95, eps=1e-3),
    ),
    "adamw": (
        config(name="adamw", weight_decay=0.3),
        lambda: adam_rule(0.3, decoupled=True, beta1=0.9, beta2=0.999, eps=1e-8),
    ),
    "rmsprop with decay": (
        config(name="rmsprop", weight_decay=0.3, rho=0.8, epsilon=1e-3),
        lambda: rmsprop_rule(0.8, 1e-3, 0.3),
    ),
    "adagrad with decay": (
        config(name="adagrad", weight_decay=0.3, epsilon=1e-3),
        lambda: adagrad_rule(1e-3, 0.3),
    ),
    "lars": (
        config(name="lars", momentum=0.8, trust=0.3),
        lambda: lars_rule(0.8, 0.3, 0),
    ),
    "lars with decay": (
        config(name="lars", momentum=0.8, trust=0.3, weight_decay=0.3),
        lambda: lars_rule(0.8, 0.3, 0.3),
    ),
    "lamb with decay": (
        config(name="lamb", weight_decay=0.3, beta1=0.8, beta2=0.95, epsilon=1e-3),
        lambda: lamb_rule(0.3, beta1=0.8, beta2=0.95, eps=1e-3),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_several_steps_follow_the_formula(case: str) -> None:
    settings, make_rule = CASES[case]
    expected = by_formula(make_rule(), GRADIENTS)
    np.testing.assert_allclose(trained(settings, GRADIENTS), expected, rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_no_two_rules_agree(case: str) -> None:
    settings, _ = CASES[case]
    for other, (_, make_rule) in CASES.items():
        expected = by_formula(make_rule(), GRADIENTS)
        assert np.allclose(trained(settings, GRADIENTS), expected, rtol=1e-3) is (other == case)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_decay_pulls_on_matrices_alone(name: str) -> None:
    still = [np.zeros_like(DECAYED)] * STEPS
    change = trained(config(name=name, weight_decay=0.5), still) - drawn(0)
    assert (change[DECAYED == 0] == 0).all()
    assert (np.sign(change[DECAYED == 1]) == -np.sign(drawn(0)[DECAYED == 1])).all()


def test_adam_starts_with_steps_of_the_learning_rate_whatever_the_gradient() -> None:
    parameters = FlatArrays(SHAPES, np.float64)
    optimizer = build_optimizer(parameters, config(name="adam"))
    move(optimizer, 1e4 * drawn(1), 0.01)
    np.testing.assert_allclose(np.abs(parameters.flat), 0.01, rtol=1e-9)


def test_float32_follows_float64() -> None:
    for settings, _ in CASES.values():
        single = FlatArrays(SHAPES, np.float32)
        single.flat[:] = drawn(0)
        optimizer = build_optimizer(single, settings)
        for gradient, rate in zip(GRADIENTS, rates(), strict=True):
            move(optimizer, gradient.astype(np.float32), rate)
        assert single.flat.dtype == np.float32
        np.testing.assert_allclose(single.flat, trained(settings, GRADIENTS), rtol=1e-4, atol=1e-6)


def test_only_rules_that_remember_keep_memories() -> None:
    parameters = FlatArrays(SHAPES, np.float32)
    memories = {
        (name, momentum): set(
            build_optimizer(parameters, config(name=name, momentum=momentum)).memories
        )
        for name, momentum in (("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0))
    }
    assert memories == {
        ("sgd", 0.0): set(),
        ("sgd", 0.9): {"velocity"},
        ("adam", 0.0): {"mean", "square"},
    }


def test_an_update_moves_nothing_but_its_slice() -> None:
    parameters = FlatArrays(SHAPES, np.float64)
    optimizer = build_optimizer(parameters, config(momentum=0.8))
    part = optimizer.take(lambda arrays: arrays.views["1.weight"], np.ones((2, 3)), decays=True)
    optimizer.update(part, 0.1, 1)
    np.testing.assert_allclose(parameters.views["1.weight"], -0.1)
    assert np.count_nonzero(parameters.flat) == 6
    assert np.count_nonzero(optimizer.memories["velocity"].flat) == 6


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_clipping_shortens_the_gradient_as_a_whole(name: str) -> None:
    largest = float(np.linalg.norm(GRADIENTS[0])) / 3
    moved = []
    for grad_clip, gradient in ((largest, GRADIENTS[0]), (0.0, GRADIENTS[0] / 3)):
        parameters = FlatArrays(SHAPES, np.float64)
        optimizer = build_optimizer(parameters, config(name=name, epsilon=1e-3), grad_clip)
        move(optimizer, gradient, 0.1)
        moved.append(parameters.flat)
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_can_be_written_down(name: str) -> None:
    optimizer = build_optimizer(FlatArrays(SHAPES, np.float64), config(name=name, momentum=0.9))
    text = " ".join(optimizer.formulas(0.125, 3))
    assert "η = 0.125" in text
    assert set(optimizer.letters) >= set(optimizer.memories)
    assert all(f"{letter} ← " in text for letter in optimizer.letters.values())


def test_settings_name_every_optimiser() -> None:
    for name in OPTIMIZERS:
        read_config("", f"optimizer.name={name}")
    with pytest.raises(AssertionError, match=", ".join(OPTIMIZERS)):
        read_config("", "optimizer.name=none")


def test_nothing_is_clipped_unasked() -> None:
    parameters = FlatArrays(SHAPES, np.float64)
    move(OPTIMIZERS["sgd"](parameters, config()), np.full(len(DECAYED), 10.0), 1.0)
    np.testing.assert_array_equal(parameters.flat, -10)


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_where_a_norm_is_zero_a_layer_moves_by_the_plain_rule(name: str) -> None:
    parameters = FlatArrays(SHAPES, np.float64)  # all weights are zero
    optimizer = build_optimizer(parameters, config(name=name, weight_decay=0.3, momentum=0.5))
    move(optimizer, GRADIENTS[0], 0.1)
    expected = -0.1 * (GRADIENTS[0] if name == "lars" else np.sign(GRADIENTS[0]))
    np.testing.assert_allclose(parameters.flat, expected, rtol=1e-6)
