"""Outputs and gradients beside those of PyTorch's autograd, in double precision.

Two programs that share no line of code agree to nine digits, or one of them is wrong.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.config.loading import load_config
from bpnet.config.network import known_input_shape, known_outputs
from bpnet.config.presets import example_paths, preset_paths
from bpnet.config.settings import OptimizerConfig
from bpnet.fast.stages import fast_stages
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization
from bpnet.nn.activation import ReLU
from bpnet.nn.dropout import Dropout
from bpnet.nn.layer import Array
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.memory import Memory, Room
from bpnet.nn.norm import BatchNorm
from bpnet.nn.registry import build_loss, layer_types, loss_types
from bpnet.nn.sequential import Sequential
from bpnet.training.optimizers import build_optimizer
from tests.helpers.gradients import Trial
from tests.helpers.layer_cases import MAKERS, Rng, every_layer, one_case, trial_of

pytest.importorskip("torch", reason="compares with PyTorch: pip install torch")

import torch

from tests.helpers import pytorch_twins as twins

TOLERANCE = 1e-9  # of max |a − b| / max |b|, tensor by tensor
SMALLEST = 1e-4  # of max |b|: what is 0 but for rounding has no relative error
OFF = 1 + 1e-8

Results = dict[str, NDArray[Any]]


def deviations(found: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, float]:
    """Return `max |a − b| / max |b|` of every pair of arrays."""
    assert found.keys() == expected.keys()
    results = {}
    for name, b in expected.items():
        a = found[name]
        assert a.shape == b.shape, f"{name}: {a.shape} and {b.shape}"
        assert a.dtype == b.dtype == np.float64, f"{name}: {a.dtype} and {b.dtype}"
        results[name] = float(np.abs(a - b).max() / max(np.abs(b).max(), SMALLEST))
    return results


def disagreeing(found: Mapping[str, Array], expected: Mapping[str, Array]) -> dict[str, float]:
    """Return the deviations beyond the tolerance, and those that are not finite."""
    every = deviations(found, expected)
    return {name: deviation for name, deviation in every.items() if not deviation <= TOLERANCE}


def assert_each_is_watched(found: Results, expected: Results) -> None:
    """Put each array off by 1e-8 where it is largest, and see that this one is named."""
    assert not disagreeing(found, expected)
    for name, right in found.items():
        wrong = right.copy()
        wrong[np.unravel_index(np.abs(wrong).argmax(), wrong.shape)] *= OFF
        assert list(disagreeing(found | {name: wrong}, expected)) == [name]


def test_deviations_are_measured_by_the_largest_number() -> None:
    expected = {"a": np.array([-4.0, 0.5]), "b": np.zeros(2), "c": np.ones(1)}
    found = {"a": np.array([-4.0, 0.7]), "b": np.array([0.0, -1e-7]), "c": np.full(1, np.nan)}
    measured = deviations(found, expected)
    assert [measured["a"], measured["b"]] == pytest.approx([0.05, 1e-3])
    assert list(disagreeing(found, expected)) == ["a", "b", "c"]


# Layers


def trial_with_history(kind: str, seed: int, *, training: bool = True) -> tuple[Trial, Rng]:
    """Draw a layer whose running statistics are not those of the start."""
    trial, rng = trial_of(kind, seed, training=training)
    for values in trial.state.values():
        values[...] = rng.uniform(0.5, 2, values.shape)
    return trial, rng


def layer_results(kind: str, seed: int, batch: int) -> tuple[Results, Results]:
    """Return output, gradients and running statistics of a layer: bpnet's, and PyTorch's."""
    trial, rng = trial_with_history(kind, seed)
    x, grad_output = one_case(trial, batch, rng)
    twin = twins.layer_twin(trial.layer, trial.parameters, trial.state)
    cache = trial.cache(batch)
    found = trial.run(x, grad_output, cache)
    if trial.state:
        trial.layer.update_running(cache)
    if isinstance(trial.layer, Dropout):
        twin.keep(cache.keep)
    return found | trial.state, twin.results(x, grad_output)


@every_layer
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_layers_agree(kind: str, seed: int, batch: int) -> None:
    if "norm" in kind and batch == 1:
        batch = 3  # PyTorch refuses to normalise a single vector
    assert disagreeing(*layer_results(kind, seed, batch)) == {}


@every_layer
def test_layers_agree_in_evaluation(kind: str) -> None:
    trial, rng = trial_with_history(kind, 9, training=False)
    x, _ = one_case(trial, 4, rng)
    twin = twins.layer_twin(trial.layer, trial.parameters, trial.state, training=False)
    found = {"output": trial.forward(x, trial.cache(4))}
    assert disagreeing(found, {"output": twin.output(x)}) == {}


@every_layer
def test_a_layer_slightly_off_is_caught(kind: str) -> None:
    assert_each_is_watched(*layer_results(kind, 3, 5))


def test_every_layer_that_a_config_can_name_is_compared() -> None:
    tried = {type(trial_of(kind, seed)[0].layer) for kind in MAKERS for seed in range(6)}
    assert set(layer_types().values()) <= tried == set(twins.FORMULAS)


def test_a_layer_without_a_twin_is_no_success() -> None:
    class Swish(ReLU):
        """Be new, and forgotten."""

    twin = twins.layer_twin(Swish((2,)), {}, {})
    with pytest.raises(KeyError):
        twin.results(np.ones((2, 3)), np.ones((2, 3)))


# Losses


SMOOTHED = product(("cross_entropy", "binary_cross_entropy"), (0.0, 0.1))
losses = pytest.mark.parametrize(
    ("name", "smoothing"), [*SMOOTHED, ("mse", 0.0), ("quadratic", 0.0)]
)
SIZES = [(4, 6, 1.0), (2, 1, 3.0), (10, 5, 1.0), (3, 7, 30.0), (1, 4, 1.0)]  # outputs, batch, |z|


def loss_results(name: str, smoothing: float, case: int, numbers: bool) -> tuple[Results, Results]:
    """Return mean loss and gradient, targets being numbers or classes: bpnet's, and PyTorch's."""
    rng = np.random.default_rng(case)
    outputs, batch, size = SIZES[case]
    z = rng.normal(0, size, (outputs, batch))
    classes, parts = rng.integers(outputs, size=batch), rng.dirichlet(np.ones(outputs), batch)
    targets = parts if numbers else classes
    loss = build_loss(name, outputs, smoothing)
    cache = loss.allocate(Room(batch, Memory(np.float64, training=True)))
    mean = np.array(loss.forward(z, targets, cache) / batch)
    found = {"loss": mean, "input": loss.backward(z, cache, batch)}
    return found, twins.loss_results(loss, z, targets)


@losses
@pytest.mark.parametrize("case", range(len(SIZES)))
@pytest.mark.parametrize("numbers", [False, True])
def test_losses_agree(name: str, smoothing: float, case: int, numbers: bool) -> None:
    assert disagreeing(*loss_results(name, smoothing, case, numbers)) == {}


@losses
def test_a_loss_slightly_off_is_caught(name: str, smoothing: float) -> None:
    assert_each_is_watched(*loss_results(name, smoothing, 0, numbers=True))


def test_every_loss_is_compared() -> None:
    assert set(loss_types().values()) == set(twins.LOSSES)


# Networks


def draw_network(preset: str, *, fast: bool) -> tuple[Sequential, OptimizerConfig]:
    """Return a preset's network in double precision, no bias 0 and no factor 1; its optimiser."""
    config = load_config(preset, ("model.dtype=float64",))
    shape, outputs = known_input_shape(config), known_outputs(config)
    assert shape is not None
    assert outputs is not None
    model = build_model(config, shape, outputs, Normalization()).network
    stages = fast_stages(model.layers) if fast else None
    network = Sequential(model.layers, model.loss, model.dtype, stages)
    network.parameters.flat[:] = model.parameters.flat
    others = network.parameters.flat[network.parameters.weights :]
    others += np.random.default_rng(0).normal(0, 0.1, others.shape)
    return network, config.optimizer


