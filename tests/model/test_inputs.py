"""How stored samples become inputs: what is measured of them, exactly."""

import numpy as np
import pytest

from bpnet.model import inputs
from bpnet.model.inputs import Normalization, grey_counts, mean_and_deviation


@pytest.mark.parametrize("shape", [(40, 28, 28), (41, 3, 3), (7, 1, 5)])
@pytest.mark.parametrize("counted", [1, 100, 1 << 18])
def test_greys_are_counted_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], counted: int
) -> None:
    monkeypatch.setattr(inputs, "COUNTED", counted)
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, shape, dtype=np.uint8)
    index = rng.permutation(len(pictures))[: len(pictures) - 2]
    expected = np.bincount(pictures[index].reshape(-1), minlength=256)
    assert np.array_equal(grey_counts(pictures, index), expected)


def test_mean_and_deviation_are_those_of_the_chosen_pictures() -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (30, 5, 5), dtype=np.uint8)
    index = np.arange(3, 28)
    mean, deviation = mean_and_deviation(pictures, index)
    chosen = pictures[index].astype(np.float64)
    assert mean == pytest.approx(chosen.mean(), rel=1e-14)
    assert deviation == pytest.approx(chosen.std(), rel=1e-14)
    normalization = Normalization.of("standard", pictures, index)
    assert normalization.scale * mean + normalization.offset == pytest.approx(0, abs=1e-12)
    assert normalization.scale * deviation == pytest.approx(1)
