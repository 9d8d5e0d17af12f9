"""Batch normalisation taken into the layer before it: the same answers from fewer layers."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from bpnet.config.layer_lines import read_layer
from bpnet.config.network import build_layer
from bpnet.fast import fold as folding
from bpnet.fast.fold import fold, folded_values
from bpnet.fast.stages import fast_stages
from bpnet.model.model import Model
from bpnet.model.score import evaluate
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.norm import BatchNorm
from bpnet.nn.sequential import Sequential, Workspace
from bpnet.training.run import prepare_model
from tests.helpers.tiny import NET, TRAIN, draw_dataset, draw_samples, read_config

Folding = Callable[[Mapping[str, Array], BatchNorm], dict[str, Array]]
PICTURE = (2, 9, 8)
TOLERANCE = 1e-12  # of the largest output, in float64
FOLDED = [
    (
        "conv 4 kernel=3 padding=1, batchnorm, relu, maxpool 2, flatten, linear 3",
        "conv relu maxpool flatten linear",
    ),
    ("conv 4 kernel=3 bias=no, batchnorm, flatten, linear 3", "conv flatten linear"),
    (
        "conv 4 kernel=2 stride=2 padding=1 bias=no, batchnorm, tanh, flatten, linear 3",
        "conv tanh flatten linear",
    ),
    ("flatten, linear 5, batchnorm, relu, linear 3", "flatten linear relu linear"),
    ("flatten, linear 5 bias=no, batchnorm epsilon=0.1, linear 3", "flatten linear linear"),
    ("conv 4 kernel=3, batchnorm, batchnorm, flatten, linear 3", "conv flatten linear"),
    (
        "conv 4 kernel=3, batchnorm, maxpool 2, batchnorm, flatten, linear 3, batchnorm",
        "conv maxpool batchnorm flatten linear",
    ),
]
IN_BLOCKS = [
    (
        "conv 4 kernel=3, residual, conv 4 kernel=3 padding=1 bias=no, batchnorm, relu, "
        "conv 4 kernel=3 padding=1, batchnorm, end, relu, flatten, linear 3",
        "conv residual conv relu conv end relu flatten linear",
    ),
    (
        "residual, batchnorm, residual, conv 2 kernel=1, batchnorm, end, end, batchnorm, "
        "conv 3 kernel=3, maxpool 3 stride=2 padding=1, batchnorm, globalavgpool, linear 3",
        "residual batchnorm residual conv end end batchnorm conv maxpool batchnorm globalavgpool "
        "linear",
    ),
]
FOLDED += IN_BLOCKS
LEFT_ALONE = [
    "conv 4 kernel=3, maxpool 2, batchnorm, flatten, linear 3",
    "conv 4 kernel=3, relu, batchnorm, flatten, linear 3",
    "batchnorm, flatten, linear 3",
    "conv 4 kernel=3, flatten, batchnorm, linear 3",
    "conv 4 kernel=3, relu, flatten, linear 3",
]


def scramble(network: Sequential, seed: int = 0) -> None:
    """Give all parameters and running statistics values of their own, variances positive ones."""
    rng = np.random.default_rng(seed)
    for arrays in (network.parameters, network.state):
        arrays.flat[:] = rng.normal(0, 0.5, arrays.flat.size)
    for name, view in network.state.views.items():
        if name.endswith("variance"):
            np.exp(view, out=view)


def network_of(text: str, dtype: str = "f8") -> Sequential:
    """Chain layers, which commas part, as if they had been trained."""
    shape: tuple[int, ...] = PICTURE
    layers = []
    for line in text.split(", "):
        layers.append(build_layer(read_layer(line), shape))
        shape = layers[-1].output_shape
    network = Sequential(layers, CrossEntropy(3), dtype, fast_stages(layers))
    scramble(network)
    return network


def answers(network: Sequential) -> Array:
    """Return the outputs for a few samples."""
    x = np.random.default_rng(1).normal(size=(*PICTURE, 5)).astype(network.dtype)
    return network.forward(x, Workspace(network, 5, training=False).caches(5)).copy()


def difference(network: Sequential, other: Sequential) -> float:
    """Return how far two networks' answers are apart, as part of the largest."""
    expected = answers(network)
    return float(np.abs(answers(other) - expected).max() / np.abs(expected).max())


def kinds(network: Sequential) -> str:
    return " ".join(layer.kind for layer in network.layers)


@pytest.mark.parametrize("gamma", [1.0, 0.0, -1.0])
def test_a_maximum_lets_through_what_does_not_turn_it_around(gamma: float) -> None:
    network = network_of("conv 4 kernel=3, maxpool 2, batchnorm, relu, flatten, linear 3")
    factors = network.parameters.views["3.weight"]
    factors[:] = np.abs(factors)
    factors[1] *= gamma
    folded = fold(network)
    is_kept = "batchnorm" in kinds(folded)
    assert is_kept == (gamma < 0)
    assert difference(network, folded) <= TOLERANCE


