"""Temperatures of networks in training, and the samples that they are fitted to."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bpnet.model.calibration import fit_temperature
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.score import evaluate
from bpnet.model.workers import Workers
from bpnet.training.run import prepare_model
from bpnet.training.validation import validate
from tests.helpers.tiny import NET, TRAIN, draw_dataset, read_config, train, with_settings

DATASET = draw_dataset(train=100)
INDEX = np.arange(10, 100, 3)


def model_with_drawn(count: int) -> Model:
    """Return a network for samples of which the last ones count as drawn to learn from."""
    model = prepare_model(read_config(), DATASET)
    return dataclasses.replace(model, config=with_settings(model.config, "data", drawn=count))


def test_drawn_digits_do_not_change_the_temperature() -> None:
    model = model_with_drawn(40)
    with Workers(1) as workers:
        score, temperature = validate(model, DATASET.train, workers, INDEX)
    own = INDEX[INDEX < 60]
    outputs = Answers(Ensemble([model]), len(own)).outputs(DATASET.train.inputs[own])
    assert score.samples == len(INDEX)
    # Products of a batch of another size may round otherwise.
    assert temperature == pytest.approx(
        fit_temperature(outputs, DATASET.train.targets[own]), rel=1e-6
    )


def test_where_all_held_out_samples_are_drawn_they_must_do() -> None:
    with Workers(1) as workers:
        without, some, every = (
            validate(model_with_drawn(drawn), DATASET.train, workers, INDEX)[1]
            for drawn in (0, 40, 95)
        )
    assert every == without != some


@pytest.mark.parametrize("loss", ["cross_entropy", "quadratic", "binary_cross_entropy"])
def test_the_temperature_makes_probabilities_truer(tmp_path: Path, loss: str) -> None:
    """Whether smoothing or squares made the network less sure than it is right."""
    smoothing = 0.0 if loss == "quadratic" else 0.3
    settings = (f"train.loss={loss}", f"train.label_smoothing={smoothing}", "data.validation=100")
    dataset = draw_dataset(train=300, test=300)
    train(read_config(NET + TRAIN, *settings, "train.epochs=6"), tmp_path, dataset)
    used = load_checkpoint(tmp_path / "best.npz").model()
    with Workers(1) as workers:
        scores = [
            evaluate(dataclasses.replace(used, temperature=value), dataset.test, workers)
            for value in (None, used.temperature)
        ]
    before, after = scores
    assert after.correct == before.correct
    for measure in ("loss", "calibration_error", "brier_score"):
        assert getattr(after, measure) < getattr(before, measure) / 2
