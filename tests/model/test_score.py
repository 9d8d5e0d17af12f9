"""Scores against counting by hand, whatever the blocks and the workers."""

import math
from pathlib import Path

import numpy as np
import pytest

from bpnet.data.dataset import Samples
from bpnet.data.table import load_table
from bpnet.model.blocks import block_size
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.score import Score, evaluate, per_class, wilson_interval
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.training.run import prepare_model
from tests.helpers.tiny import NET, TABLE, TRAIN, draw_dataset, draw_samples, read_config


@pytest.fixture(scope="module")
def model() -> Model:
    return prepare_model(read_config(NET + TRAIN), draw_dataset())


def score(model: Model, samples: Samples, *, workers: int = 1, count: int | None = None) -> Score:
    with Workers(workers) as pool:
        return evaluate(model, samples, pool, None if count is None else np.arange(count))


def test_the_wilson_interval_of_known_cases() -> None:
    # p = 0.5, n = 100: (0.5 + z²/200 ± z √(0.0025 + z²/40000)) / (1 + z²/100)
    z = 1.959964
    spread = z * math.sqrt(0.25 / 100 + z * z / 40000)
    low, high = wilson_interval(50, 100)
    assert low == pytest.approx((0.5 + z * z / 200 - spread) / (1 + z * z / 100))
    assert (low, high) == pytest.approx((0.40383, 0.59617), abs=1e-5)
    assert wilson_interval(9900, 10000) == pytest.approx((0.98785, 0.99177), abs=1e-5)
    assert wilson_interval(0, 10) == pytest.approx((0, 0.27753), abs=1e-5)
    assert wilson_interval(10, 10) == pytest.approx((0.72247, 1), abs=1e-5)


def test_precision_and_recall_by_class() -> None:
    confusion = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    assert per_class(confusion, ("a", "b", "c")) == [
        {"label": "a", "precision": 3 / 5, "recall": 3 / 4, "samples": 4},
        {"label": "b", "precision": 4 / 5, "recall": 4 / 6, "samples": 6},
        {"label": "c", "precision": None, "recall": None, "samples": 0},
    ]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 150])
def test_a_score_is_what_counting_by_hand_gives(model: Model, count: int) -> None:
    samples = draw_samples(count, 5)
    predicted = np.concatenate(
        [model.probabilities(samples.inputs[[number]]) for number in range(count)]
    )
    found = score(model, samples)
    right = predicted.argmax(axis=1) == samples.targets
    assert found.samples == count
    assert found.correct == right.sum()
    assert found.errors == count - right.sum()
    assert found.accuracy == right.mean()
    chances = predicted[np.arange(count), samples.targets].astype(np.float64)
    assert found.loss == pytest.approx(-np.log(chances).mean(), rel=1e-5)
    assert found.confusion is not None
    for true in range(3):
        for guess in range(3):
            pairs = (samples.targets == true) & (predicted.argmax(axis=1) == guess)
            assert found.confusion[true, guess] == pairs.sum()


def test_any_number_of_workers_gives_the_same_score(model: Model) -> None:
    samples = draw_samples(300, 5)
    scores = [score(model, samples, workers=workers) for workers in (1, 2, 3, 9)]
    assert len({found.loss for found in scores}) == 1
    assert len({found.correct for found in scores}) == 1


def test_a_network_that_needs_much_memory_is_scored_in_smaller_blocks(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = sum(layer.activations() for layer in model.network.layers)
    whole = score(model, draw_samples(50, 3))
    assert block_size(Ensemble([model])) == 64
    monkeypatch.setattr("bpnet.model.blocks.LARGE_BLOCK", 63 * numbers)
    assert block_size(Ensemble([model])) == 32
    monkeypatch.setattr("bpnet.model.blocks.MOST_NUMBERS", 5 * numbers)
    assert block_size(Ensemble([model])) == 5
    small = score(model, draw_samples(50, 3))
    assert (small.correct, small.samples) == (whole.correct, 50)
    assert small.loss == pytest.approx(whole.loss, rel=1e-6)


def test_who_is_interrupted_waits_for_no_other_block(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = []

    def interrupted(answers: Answers, inputs: Array) -> Array:
        scored.append(len(inputs))
        raise KeyboardInterrupt

    monkeypatch.setattr(Answers, "outputs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score(model, draw_samples(64 * 10, 3), workers=2)
    assert len(scored) <= 2


def test_chosen_samples_alone_are_scored(model: Model) -> None:
    samples = draw_samples(300, 5)
    chosen = score(model, samples, count=70)
    assert chosen.samples == 70
    assert chosen.loss == score(model, Samples(samples.inputs[:70], samples.targets[:70])).loss


def test_numbers_are_scored_by_their_errors() -> None:
    config = read_config(TABLE, "model.dtype=float64")
    dataset = load_table(config)
    model = prepare_model(config, dataset)
    found = score(model, dataset.test)
    workspace = Workspace(model.network, 4, training=False)
    error = model.outputs(dataset.test.inputs, workspace)[0] - dataset.test.targets[:, 0]
    assert found.mean_absolute_error == pytest.approx(np.abs(error).mean())
    assert found.mean_squared_error == pytest.approx(np.square(error).mean())
    assert found.loss == pytest.approx(np.square(error).mean())
    assert (found.accuracy, found.errors, found.confusion) == (None, None, None)


def test_questions_are_scored_by_right_answers_and_by_errors() -> None:
    text = TABLE.replace("    2\n", "    0\n")
    config = read_config(text, "train.loss=binary_cross_entropy", "model.layers=linear 1")
    config_weights = read_config(
        text + "[weights]\n1.weight = 4 4\n1.bias = -2\n",
        "train.loss=binary_cross_entropy",
        "model.layers=linear 1",
    )
    assert config.train == config_weights.train
    dataset = load_table(config_weights)
    found = score(prepare_model(config_weights, dataset), dataset.test)
    assert found.accuracy == 0.75  # OR agrees with XOR in three of four cases
    logits = np.array([-2.0, 2, 2, 6])
    wanted = np.array([0.0, 1, 1, 0])
    chances = 1 / (1 + np.exp(-logits))
    assert found.mean_absolute_error == pytest.approx(np.abs(chances - wanted).mean(), rel=1e-5)
    expected = -(wanted * np.log(chances) + (1 - wanted) * np.log(1 - chances)).mean()
    assert found.loss == pytest.approx(expected, rel=1e-5)


def test_one_hot_tables_are_classes(tmp_path: Path) -> None:
    text = TABLE.replace("    0\n    1\n    1\n    2\n", "    1 0\n    0 1\n    0 1\n    1 0\n")
    config = read_config(text, "train.loss=cross_entropy", "model.layers=linear 2")
    dataset = load_table(config)
    found = score(prepare_model(config, dataset), dataset.test)
    assert dataset.class_names == ("0", "1")
    assert found.confusion is not None
    assert found.confusion.sum(axis=1).tolist() == [2, 2]
