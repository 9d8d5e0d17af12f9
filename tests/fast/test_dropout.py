"""Dropout block by block."""

import numpy as np
import pytest

from bpnet.fast.dropout import BlockedDropout
from bpnet.nn.dropout import Dropout, DropoutCache
from tests.helpers.fitting import fit
from tests.helpers.gradients import Trial


@pytest.mark.parametrize("block", [1, 7, 60, 1000])
def test_dropout_takes_all_its_blocks(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(monkeypatch, dropout_block=block)
    trial = Trial(BlockedDropout(Dropout((5, 6), 0.25)), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, grad_output = rng.normal(size=(2, 5, 6, 4))
    cache: DropoutCache = trial.cache(4)
    results = trial.run(x, grad_output, cache)
    np.testing.assert_allclose(results["output"], x * cache.keep / 0.75, rtol=1e-15)
    np.testing.assert_allclose(results["input"], grad_output * cache.keep / 0.75, rtol=1e-15)
    assert 0.5 < cache.keep.mean() < 1
