"""Calibration against the definitions, and temperatures against searching."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.model.calibration import (
    brier_scores,
    calibration_error,
    excess_by_confidence,
    fit_temperature,
)
from bpnet.nn.layer import Array
from bpnet.nn.softmax import softmax


def draw(samples: int, temperature: float, seed: int = 1) -> tuple[Array, NDArray[np.int64]]:
    """Return logits (4, samples), and labels drawn from their softmax at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(4, samples))
    chances = softmax(logits / temperature, out=np.empty_like(logits))
    labels = (chances.cumsum(axis=0) < rng.random(samples)).sum(axis=0)
    return logits, np.minimum(labels, 3)


def cross_entropy(logits: Array, labels: NDArray[np.int64], temperature: float) -> float:
    chances = softmax(logits / temperature, out=np.empty_like(logits))
    return float(-np.log(chances[labels, np.arange(len(labels))]).mean())


def error_of(confidence: Array, right: NDArray[np.bool_]) -> float:
    return calibration_error(excess_by_confidence(confidence, right), len(right))


def test_the_calibration_error_of_a_known_case() -> None:
    # Two answers at 0.9, one right; two at 0.5, both right: |1 − 1.8| + |2 − 1| over 4.
    confidence, right = np.array([0.9, 0.9, 0.5, 0.5]), np.array([True, False, True, True])
    assert error_of(confidence, right) == pytest.approx(0.45)


def test_sure_right_answers_have_no_calibration_error() -> None:
    assert error_of(np.ones(3), np.ones(3, dtype=bool)) == 0
    assert error_of(np.ones(3), np.zeros(3, dtype=bool)) == 1


def test_probabilities_that_are_true_are_calibrated_and_others_are_not() -> None:
    logits, labels = draw(100_000, 1)
    error = {}
    for temperature in (0.5, 1, 2):
        chances = softmax(logits / temperature, np.empty_like(logits))
        right = chances.argmax(axis=0) == labels
        error[temperature] = error_of(chances.max(axis=0), right)
    assert error[1] < 0.005
    assert min(error[0.5], error[2]) > 0.08


def test_the_brier_score_is_the_squared_distance_to_the_right_answer() -> None:
    logits, labels = draw(50, 1)
    probabilities = softmax(logits, np.empty_like(logits))
    distances = np.square(probabilities - np.eye(4)[labels].T).sum(axis=0)
    assert brier_scores(probabilities, labels) == pytest.approx(distances)
    assert brier_scores(np.eye(3), np.array([1, 2, 0])).tolist() == [2, 2, 2]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_the_temperature_of_the_labels_is_found(temperature: float) -> None:
    logits, labels = draw(20_000, temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 90.0])
def test_no_other_temperature_has_a_lower_cross_entropy(scale: float) -> None:
    logits, labels = draw(20_000, 1.7)
    logits *= scale
    found = fit_temperature(logits, labels)
    least = cross_entropy(logits, labels, found)
    for factor in (0.98, 1.02):
        assert least < cross_entropy(logits, labels, factor * found)


def test_right_answers_alone_do_not_make_the_network_infinitely_sure() -> None:
    logits = 40 * np.eye(3)[:, np.arange(30) % 3]
    found = fit_temperature(logits, np.arange(30) % 3)
    chances = softmax(logits / found, np.empty_like(logits))
    assert chances.max(axis=0) == pytest.approx(1 - 2 / 3 / 32, abs=1e-6)


def test_nothing_is_learned_from_outputs_that_say_nothing() -> None:
    labels = np.array([0, 1, 2, 0])
    assert fit_temperature(np.ones((3, 4)), labels) == 1
    always_wrong = fit_temperature(np.eye(3), np.array([1, 2, 0]))
    assert always_wrong == pytest.approx(1000)


def test_outputs_are_left_as_they_are() -> None:
    logits, labels = draw(30, 2)
    before = logits.copy()
    fit_temperature(logits, labels)
    assert np.array_equal(logits, before)
