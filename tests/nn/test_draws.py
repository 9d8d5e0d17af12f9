"""Random bytes that depend on a sample's place in its batch alone."""

import numpy as np
import pytest

from bpnet.nn.draws import Draws

FEATURES, LAYER = 7, 3


def whole(samples: int = 100) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return Draws(1, 2, 3).bytes(LAYER, FEATURES, samples)


@pytest.mark.parametrize("first", [0, 1, 31, 32, 33, 64, 90])
@pytest.mark.parametrize("samples", [1, 5, 10])
def test_a_call_gets_what_concerns_its_own_samples(first: int, samples: int) -> None:
    found = Draws(1, 2, 3, first).bytes(LAYER, FEATURES, samples)
    np.testing.assert_array_equal(found, whole()[:, first : first + samples])


@pytest.mark.parametrize("units", [slice(0, 3), slice(3, 7), slice(6, 7), slice(7, 7)])
def test_a_shard_of_hidden_units_gets_what_concerns_its_own(units: slice) -> None:
    count = units.stop - units.start
    draws = Draws(1, 2, 3, units=units, all_units=FEATURES)
    np.testing.assert_array_equal(draws.bytes(LAYER, count, 40), whole(40)[units])


def test_seed_epoch_step_and_layer_give_other_numbers() -> None:
    others = [Draws(*place).bytes(LAYER, 7, 40) for place in ((2, 2, 3), (1, 3, 3), (1, 2, 4))]
    others += [Draws(1, 2, 3).bytes(LAYER + 1, 7, 40), whole(40)]
    for number, one in enumerate(others):
        for other in others[number + 1 :]:
            assert (one != other).mean() > 0.9


def test_all_bytes_come_equally_often() -> None:
    drawn = Draws(5, 0, 0).bytes(LAYER, 1000, 256)
    counts = np.bincount(drawn.reshape(-1), minlength=256)
    assert abs(counts / 1000 - 1).max() < 0.2
    by_sample = [np.corrcoef(drawn[:, k], drawn[:, k + 1])[0, 1] for k in range(100)]
    assert max(map(abs, by_sample)) < 0.2