def test_a_negative_factor_taken_through_a_maximum_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = network_of("conv 4 kernel=3, maxpool 2, batchnorm, relu, flatten, linear 3")
    assert (network.parameters.views["3.weight"] < 0).any()
    monkeypatch.setattr(folding, "affine_before", lambda layers, norm: 0)
    assert difference(network, fold(network)) > 1e-3


@pytest.mark.parametrize(("text", "expected"), FOLDED)
def test_fewer_layers_give_the_same_answers(text: str, expected: str) -> None:
    network = network_of(text)
    folded = fold(network)
    assert kinds(folded) == expected
    assert difference(network, folded) <= TOLERANCE
    assert difference(network_of(text, "f4"), fold(network_of(text, "f4"))) <= 1e-5


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_has_no_such_layer_before_it_stays(text: str) -> None:
    network = network_of(text)
    assert fold(network) is network


def test_the_rest_is_computed_in_one_go() -> None:
    folded = fold(network_of("conv 4 kernel=3, batchnorm, relu, maxpool 2, flatten, linear 3"))
    assert folded.stages[0].layer.name == "1.conv + 2.relu + 3.maxpool"


@pytest.mark.parametrize(("text", "_"), FOLDED)
def test_the_network_itself_stays_as_it_was(text: str, _: str) -> None:
    network, untouched = network_of(text), network_of(text)
    folded = fold(network)
    folded.parameters.flat.fill(9)
    folded.state.flat.fill(9)
    for found, expected in zip(network.layers, untouched.layers, strict=True):
        assert (found.name, found.parameter_shapes) == (expected.name, expected.parameter_shapes)
    assert answers(network).tobytes() == answers(untouched).tobytes()


def statistics_of(norm: BatchNorm) -> dict[str, Array]:
    return {role: getattr(norm, role) for role in norm.state_shapes}


def without_epsilon(values: Mapping[str, Array], norm: BatchNorm) -> dict[str, Array]:
    exact = BatchNorm(norm.input_shape, epsilon=0.0)
    exact.bind({"weight": norm.weight, "bias": norm.bias}, statistics_of(norm))
    return folded_values(values, exact)


def with_the_bias_unscaled(values: Mapping[str, Array], norm: BatchNorm) -> dict[str, Array]:
    right = folded_values(values, norm)
    factor = norm.weight / np.sqrt(norm.running_variance + norm.epsilon)
    return right | {"bias": right["bias"] + (1 - factor) * values["bias"]}


def with_the_mean_left_in(values: Mapping[str, Array], norm: BatchNorm) -> dict[str, Array]:
    right = folded_values(values, norm)
    factor = norm.weight / np.sqrt(norm.running_variance + norm.epsilon)
    return right | {"bias": right["bias"] + factor * norm.running_mean}


@pytest.mark.parametrize("wrong", [without_epsilon, with_the_bias_unscaled, with_the_mean_left_in])
def test_a_wrong_fold_is_caught(wrong: Folding, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(FOLDED[0][0])
    monkeypatch.setattr(folding, "folded_values", wrong)
    assert difference(network, fold(network)) > 1000 * TOLERANCE


# Scores


def normalising_model() -> Model:
    text = NET.replace("    relu", "    batchnorm\n    relu") + TRAIN
    model = prepare_model(read_config(text), draw_dataset())
    scramble(model.network)
    return model


def loss_by_hand(model: Model, count: int) -> float:
    samples = draw_samples(count, 5)
    probabilities = model.probabilities(samples.inputs)[np.arange(count), samples.targets]
    return float(-np.log(probabilities.astype(np.float64)).mean())


def scored(model: Model, workers: int = 1) -> float:
    with Workers(workers) as pool:
        return evaluate(model, draw_samples(150, 5), pool).loss


def test_scores_are_those_of_the_weights_as_they_are_now() -> None:
    model = normalising_model()
    for seed in (1, 2):
        scramble(model.network, seed)
        assert scored(model) == pytest.approx(loss_by_hand(model, 150), rel=1e-5)


def test_any_workers_give_the_same_score() -> None:
    model = normalising_model()
    assert len({scored(model, workers) for workers in (1, 2, 3)}) == 1


def test_scores_are_those_of_folded_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = normalising_model()
    monkeypatch.setattr(folding, "folded_values", with_the_bias_unscaled)
    assert scored(model) != pytest.approx(loss_by_hand(model, 150), rel=1e-3)


def test_weights_that_the_fold_makes_too_large_give_no_warning_and_no_number() -> None:
    model = normalising_model()
    for name, value in (("weight", 1e37), ("running_mean", 0), ("running_variance", 1e-6)):
        for arrays in (model.network.parameters, model.network.state):
            if f"2.{name}" in arrays.views:
                arrays.views[f"2.{name}"][...] = value
    assert np.isfinite(model.network.parameters.flat).all()
    assert np.isinf(model.folded().network.parameters.views["1.weight"]).any()
    assert not np.isfinite(scored(model))


def test_statistics_that_are_no_numbers_give_no_warning_and_no_number() -> None:
    model = normalising_model()
    model.network.state.flat[:] = np.inf
    assert np.isnan(scored(model))
