"""The gradient check: everything passes, and everything that is wrong is found."""

import dataclasses
import math
from typing import Any, cast

import numpy as np
import pytest
from tiny import read_config

from bpnet.config import Config
from bpnet.errors import ConfigError
from bpnet.load_config import load_config
from bpnet.nn.layer import Array
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.tiled import TiledConv
from bpnet.nn.winograd import WinogradConv
from bpnet.presets import example_paths, preset_paths
from bpnet.teach import mistakes
from bpnet.teach.checker import Checker, KinkError
from bpnet.teach.gradcheck import Report, build, plain_network, run_gradcheck, suitable_samples
from bpnet.teach.mistakes import MISTAKES, Mistake
from bpnet.teach.probe import Probe
from bpnet.training.update import Update

EVERY_KIND = """
[model]
layers =
    scale 0.7
    conv 4 kernel=5 stride=2
    batchnorm
    leaky_relu slope=0.2
    conv 5 kernel=3 padding=1
    maxpool 2
    relu
    avgpool 2
    flatten
    dropout 0.3
    linear 8
    tanh
    linear 6
    sigmoid
    linear 10
    softmax
init = glorot
[train]
loss = mse
"""
KINDS = [spec.kind for spec in read_config(EVERY_KIND).model.layers]
NAMES = [f"{number}.{kind}" for number, kind in enumerate(KINDS, start=1)]


def check(config: Config, sabotage: str | None = None, **options: Any) -> Report:
    return run_gradcheck(config, sabotage, seconds=0.01, **options)


def wrong_rows(report: Report) -> set[tuple[str, str]]:
    return {(row.layer, row.parameter) for row in report.checks if not row.passed}


# --- What is right passes


@pytest.mark.parametrize("name", [*preset_paths(), *example_paths()])
def test_every_preset_and_example_passes(name: str) -> None:
    report = check(load_config(name))
    assert report.passed, report.culprit
    assert report.culprit is None
    assert report.moved == 0


def test_every_parameter_the_inputs_the_loss_and_the_fast_paths_are_checked() -> None:
    report = check(load_config("fast"))
    rows = {(row.layer, row.parameter) for row in report.checks}
    blocks = "WinogradConv: 4.conv + 5.maxpool + 6.relu", "TiledConv: 1.conv + 2.maxpool + 3.relu"
    assert {(name, "input") for name in ("1.conv", "2.maxpool", "3.relu", "7.flatten")} <= rows
    assert {("1.conv", "1.weight"), ("8.linear", "8.bias"), ("cross_entropy", "outputs")} <= rows
    assert {(block, role) for block in blocks for role in ("input",)} <= rows
    assert {(blocks[0], "4.weight"), (blocks[1], "1.bias")} <= rows
    parameters = {f"{place}.{role}" for place in (1, 4, 8, 10) for role in ("weight", "bias")}
    assert {("training step", name) for name in parameters} <= rows


def test_all_kinds_of_layers_pass_together_and_each_element_by_itself() -> None:
    assert {*KINDS} == {*MISTAKES}
    report = check(read_config(EVERY_KIND), elements=True)
    assert report.passed, report.culprit
    one_by_one = {row.parameter: row for row in report.checks if row.elements is not None}
    assert one_by_one["5.weight"].elements == 5 * 4 * 3 * 3 - one_by_one["5.weight"].kinks
    assert len(one_by_one) == 2 * 6


def test_dropout_is_held_still() -> None:
    config = read_config("[model]\nlayers =\n flatten\n dropout 0.5\n linear 10\n")
    samples = suitable_samples(config, np.random.default_rng(0)).first(4)
    probe = Probe(build(config, samples, "float64").network, samples.columns(), samples.targets)
    assert probe.loss(probe.inputs) == probe.loss(probe.inputs)
    assert check(config).passed


@pytest.mark.parametrize("split", ["samples", "units"])
def test_a_step_on_any_shards_follows_the_gradient(split: str) -> None:
    config = load_config("mlp", (f"train.split={split}", "train.shards=3", "train.batch_size=50"))
    assert check(config).passed


# --- What is wrong is found


@pytest.mark.parametrize("name", NAMES)
def test_the_mistake_planted_in_a_layer_is_found_there(name: str) -> None:
    report = check(read_config(EVERY_KIND), name)
    assert report.culprit is not None
    assert report.culprit.layer == name
    behind = NAMES[NAMES.index(name) + 1 :]
    assert not {layer for layer, _ in wrong_rows(report)} & {*behind, "mse"}


@pytest.mark.parametrize("name", NAMES)
def test_an_input_gradient_wrong_by_a_thousandth_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backward(layer: Any, grad_output: Array, cache: Any) -> Array:
        return cast(Array, 1.001 * layer.backward(grad_output, cache))

    kind = name.partition(".")[2]
    monkeypatch.setitem(mistakes.MISTAKES, kind, Mistake("it is 0.1 % too large", backward))
    report = check(read_config(EVERY_KIND), name)
    assert report.culprit is not None
    assert (report.culprit.layer, report.culprit.parameter) == (name, "input")


