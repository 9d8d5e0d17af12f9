"""Rows of weights are differentiated block by block, and each is moved once."""

from pathlib import Path

import numpy as np
import pytest

from bpnet.model.workers import Workers
from bpnet.nn.parameters import FlatArrays
from bpnet.training.step.update import Update
from bpnet.training.step.weight_rows import differentiate_rows, weight_rows
from tests.helpers.fitting import fit
from tests.helpers.tiny import NET, TRAIN, draw_dataset, new_trainer, read_config

UNITS, ROWS = 60, slice(6, 54)  # some of all units


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize("height", [8, 16, 48])
@pytest.mark.parametrize("blocks", [(1, 1), (100, 150), (700, 1000), (10**6, 10**6)])
def test_every_row_is_written_once_and_moved_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    blocks: tuple[int, int],
    height: int,
    clip: float,
) -> None:
    fit(monkeypatch, parameter_block=blocks[0], gradient_block=blocks[1])
    layers = f"model.layers=flatten, linear {UNITS}, relu, linear 3"
    config = read_config(NET + TRAIN, layers, "model.dtype=float64", f"train.grad_clip={clip}")
    with Workers(1) as workers:
        trainer = new_trainer(config, draw_dataset(), tmp_path, workers)
    update = Update(trainer.optimizer, trainer.averaged)
    parameters = trainer.model.network.parameters
    gradients: FlatArrays = parameters.like()
    found = weight_rows("2.weight", ROWS, height, update, gradients)
    rng, in_features = np.random.default_rng(0), parameters.views["2.weight"].shape[1]
    delta, inputs = rng.standard_normal((48, 5)), rng.standard_normal((5, in_features)).T
    expected = np.zeros((UNITS, in_features))
    expected[ROWS] = delta @ inputs.T
    parameters.flat.fill(0)
    for slices in differentiate_rows(found, delta, inputs):
        for params in slices:
            assert params.w.size <= max(blocks[0], in_features)
            np.add(params.w, params.gradient, out=params.w)
    np.testing.assert_allclose(parameters.views["2.weight"], expected, rtol=1e-12, atol=1e-12)
    if clip:
        np.testing.assert_allclose(gradients.views["2.weight"], expected, rtol=1e-12, atol=1e-12)
