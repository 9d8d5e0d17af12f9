"""Elastic fields against the direct construction: two-dimensional convolution of noise."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config import AugmentConfig
from bpnet.data.augment import Augmenter
from bpnet.data.distortion.counter import mix64, sample_streams, word_steps
from bpnet.data.distortion.elastic import ElasticField


def direct_elastic(
    count: int, size: int, alpha: float, sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw fields (count, size, size) as Simard did, by a two-dimensional convolution.

    The noise reaches beyond the picture on all sides, so that no border shows.
    """
    reach = math.ceil(4 * sigma)
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = np.outer(line, line) / np.outer(line, line).sum()
    noise = rng.uniform(-1, 1, (count, size + 2 * reach, size + 2 * reach))
    field = np.zeros((count, size, size))
    for i, j in np.ndindex(kernel.shape):
        field += kernel[i, j] * noise[:, i : i + size, j : j + size]
    return alpha * field


def draw_fields(count: int, shape: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    field = ElasticField(shape, alpha=34, sigma=sigma, max_pictures=count, first_word=8)
    return field.displacements(sample_streams(1, 0, np.arange(count)))


def correlations(fields: NDArray[Any], lags: range) -> NDArray[np.float64]:
    """Return the correlation of pixels a number of columns apart, in the middle rows."""
    middle = fields[:, 10:18]
    return np.array(
        [
            (middle[..., : middle.shape[-1] - lag] * middle[..., lag:]).mean() / middle.var()
            for lag in lags
        ]
    )


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_elastic_field_has_the_statistics_of_the_direct_one(sigma: float) -> None:
    direct = direct_elastic(600, 28, 34, sigma, np.random.default_rng(2))
    rows, columns = draw_fields(600, (28, 28), sigma)
    lags = range(0, 10, 3)
    for fields in (rows, columns):
        inside = fields[:, 7:21, 7:21]
        assert inside.std() == pytest.approx(direct.std(), rel=0.05)
        assert fields.std() == pytest.approx(0.163 * 34 / sigma, rel=0.05)
        assert abs(fields.mean()) < 0.15 * fields.std()
        assert correlations(fields, lags) == pytest.approx(correlations(direct, lags), abs=0.06)
    assert abs((rows * columns).mean()) < 0.05 * rows.var()
    # and the comparison can fail: another smoothness is told apart
    other = draw_fields(600, (28, 28), 1.3 * sigma)[0]
    assert correlations(other, lags) != pytest.approx(correlations(direct, lags), abs=0.06)


def test_elastic_field_is_as_strong_at_the_border_as_inside() -> None:
    fields = draw_fields(3000, (17, 31), 4.0)
    spread = fields.std(axis=1)
    assert spread == pytest.approx(np.full_like(spread, 0.163 * 34 / 4), rel=0.1)


def test_elastic_field_is_the_smoothed_noise() -> None:
    """Rebuild one field from its words: far from the border it is the plain convolution."""
    sigma, size = 2.0, 41
    field = draw_fields(1, (size, size), sigma)[:, 0]
    words = sample_streams(1, 0, np.arange(1))[:, None] + word_steps(8, size * size // 2 + 1)
    mix64(words)
    noise = words.view(np.int16)[0, : 2 * size * size].reshape(2, size, size) / 2.0**15
    offsets = np.arange(size) - 20
    line = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights = np.outer(line, line) / line.sum() ** 2
    assert field[:, 20, 20] == pytest.approx(34 * (noise * weights).sum(axis=(1, 2)), rel=1e-4)


def test_elastic_displaces_the_picture_by_its_field() -> None:
    """A ramp read at x + Δ grows by Δ: the field's own values come back as grey levels."""
    ramp = np.broadcast_to(np.arange(28, dtype=np.uint8) * 8, (4, 28, 28)).copy()
    out = np.empty_like(ramp)
    Augmenter(AugmentConfig(elastic_alpha=34), (28, 28), seed=1)(ramp, np.arange(4), 0, out)
    bent = out.astype(np.float64)
    columns = draw_fields(4, (28, 28), 4.0)[1]
    inside = (slice(None), slice(8, 20), slice(8, 20))
    assert bent[inside] == pytest.approx((ramp + 8.0 * columns)[inside], abs=0.51)