@pytest.mark.parametrize("role", ["weight", "bias"])
@pytest.mark.parametrize("name", ["2.conv", "3.batchnorm", "11.linear"])
def test_a_parameter_gradient_wrong_by_a_thousandth_is_found_in_its_own_row(
    name: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backward(layer: Any, grad_output: Array, cache: Any) -> Array:
        grad_input: Array = layer.backward(grad_output, cache)
        cache.gradients[role] *= 1.001
        return grad_input

    number, _, kind = name.partition(".")
    monkeypatch.setitem(mistakes.MISTAKES, kind, Mistake("it is 0.1 % too large", backward))
    config = read_config(EVERY_KIND)
    if (name, role) == ("2.conv", "bias"):  # a bias before normalisation has the gradient 0
        config = read_config(EVERY_KIND.replace("    batchnorm\n", ""))
    assert wrong_rows(check(config, name)) == {(name, f"{number}.{role}")}


@pytest.mark.parametrize("block", [TiledConv, WinogradConv])
def test_a_wrong_fast_path_is_found(block: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    right = block.backward

    def wrong(layer: Any, grad_output: Array, cache: Any) -> Array:
        grad_input: Array = right(layer, grad_output, cache)
        cache.gradients["weight"] *= 1.001
        return grad_input

    monkeypatch.setattr(block, "backward", wrong)
    rows = wrong_rows(check(load_config("fast")))
    assert {layer.partition(":")[0] for layer, _ in rows} == {block.__name__, "training step"}


def test_a_wrong_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = CrossEntropy.backward
    monkeypatch.setattr(CrossEntropy, "backward", lambda *arguments: 1.001 * right(*arguments))
    culprit = check(load_config("mlp")).culprit
    assert culprit is not None
    assert (culprit.layer, culprit.parameter) == ("cross_entropy", "outputs")


def test_a_wrong_sum_of_shards_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_shard_only(update: Update, shares: Any, parts: int) -> float:
        return 0.0

    monkeypatch.setattr(Update, "add_up", first_shard_only)
    rows = wrong_rows(check(load_config("lenet5")))
    assert {layer for layer, _ in rows} == {"training step"}


def test_a_gradient_that_is_no_number_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        mistakes.MISTAKES, "tanh", Mistake("nan", lambda layer, grad, cache: grad * np.nan)
    )
    assert not check(read_config(EVERY_KIND), "12.tanh").passed


# --- Kinks and ties


def test_a_point_on_a_kink_is_left_for_one_beside_it() -> None:
    config = load_config("mlp", ("model.init=zeros",))
    report = check(config)
    assert report.passed
    assert report.moved == 1


def test_zeros_behind_relu_tie_and_are_left_alone() -> None:
    report = check(load_config("lenet5"))
    held = {row.layer: row.held for row in report.checks if row.held}
    assert held.keys() == {"3.maxpool", "6.maxpool"}


def test_a_direction_across_a_kink_is_not_compared() -> None:
    config = read_config("[model]\nlayers =\n flatten\n linear 5\n relu\n linear 10\n")
    samples = suitable_samples(config, np.random.default_rng(0)).first(2)
    model = build(config, samples, "float64")
    network = plain_network(model)
    network.parameters.views["2.weight"].fill(0)  # every hidden unit is exactly 0
    plain, fast = (
        Probe(net, samples.columns(), samples.targets) for net in (network, model.network)
    )
    checker = Checker(plain, fast, np.random.default_rng(1))
    at_kink = next(row for row in checker.of_layers() if row.parameter == "2.bias")
    with pytest.raises(KinkError, match=r"2\.bias"):
        checker.along_direction(at_kink)
    assert checker.element_by_element(at_kink, lambda: None).kinks == 5


# --- What it costs


def test_the_cost_of_finite_differences_is_one_pass_more_than_there_are_parameters() -> None:
    cost = check(load_config("mlp")).cost
    assert cost.parameters == 784 * 128 + 128 + 128 * 10 + 10
    assert cost.finite_differences == (cost.parameters + 1) * cost.forward
    assert cost.backward_over_forward == cost.backward / cost.forward
    assert math.isclose(cost.speedup * (cost.forward + cost.backward), cost.finite_differences)


# --- What cannot be done


@pytest.mark.parametrize("name", ["relus", "linear", "9"])
def test_a_layer_that_is_not_there_or_not_alone_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=r"one of 1\.flatten, 2\.linear, 3\.relu, 4\.linear"):
        check(load_config("mlp"), name)


def test_the_config_is_not_changed() -> None:
    config = load_config("chain")
    before = dataclasses.replace(config)
    check(config)
    assert config == before
