"""ReLU in place is ReLU."""

import numpy as np
import pytest

from bpnet.fast.relu import InPlaceReLU
from bpnet.nn.activation import ReLU
from bpnet.nn.memory import Memory, Room


@pytest.mark.parametrize("training", [True, False])
def test_it_computes_what_relu_computes_and_overwrites_what_comes_in(training: bool) -> None:
    rng, plain = np.random.default_rng(0), ReLU((5,))
    x, delta = rng.standard_normal((2, 5, 7))
    x[0, :3] = 0.0, -0.0, np.nan
    fast = InPlaceReLU(plain)
    caches = [
        layer.allocate(Room(7, Memory(np.float64, training=training))) for layer in (plain, fast)
    ]
    expected = plain.forward(x, caches[0]).copy()
    mine = x.copy()
    assert fast.forward(mine, caches[1]) is mine
    np.testing.assert_array_equal(mine, expected)
    if training:
        expected = plain.backward(delta, caches[0]).copy()
        assert fast.backward(delta, caches[1]) is delta
        np.testing.assert_array_equal(delta, expected)
        np.testing.assert_array_equal(fast.kinks(caches[1]), plain.kinks(caches[0]))