@pytest.mark.parametrize("preset", [*preset_paths(), *example_paths()])
@pytest.mark.parametrize("fast", [True, False])
def test_networks_agree(preset: str, fast: bool) -> None:
    network, _ = draw_network(preset, fast=fast)
    assert disagreeing(*twins.Pair(network, 4).results()) == {}


def test_a_gradient_of_a_network_slightly_off_is_caught() -> None:
    network, _ = draw_network("fashion", fast=True)
    found, expected = twins.Pair(network, 3).results()
    for name in ("1.bias", "7.bias", "11.bias"):  # batch normalisation takes them away again
        assert np.abs([found.pop(name), expected.pop(name)]).max() < 1e-13
    assert_each_is_watched(found, expected)


# Optimisers


def ways(
    network: Sequential,
    twin: twins.NetworkTwin,
    settings: OptimizerConfig,
    gradients: Iterable[tuple[Results, Results]],
) -> tuple[Results, Results]:
    """Return how far each parameter comes with bpnet's optimiser, and with PyTorch's.

    Each goes along its own of the gradients of every step; the learning rate stays as it is.
    """
    start = {name: view.copy() for name, view in network.parameters.views.items()}
    rule = build_optimizer(network.parameters, settings)
    gradient = network.parameters.like()
    rule_of_twin = twins.optimizer_twin(twin, settings)
    for first, second in gradients:
        for name, view in gradient.views.items():
            view[...] = first[name]
            twin.parameters[name].grad = torch.tensor(second[name])
        rule.step(gradient, settings.learning_rate)
        rule_of_twin.step()
    ends = {name: tensor.detach().numpy() for name, tensor in twin.parameters.items()}
    return (
        {name: view - start[name] for name, view in network.parameters.views.items()},
        {name: end - start[name] for name, end in ends.items()},
    )


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.0, "nesterov": False},
    "momentum": {"momentum": 0.8, "nesterov": False},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "adam": {"name": "adam"},
    "adam, other constants": {"name": "adam", "beta1": 0.7, "beta2": 0.9, "epsilon": 1e-2},
    "adamw": {"name": "adamw"},
    "rmsprop": {"name": "rmsprop"},
    "rmsprop, other constants": {"name": "rmsprop", "rho": 0.99, "epsilon": 1e-2},
    "adagrad": {"name": "adagrad"},
}


