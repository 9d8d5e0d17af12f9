"""Several networks, and several views of a picture, against averaging by hand."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.settings import Config
from bpnet.data.dataset import Samples
from bpnet.data.distortion.views import Views
from bpnet.data.table import load_table
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.model import Model
from bpnet.model.score import Score, evaluate
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.training.run import prepare_model
from tests.helpers.tiny import NET, TABLE, TRAIN, draw_dataset, draw_samples, read_config

SAMPLES = draw_samples(150, 5)


def model_of(*overrides: str, text: str = NET + TRAIN) -> Model:
    return prepare_model(read_config(text, *overrides), draw_dataset())


@pytest.fixture(scope="module")
def models() -> list[Model]:
    """Return networks that differ in weights, layers, loss and normalisation."""
    normalising = NET.replace("    relu", "    batchnorm\n    relu") + TRAIN
    return [
        model_of(),
        model_of("train.seed=2", "data.normalize=unit", text=normalising),
        model_of("train.seed=3", "train.loss=mse"),
    ]


def mean_probabilities(models: list[Model], views: int = 1) -> NDArray[np.float64]:
    """Average over networks and views, one after the other."""
    shower = Views(views, (8, 8), len(SAMPLES))
    probabilities = [
        model.probabilities(shower.show(SAMPLES.inputs, number).copy())
        for model in models
        for number in range(views)
    ]
    mean: NDArray[np.float64] = np.mean(np.array(probabilities, dtype=np.float64), axis=0)
    return mean


def score(ensemble: Ensemble | Model, workers: int = 1) -> Score:
    with Workers(workers) as pool:
        return evaluate(ensemble, SAMPLES, pool)


@pytest.mark.parametrize(("members", "views"), [(3, 1), (1, 4), (3, 4)])
def test_a_score_is_that_of_the_mean_probabilities(
    models: list[Model], members: int, views: int
) -> None:
    probabilities = mean_probabilities(models[:members], views)
    found = score(Ensemble(models[:members], views))
    assert found.samples == 150
    right = probabilities[np.arange(150), SAMPLES.targets]
    assert found.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert found.correct == np.count_nonzero(probabilities.argmax(axis=1) == SAMPLES.targets)
    assert found.confusion is not None
    assert found.confusion.sum() == 150


def test_probabilities_are_the_mean(models: list[Model]) -> None:
    found = Answers(Ensemble(models, 2), 150).probabilities(SAMPLES.inputs)
    np.testing.assert_allclose(found, mean_probabilities(models, 2), rtol=1e-5, atol=1e-7)
    assert np.abs(found - mean_probabilities(models[:2], 2)).max() > 1e-3
    assert np.abs(found - mean_probabilities(models, 1)).max() > 1e-3


def test_a_network_beside_itself_scores_as_it_does_alone(models: list[Model]) -> None:
    alone, twice = score(models[0]), score(Ensemble([models[0], models[0]]))
    assert twice.loss == pytest.approx(alone.loss, rel=1e-6)
    assert twice.correct == alone.correct
    assert score(Ensemble([models[0]])).loss == alone.loss


def test_any_workers_and_blocks_give_the_same_score(models: list[Model]) -> None:
    ensemble = Ensemble(models, 3)
    scores = [score(ensemble, workers) for workers in (1, 2, 3)]
    assert len({found.loss for found in scores}) == 1
    answers = Answers(ensemble, 150)
    whole = answers.outputs(SAMPLES.inputs).copy()
    part = answers.outputs(SAMPLES.inputs[40:50])
    np.testing.assert_allclose(part, whole[:, 40:50], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "quadratic", "binary_cross_entropy"])
@pytest.mark.parametrize("temperature", [None, 0.7])
def test_the_loss_of_classes_is_their_cross_entropy(loss: str, temperature: float | None) -> None:
    """Whatever was trained, alone and beside itself: one loss, one meaning."""
    model = dataclasses.replace(model_of(f"train.loss={loss}"), temperature=temperature)
    chances = model.probabilities(SAMPLES.inputs)[np.arange(150), SAMPLES.targets]
    expected = -np.log(chances.astype(np.float64)).mean()
    alone, twice = score(model), score(Ensemble([model, model]))
    assert alone.loss == pytest.approx(expected, rel=1e-5)
    assert twice.loss == pytest.approx(expected, rel=1e-5)
    for measure in ("calibration_error", "brier_score", "accuracy"):
        assert getattr(twice, measure) == pytest.approx(getattr(alone, measure), rel=1e-4)


def test_smoothing_belongs_to_the_training_loss_alone() -> None:
    smoothed, plain = model_of("train.label_smoothing=0.2"), model_of()
    assert score(smoothed).loss == score(plain).loss
    assert score(plain).training_loss == pytest.approx(score(plain).loss, rel=1e-6)
    assert score(smoothed).training_loss != pytest.approx(score(smoothed).loss, rel=1e-3)


def test_each_network_of_several_has_its_own_temperature(models: list[Model]) -> None:
    cold = dataclasses.replace(models[0], temperature=0.5)
    hot = dataclasses.replace(models[1], temperature=4.0)
    found = Answers(Ensemble([cold, hot]), 150).probabilities(SAMPLES.inputs)
    np.testing.assert_allclose(found, mean_probabilities([cold, hot]), rtol=1e-5, atol=1e-7)
    assert cold.probabilities(SAMPLES.inputs).max() > models[0].probabilities(SAMPLES.inputs).max()
    assert hot.probabilities(SAMPLES.inputs).max() < models[1].probabilities(SAMPLES.inputs).max()


def test_a_right_class_without_a_chance_has_a_loss_that_is_a_number(models: list[Model]) -> None:
    sure = model_of()
    sure.network.parameters.views["5.bias"][:] = [0, 0, 2000]
    found = score(Ensemble([sure, sure]))
    assert found.loss == pytest.approx(2 / 3 * 87.3, rel=1e-2)
    sure.network.parameters.flat[:] = np.nan
    assert np.isnan(score(Ensemble([models[0], sure])).loss)


# Plain numbers


def estimates(model: Model, inputs: Array) -> Array:
    outputs = model.outputs(inputs, Workspace(model.network, len(inputs), training=False))
    found: Array = model.network.loss.estimates(outputs)[0]
    return found


def table_models(config: Config) -> tuple[list[Model], Array, Array]:
    dataset = load_table(config)
    models = []
    for seed in (1, 2):
        model = prepare_model(config, dataset)
        model.network.parameters.flat[:] = np.random.default_rng(seed).normal(
            size=model.network.parameters.flat.size
        )
        models.append(model)
    return models, dataset.test.inputs, dataset.test.targets[:, 0]


def test_numbers_are_averaged_themselves() -> None:
    config = read_config(TABLE, "model.dtype=float64")
    models, inputs, targets = table_models(config)
    mean = (estimates(models[0], inputs) + estimates(models[1], inputs)) / 2
    with Workers(1) as workers:
        found = evaluate(Ensemble(models), load_table(config).test, workers)
    assert found.mean_absolute_error == pytest.approx(np.abs(mean - targets).mean())
    assert found.mean_squared_error == pytest.approx(np.square(mean - targets).mean())
    assert found.loss == pytest.approx(np.square(mean - targets).mean())
    assert (found.accuracy, found.confusion) == (None, None)


def test_answers_to_questions_are_averaged_as_probabilities() -> None:
    text = TABLE.replace("    2\n", "    0\n")
    config = read_config(text, "train.loss=binary_cross_entropy", "model.dtype=float64")
    models, inputs, targets = table_models(config)
    mean = (estimates(models[0], inputs) + estimates(models[1], inputs)) / 2
    with Workers(1) as workers:
        found = evaluate(Ensemble(models), load_table(config).test, workers)
    entropy = -(targets * np.log(mean) + (1 - targets) * np.log(1 - mean))
    assert found.loss == pytest.approx(entropy.mean())
    assert found.mean_absolute_error == pytest.approx(np.abs(mean - targets).mean())
    assert found.correct == np.count_nonzero((mean > 0.5) == (targets > 0.5))


def question_models(*losses: str) -> tuple[list[Model], Samples]:
    """Return networks that answer yes or no to each sample of a table, one per loss."""
    text = TABLE.replace("    2\n", "    0\n")
    models: list[Model] = []
    for loss in losses:
        config = read_config(text, f"train.loss={loss}", "model.dtype=float64")
        models.append(table_models(config)[0][len(models)])
    return models, load_table(config).test


@pytest.mark.parametrize("sure", [20, -20, 300, -300])
def test_a_sure_yes_costs_as_much_as_a_sure_no(sure: float) -> None:
    (model,), samples = question_models("binary_cross_entropy")
    model.network.parameters.views["3.bias"][:] = sure
    with Workers(1) as workers:
        alone = evaluate(model, samples, workers)
        twice = evaluate(Ensemble([model, model]), samples, workers)
    assert alone.loss == pytest.approx(abs(sure) / 2, rel=0.2)  # half of the answers are wrong
    assert twice.loss == pytest.approx(alone.loss)
    assert twice.correct == alone.correct


def test_a_network_that_estimates_yes_itself_may_answer_along() -> None:
    models, samples = question_models("binary_cross_entropy", "mse")
    models[1].network.parameters.views["3.weight"][:] *= 0.01
    models[1].network.parameters.views["3.bias"][:] = 0.7
    mean = (estimates(models[0], samples.inputs) + estimates(models[1], samples.inputs)) / 2
    with Workers(1) as workers:
        found = evaluate(Ensemble(models), samples, workers)
    targets = samples.targets[:, 0]
    assert found.mean_absolute_error == pytest.approx(np.abs(mean - targets).mean())
    models[1].network.parameters.views["3.bias"][:] = -5  # no probability: taken for a sure no
    with Workers(1) as workers:
        beside = evaluate(Ensemble(models), samples, workers)
    assert beside.mean_absolute_error == pytest.approx(
        np.abs(estimates(models[0], samples.inputs) / 2 - targets).mean(), abs=1e-6
    )
