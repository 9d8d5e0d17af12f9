"""Temperatures of networks in training, and the samples that they are fitted to."""

import dataclasses

import numpy as np

from bpnet.model.calibration import fit_temperature
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.training.run import prepare_model
from bpnet.training.validation import validate
from tests.helpers.tiny import draw_dataset, read_config, with_settings

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
    assert temperature == fit_temperature(outputs, DATASET.train.targets[own])


def test_where_all_held_out_samples_are_drawn_they_must_do() -> None:
    with Workers(1) as workers:
        without, some, every = (
            validate(model_with_drawn(drawn), DATASET.train, workers, INDEX)[1]
            for drawn in (0, 40, 95)
        )
    assert every == without != some
