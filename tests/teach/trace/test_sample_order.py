"""The order in which a trace shows the samples of a batch: the table's, not that of training."""

from typing import Any

import numpy as np
import pytest

from bpnet.data.split import shuffled, split_samples
from bpnet.data.table import load_table
from bpnet.nn.sequential import Workspace
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace import trace
from bpnet.training import textbook
from bpnet.training.optimizers import build_optimizer
from bpnet.training.run import prepare_model
from tests.helpers.tiny import read_config
from tests.teach.trace.test_trace import TABLE

PLAIN = ("model.dtype=float64", "train.shards=1", "train.batch_size=7")
PAIRS = "model.layers=linear 4, batchnorm, tanh, linear 2"


def traced(*overrides: str) -> StepTrace:
    (step,) = trace(read_config(TABLE, *PLAIN, *overrides), 1)
    return step


def order_of_training(*overrides: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    config = read_config(TABLE, *PLAIN, *overrides)
    training, _ = split_samples(config, load_table(config))
    return shuffled(training, config.train.seed, 0)


def test_samples_stand_in_the_order_of_the_table_though_training_shuffles_them() -> None:
    assert order_of_training().tolist() != sorted(order_of_training().tolist())
    step = traced()
    table = load_table(read_config(TABLE, *PLAIN)).train
    assert step.samples == (1, 2, 3, 4, 5, 6, 7)
    np.testing.assert_array_equal(step.inputs, table.inputs)
    np.testing.assert_array_equal(step.targets, table.targets)


@pytest.mark.parametrize("overrides", [(), ("train.loss=cross_entropy",)])
def test_all_numbers_of_a_sample_stand_in_its_place(overrides: tuple[str, ...]) -> None:
    step = traced(*overrides)
    first, tanh, last = step.layers
    weight = step.parameters["1.weight"].before
    np.testing.assert_allclose(first.output, step.inputs @ weight.T, rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(tanh.output, np.tanh(first.output))
    slope = tanh.local_derivative.values
    assert slope is not None
    np.testing.assert_allclose(slope, 1 - tanh.output**2, rtol=1e-14)
    np.testing.assert_allclose(tanh.grad_input, tanh.grad_output * slope, rtol=1e-14)
    np.testing.assert_allclose(last.grad_input, last.grad_output @ last_weight(step), rtol=1e-14)
    np.testing.assert_array_equal(step.equations[0].values, last.grad_output)
    if not overrides:
        errors = last.output - step.targets
        np.testing.assert_allclose(step.losses, (errors**2).mean(axis=1), rtol=1e-14)
        np.testing.assert_allclose(last.grad_output, errors / 7, rtol=1e-14)


def last_weight(step: StepTrace) -> np.ndarray[Any, Any]:
    weight = step.parameters["3.weight"].before
    assert isinstance(weight, np.ndarray)
    return weight


def test_what_mixes_the_samples_is_sorted_both_ways() -> None:
    step = traced(PAIRS)
    values = step.layers[1].local_derivative.values
    assert values is not None
    grad_output, grad_input = step.layers[1].grad_output, step.layers[1].grad_input
    product = np.einsum("sk,sktj->tj", grad_output, values)
    np.testing.assert_allclose(product, grad_input, rtol=1e-9, atol=1e-15)


def test_paths_come_sample_by_sample() -> None:
    step = traced("model.layers=linear 2")
    assert step.paths is not None
    bias, row = step.paths["1.bias"][0], step.paths["1.weight"][:2]
    assert [path.sample for path in bias.paths or ()] == [1, 2, 3, 4, 5, 6, 7]
    for element, column in zip(row, step.inputs.T, strict=True):
        assert element.paths is not None
        met = {path.sample: path.rates[0] for path in element.paths}
        assert list(met.items()) == [(place + 1, x) for place, x in enumerate(column) if x]


@pytest.mark.parametrize("overrides", [(), (PAIRS,), ("optimizer.name=adam",)])
def test_sums_are_those_of_training_bit_for_bit(overrides: tuple[str, ...]) -> None:
    config = read_config(TABLE, *PLAIN, *overrides)
    dataset = load_table(config)
    network = prepare_model(config, dataset).plain().network
    optimizer = build_optimizer(network.parameters, config.optimizer)
    workspace = Workspace(network, 7, training=True, wants_input_gradient=True)
    order = order_of_training(*overrides)
    inputs = np.ascontiguousarray(dataset.train.inputs[order].T, dtype=np.float64)
    step = traced(*overrides)
    loss = textbook.step(
        *(network, workspace, optimizer, inputs, dataset.train.targets[order]), step.learning_rate
    )
    assert step.loss == loss
    for name, view in network.parameters.views.items():
        np.testing.assert_array_equal(step.parameters[name].after, view, err_msg=name)
