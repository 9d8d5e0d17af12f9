"""Random words by their place against the published generator and against chance."""

import math

import numpy as np
from numpy.typing import NDArray

from bpnet.data.distortion.counter import mix64, sample_streams, signed_uniforms, word_steps


def test_words_are_those_of_splitmix64() -> None:
    words = np.array([1234567], dtype=np.uint64) + word_steps(0, 3)
    mix64(words)
    assert words.tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def chi_square(values: NDArray[np.float64], bins: int = 50) -> float:
    """Return Pearson's χ² of values against the uniform distribution on [−1, 1)."""
    counts = np.histogram(values, bins=bins, range=(-1, 1))[0]
    expected = len(values) / bins
    return float(np.square(counts - expected).sum() / expected)


def test_draws_are_uniform_and_independent() -> None:
    draws = signed_uniforms(sample_streams(1, 0, np.arange(50_000)), 8)
    assert draws.min() >= -1
    assert draws.max() < 1
    limit = 49 + 4.5 * math.sqrt(2 * 49)  # 4.5 standard deviations of χ² with 49 degrees
    assert all(chi_square(column) < limit for column in draws.T)
    correlation = np.corrcoef(np.hstack([draws[:-1], draws[1:]]).T) - np.eye(16)
    assert np.abs(correlation).max() < 4.5 / math.sqrt(len(draws))
    # and the test can fail: 5 % too many in one half
    bent = np.concatenate([draws[:, 0], np.abs(draws[:2500, 1])])
    assert chi_square(bent) > limit


def test_streams_differ_by_seed_epoch_and_sample() -> None:
    streams = [sample_streams(s, e, np.arange(100)) for s in (-1, 0, 1) for e in range(20)]
    assert len(np.unique(np.concatenate(streams))) == 3 * 20 * 100
