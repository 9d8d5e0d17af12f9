"""Elastic fields against the direct construction: two-dimensional convolution of noise."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.data_settings import AugmentConfig
from bpnet.data.distortion.augment import Augmenter
from bpnet.data.distortion.counter import mix64, sample_streams, word_steps
from bpnet.data.distortion.draw import Draw
from bpnet.data.distortion.elastic import ElasticField, principal_components, smoothing_matrix


def direct_elastic(
    count: int, size: int, alpha: float, sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw fields (count, size, size) as Simard did, by a two-dimensional convolution.

    The noise reaches beyond the picture on all sides, so that no border shows. The kernel is the
    product of two bells, so rows and columns are smoothed one after the other.
    """
    reach = math.ceil(4 * sigma)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    bell /= bell.sum()
    noise = rng.uniform(-1, 1, (count, size + 2 * reach, size + 2 * reach))
    rows: NDArray[np.float64] = sum(
        weight * noise[:, i : i + size] for i, weight in enumerate(bell)
    )
    field = sum(weight * rows[:, :, j : j + size] for j, weight in enumerate(bell))
    return np.asarray(alpha * field)


def draw_fields(
    count: int, shape: tuple[int, int], sigma: float, first_word: int = 8
) -> NDArray[np.float32]:
    field = ElasticField(shape, alpha=34, sigma=sigma, max_pictures=count, first_word=first_word)
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


@pytest.mark.parametrize(("size", "sigma"), [(28, 4.0), (17, 2.0), (28, 0.5), (5, 30.0)])
def test_components_make_what_smoothing_makes_of_white_noise(size: int, sigma: float) -> None:
    smoothing, components = smoothing_matrix(size, sigma), principal_components(size, sigma)
    wanted = smoothing @ smoothing.T
    missing = np.abs(components @ components.T - wanted).max() / wanted[0, 0]
    assert missing < 1e-3
    # and the comparison can fail: two components less are told apart
    fewer = components[:, :-2]
    assert np.abs(fewer @ fewer.T - wanted).max() / wanted[0, 0] > 1e-3


def test_elastic_field_is_made_of_its_words() -> None:
    fields = draw_fields(3, (17, 31), 4.0)
    rows, columns = principal_components(17, 4.0), principal_components(31, 4.0)
    drawn = 2 * rows.shape[1] * columns.shape[1]
    words = sample_streams(1, 0, np.arange(3))[:, None] + word_steps(8, drawn // 8 + 1)
    mix64(words)
    bits = np.unpackbits(words.view(np.uint8)[:, :drawn], axis=1).reshape(3, drawn, 8)
    normal = (bits.sum(axis=2) - 4.0) / math.sqrt(2)
    noise = normal.reshape(3, 2, rows.shape[1], columns.shape[1]).swapaxes(0, 1)
    expected = 34 / math.sqrt(3) * rows @ noise @ columns.T
    assert fields == pytest.approx(expected, abs=1e-4)


def test_elastic_field_is_the_same_in_every_batch() -> None:
    field = ElasticField((28, 28), alpha=34, sigma=4, max_pictures=40, first_word=8)
    streams = sample_streams(1, 0, np.arange(40))
    whole = field.displacements(streams).copy()
    assert np.abs(whole).max() < field.reach
    for some in (slice(0, 1), slice(3, 10), slice(17, 40)):
        assert np.array_equal(field.displacements(streams[some]), whole[:, some])


def kurtosis(values: NDArray[Any]) -> float:
    return float(np.mean(values**4) / np.mean(values**2) ** 2)


def test_displacements_are_nearly_normal() -> None:
    middle = draw_fields(8000, (28, 28), 4.0)[:, :, 14, 14]
    assert kurtosis(middle) == pytest.approx(3, abs=0.2)
    # and the comparison can fail: few components matter there, and uniform noise would show
    row = principal_components(28, 4.0)[14]
    noise = np.random.default_rng(0).uniform(-1, 1, (16_000, len(row), len(row)))
    assert kurtosis(row @ noise @ row) != pytest.approx(3, abs=0.2)


def test_elastic_displaces_the_picture_by_its_field() -> None:
    """A ramp read at x + Δ grows by Δ: the field's own values come back as grey levels."""
    ramp = np.broadcast_to(np.arange(28, dtype=np.uint8) * 8, (4, 28, 28)).copy()
    out = np.empty_like(ramp)
    Augmenter(AugmentConfig(elastic_alpha=34), (28, 28), 1, 4)(ramp, np.arange(4), 0, out)
    bent = out.astype(np.float64)
    columns = draw_fields(4, (28, 28), 4.0, Draw.ELASTIC)[1]
    inside = (slice(None), slice(8, 20), slice(8, 20))
    assert bent[inside] == pytest.approx((ramp + 8.0 * columns)[inside], abs=0.5 + 3 * 8 / 256)