def drawn_ways(rule: str, **settings: float) -> tuple[Results, Results]:
    """Take twenty steps along drawn gradients."""
    network = Sequential(
        [Linear((4,), 3), BatchNorm((3,)), Linear((3,), 2)], CrossEntropy(2), np.float64
    )
    rng = np.random.default_rng(0)
    network.parameters.flat[:] = rng.normal(size=network.parameters.flat.size)
    shapes = network.parameters.shapes.items()
    gradients = [{name: rng.normal(size=shape) for name, shape in shapes} for _ in range(20)]
    chosen = OptimizerConfig(**({"learning_rate": 0.01} | OPTIMIZERS[rule] | settings))
    pairs = ((gradient, gradient) for gradient in gradients)
    return ways(network, twins.NetworkTwin(network), chosen, pairs)


@pytest.mark.parametrize("rule", OPTIMIZERS)
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_optimizers_agree(rule: str, weight_decay: float) -> None:
    assert disagreeing(*drawn_ways(rule, weight_decay=weight_decay)) == {}


@pytest.mark.parametrize("rule", OPTIMIZERS)
def test_a_step_slightly_too_long_is_caught(rule: str) -> None:
    found, _ = drawn_ways(rule, learning_rate=0.01 * OFF)
    assert disagreeing(found, drawn_ways(rule)[1]).keys() == found.keys()


@pytest.mark.parametrize("preset", ["nielsen", "mlp", "fast", "best"])
def test_networks_stay_together_while_they_learn(preset: str) -> None:
    network, settings = draw_network(preset, fast=True)
    pair = twins.Pair(network, 6)
    steps = (pair.results() for _ in range(5))
    assert disagreeing(*ways(network, pair.twin, settings, steps)) == {}
    assert disagreeing(*pair.results()) == {}
