"""Every loss: its equation, its gradient, its shards, and its behaviour at the extremes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.nn.binary_cross_entropy import BinaryCrossEntropy
from bpnet.nn.layer import Array
from bpnet.nn.loss import CrossEntropy, Loss, LossCache
from bpnet.nn.memory import Room
from bpnet.nn.registry import build_loss
from bpnet.nn.squared_error import MeanSquaredError, QuadraticCost
from tests.helpers.gradients import TOLERANCE, PoisonedMemory, projection_error

LOSSES: dict[str, Callable[[int], Loss]] = {
    "cross_entropy": CrossEntropy,
    "cross_entropy_smoothed": lambda outputs: CrossEntropy(outputs, 0.1),
    "mse": MeanSquaredError,
    "quadratic": QuadraticCost,
    "binary_cross_entropy": BinaryCrossEntropy,
    "binary_cross_entropy_smoothed": lambda outputs: BinaryCrossEntropy(outputs, 0.1),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
both_targets = pytest.mark.parametrize("numbers", [False, True])


def case(
    numbers: bool, outputs: int = 4, batch: int = 6, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Draw outputs, and targets as class numbers or as numbers that sum to 1."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, (outputs, batch))
    labels = rng.integers(0, outputs, batch)
    return z, rng.dirichlet(np.ones(outputs), batch) if numbers else labels


def allocate(loss: Loss, batch: int, dtype: type = np.float64) -> LossCache:
    return loss.allocate(Room(batch, PoisonedMemory(dtype, training=True)))


def one_hot(targets: Array, outputs: int) -> Array:
    """Return targets as (outputs, batch)."""
    return targets.T if targets.ndim > 1 else np.eye(outputs)[targets.astype(int)].T


def by_formula(name: str, z: Array, y: Array) -> float:
    """Compute the sum of the losses as the textbook writes it."""
    outputs = len(z)
    if name.startswith("cross_entropy"):
        y = 0.9 * y + 0.1 / outputs if "smoothed" in name else y
        return float(-(y * np.log(np.exp(z) / np.exp(z).sum(axis=0))).sum())
    if name.startswith("binary"):
        y = 0.9 * y + 0.05 if "smoothed" in name else y
        chance = 1 / (1 + np.exp(-z))
        return float(-(y * np.log(chance) + (1 - y) * np.log(1 - chance)).mean(axis=0).sum())
    squares = (z - y) ** 2
    return float(squares.mean(axis=0).sum() if name == "mse" else 0.5 * squares.sum())


@every_loss
@both_targets
def test_the_loss_is_the_textbook_formula(name: str, numbers: bool) -> None:
    z, targets = case(numbers)
    found = LOSSES[name](4).forward(z, targets, allocate(LOSSES[name](4), 6))
    assert found == pytest.approx(by_formula(name, z, one_hot(targets, 4)), rel=1e-12)


@every_loss
@both_targets
@pytest.mark.parametrize(("outputs", "batch"), [(4, 6), (2, 1), (10, 3)])
@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_gradients_match_central_differences(
    name: str, numbers: bool, outputs: int, batch: int, factor: float
) -> None:
    loss = LOSSES[name](outputs)
    cache = allocate(loss, batch)
    z, targets = case(numbers, outputs, batch)

    def mean() -> float:
        return loss.forward(z, targets, cache) / batch

    mean()
    gradient = loss.backward(z, cache, batch) * factor
    error = projection_error(mean, z, gradient, np.random.default_rng(1))
    assert (error <= TOLERANCE) == (factor == 1.0), error


@every_loss
@both_targets
def test_shards_add_up_to_the_whole_batch(name: str, numbers: bool) -> None:
    loss = LOSSES[name](4)
    z, targets = case(numbers, batch=7)
    whole = allocate(loss, 7)
    total = loss.forward(z, targets, whole)
    gradient = loss.backward(z, whole, 7)
    sums, gradients, correct = 0.0, [], 0
    for part in (slice(0, 5), slice(5, 7)):
        shard = np.ascontiguousarray(z[:, part])
        cache = allocate(loss, shard.shape[1])
        sums += loss.forward(shard, targets[part], cache)
        gradients.append(loss.backward(shard, cache, 7))
        correct += cache.correct
    assert sums == pytest.approx(total, rel=1e-12)
    assert correct == whole.correct
    np.testing.assert_allclose(np.hstack(gradients), gradient, rtol=1e-12)


@every_loss
@both_targets
def test_arguments_are_left_alone_and_a_cache_serves_again(name: str, numbers: bool) -> None:
    loss = LOSSES[name](4)
    z, targets = case(numbers)
    kept = z.copy(), targets.copy()
    cache = allocate(loss, 6)
    first = loss.forward(z, targets, cache), loss.backward(z, cache, 6).copy()
    loss.forward(-z, targets[::-1], cache)
    loss.backward(-z, cache, 6)
    again = loss.forward(z, targets, cache), loss.backward(z, cache, 6)
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])
    np.testing.assert_array_equal(z, kept[0])
    np.testing.assert_array_equal(targets, kept[1])


@every_loss
@both_targets
def test_float32_follows_float64(name: str, numbers: bool) -> None:
    loss = LOSSES[name](4)
    z, targets = case(numbers)
    z = z.astype(np.float32)
    results = []
    for dtype in (np.float32, np.float64):
        cache = allocate(loss, 6, dtype)
        total = loss.forward(z.astype(dtype), targets, cache)
        gradient = loss.backward(z.astype(dtype), cache, 6)
        assert gradient.dtype == dtype
        results.append((total, gradient))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_huge_logits_is_exact(dtype: type) -> None:
    loss, cache = CrossEntropy(3), allocate(CrossEntropy(3), 3, dtype)
    z: Array = np.array([[1e4, 1e4, -1e4], [-1e4, -1e4, -1e4], [0, 0, -1e4]], dtype)
    total = loss.forward(z, np.array([0, 1, 2]), cache)
    assert total == pytest.approx(0 + 2e4 + math.log(3))
    gradient = loss.backward(z, cache, 1)
    third = 1 / 3
    expected = [[0, 1, third], [0, -1, third], [0, 0, third - 1]]
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_of_huge_logits_is_exact(dtype: type) -> None:
    loss, cache = BinaryCrossEntropy(1), allocate(BinaryCrossEntropy(1), 4, dtype)
    z: Array = np.array([[1e4, -1e4, 1e4, -1e4]], dtype)
    total = loss.forward(z, np.array([[1.0], [0.0], [0.0], [1.0]]), cache)
    assert total == pytest.approx(2e4)
    np.testing.assert_array_equal(loss.backward(z, cache, 1), [[0, 0, 1, -1]])


@pytest.mark.parametrize("logit", [-40.0, -20.0, 20.0])
def test_binary_cross_entropy_keeps_small_losses(logit: float) -> None:
    loss = BinaryCrossEntropy(1)
    wanted = np.array([[float(logit > 0)]])
    total = loss.forward(np.array([[logit]]), wanted, allocate(loss, 1))
    assert total == pytest.approx(math.exp(-abs(logit)), rel=1e-6)


def test_right_answers_are_counted_as_a_prediction_would() -> None:
    z = np.array([[2.0, 0, 5, 1], [1, 3, 5, 1], [0, 1, 0, 1]])
    for loss in (CrossEntropy(3), MeanSquaredError(3), BinaryCrossEntropy(3)):
        cache = allocate(loss, 4)
        for labels, correct in (([0, 1, 0, 0], 4), ([0, 1, 1, 2], 2), ([1, 2, 2, 2], 0)):
            loss.forward(z, np.array(labels), cache)
            assert cache.correct == correct, "among equal outputs the first is the largest"


def test_answers_to_several_questions_are_right_when_all_are() -> None:
    z = np.array([[2.0, -1, 2], [-3, 4, 1]])
    loss = BinaryCrossEntropy(2)
    cache = allocate(loss, 3)
    loss.forward(z, np.array([[1, 0], [0, 1], [1, 0]], float), cache)
    assert cache.correct == 2
    MeanSquaredError(2).forward(z, np.ones((3, 2)), cache)
    assert cache.correct == 0


@every_loss
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_are_probabilities(name: str, scale: float, dtype: type) -> None:
    z: Array = (case(False)[0] * scale).astype(dtype)
    z[:, 0] = -np.abs(z[:, 0]) - 200  # no class at all
    kept = z.copy()
    chances = LOSSES[name](4).probabilities(z)
    assert chances.dtype == dtype
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-6)
    if scale == 1.0:
        np.testing.assert_array_equal(chances.argmax(axis=0)[1:], z.argmax(axis=0)[1:])
    np.testing.assert_array_equal(z, kept)


def test_probabilities_match_their_formulas() -> None:
    z = np.array([[1.0, -2.0]])
    np.testing.assert_allclose(BinaryCrossEntropy(1).probabilities(z), 1 / (1 + np.exp(-z)))
    two = 1 / (1 + np.exp(-z.T))
    np.testing.assert_allclose(BinaryCrossEntropy(2).probabilities(z.T), two / two.sum())
    logits = np.array([[0.0], [math.log(3)]])
    np.testing.assert_allclose(CrossEntropy(2).probabilities(logits), [[0.25], [0.75]])
    no_votes = np.full((4, 1), -1.0)
    np.testing.assert_allclose(QuadraticCost(4).probabilities(no_votes), 0.25)


@every_loss
def test_backward_needs_nothing_that_a_backward_before_it_has_overwritten(name: str) -> None:
    loss = LOSSES[name](4)
    cache = allocate(loss, 6)
    z, targets = case(numbers=False)
    loss.forward(z, targets, cache)
    first = loss.backward(z, cache, 6).copy()
    np.testing.assert_array_equal(loss.backward(z, cache, 6), first)


def test_a_loss_is_found_by_its_name() -> None:
    for name, kind in (
        ("cross_entropy", CrossEntropy),
        ("binary_cross_entropy", BinaryCrossEntropy),
        ("mse", MeanSquaredError),
        ("quadratic", QuadraticCost),
    ):
        loss = build_loss(name, 3)
        assert type(loss) is kind
        assert loss.outputs == 3
        assert loss.label_smoothing == 0
    smoothed = build_loss("cross_entropy", 3, 0.2)
    assert isinstance(smoothed, CrossEntropy)
    assert smoothed.label_smoothing == 0.2
