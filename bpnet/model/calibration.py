"""Measure how far probabilities can be believed, and fit the temperature that corrects them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array
from bpnet.nn.softmax import softmax

BINS = 15  # of confidence, equally wide, as in Guo et al.
EDGES = np.linspace(0, 1, BINS + 1)[1:-1]
LOWEST, HIGHEST = 1e-3, 1e3  # temperatures
MOST_STEPS = 50  # of Newton's method, which takes fewer than ten


def excess_by_confidence(confidence: Array, right: NDArray[np.bool_]) -> Array:
    """Return, for each bin of confidence, how many answers are right beyond what was expected.

    Args:
        confidence: the probability of each answer, the largest of all classes (samples,).
        right: which answers are right (samples,).
    """
    bins = np.searchsorted(EDGES, confidence)  # not finite ones too: the loss reports them
    excess: NDArray[Any] = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return excess


def calibration_error(excess: Array, samples: int) -> float:
    """Return the expected calibration error of answers, from their excess in 15 bins.

        ECE = Σ_b |right answers in b − Σ confidence in b| / samples.

    Source: Guo et al., 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    return float(np.abs(excess).sum()) / samples


def brier_scores(probabilities: Array, labels: NDArray[np.int64]) -> Array:
    """Return `Σ_i (p_i − y_i)²` of each sample, with one-hot y: 0 is best, 2 worst.

    Source: Brier, 1950.
    """
    right = probabilities[labels, np.arange(len(labels))]
    squares: Array = np.square(probabilities).sum(axis=0) - 2 * right + 1
    return squares


def fit_temperature(outputs: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the T with which `softmax(z / T)` has the lowest cross-entropy on held-out samples.

    With β = 1/T, the cross-entropy is convex in β, and Newton's method finds where its slope is 0:

        C(β) = Σ (log Σ_i e^{β z_i} − β Σ_i y_i z_i),
        C'(β) = Σ (⟨z⟩ − Σ_i y_i z_i),  C''(β) = Σ (⟨z²⟩ − ⟨z⟩²),

    where ⟨ ⟩ is the mean under softmax(β z). N right answers do not prove that there is never a
    wrong one: targets y are one-hot, smoothed by 1 / (N + 2), which keeps T away from 0.

    Args:
        outputs: z (classes, samples), which training has not fitted to these samples.
        labels: the right classes (samples,).

    Source: Guo et al., 2017, section 4.2; smoothed targets: Platt, 1999, section 2.2.
    """
    z = outputs.astype(np.float64)
    z -= z.mean(axis=0)  # which no probability shows; uniform targets then add nothing
    certainty = 1 - 1 / (len(labels) + 2)
    wanted = certainty * float(z[labels, np.arange(len(labels))].sum())
    beta, least, most = 1.0, 1 / HIGHEST, 1 / LOWEST
    probabilities = np.empty_like(z)
    for _ in range(MOST_STEPS):
        softmax(beta * z, out=probabilities)
        mean = (probabilities * z).sum(axis=0)
        variance = (probabilities * np.square(z)).sum(axis=0) - np.square(mean)
        slope, curvature = float(mean.sum()) - wanted, float(variance.sum())
        if slope > 0:
            most = beta
        elif slope < 0:
            least = beta
        else:  # equal outputs have no best temperature
            break
        newton = beta - slope / curvature if curvature > 0 else least
        previous, beta = beta, newton if least < newton < most else np.sqrt(least * most)
        if abs(beta - previous) <= 1e-9 * beta:
            break
    return float(1 / beta)
