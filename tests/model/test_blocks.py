"""Many samples answered by several workers: the same bits whoever they are."""

import numpy as np
import pytest

from bpnet.model import blocks
from bpnet.model.blocks import probabilities
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.workers import Workers
from bpnet.training.run import prepare_model
from tests.helpers.tiny import NET, TRAIN, draw_dataset, draw_samples, read_config


@pytest.mark.parametrize("work", [0, 1e12], ids=["processes", "threads"])
def test_any_workers_give_the_same_bits(work: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "FORKED_WORK", work)
    ensemble = Ensemble([prepare_model(read_config(NET + TRAIN), draw_dataset())])
    inputs = draw_samples(150, 5).inputs
    found = []
    for count in (1, 2, 3):
        with Workers(count) as workers:
            found.append(probabilities(ensemble, inputs, workers))
    assert found[0].shape == (150, 3)
    assert {one.tobytes() for one in found} == {found[0].tobytes()}
    assert np.allclose(found[0], Answers(ensemble, 150).probabilities(inputs), rtol=1e-4)
