"""The gradient check: everything passes, and everything that is wrong is found."""

import dataclasses
import math
from typing import Any, cast

import numpy as np
import pytest

from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths, preset_paths
from bpnet.errors import ConfigError
from bpnet.fast.direct import DirectConv
from bpnet.fast.winograd_rows import WinogradRowConv
from bpnet.nn.facts import Mistake
from bpnet.nn.layer import Array
from bpnet.nn.linear import Linear
from bpnet.nn.loss import CrossEntropy
from bpnet.nn.registry import layer_types, loss_types
from bpnet.nn.tanh import Tanh
from bpnet.teach.gradcheck.gradcheck import build
from bpnet.teach.gradcheck.probe import Probe
from bpnet.teach.gradcheck.samples import suitable_samples
from bpnet.teach.gradcheck.special_values import leave_starts
from bpnet.training.step.sample_shard import SampleShard
from bpnet.training.step.update import Update
from tests.helpers.gradient_checks import (
    EVERY_KIND,
    KINDS,
    MISTAKES,
    NAMES,
    check,
    culprit,
    wrong_rows,
)
from tests.helpers.tiny import read_config

SLOW = ("best", "convnet", "digits", "fashion", "mlp-deep", "synthetic")
TWINS = {"digits": "best", "synthetic": "fast"}  # whose layers differ in dropout and classes alone
CHECKED = [name for name in (*preset_paths(), *example_paths()) if name not in TWINS]

# --- What is right passes


@pytest.mark.parametrize("name", CHECKED)
def test_every_preset_and_example_passes(name: str) -> None:
    report = check(load_config(name))
    assert report.passed, culprit(report)
    assert report.culprit is None
    assert report.moved == 0


@pytest.mark.parametrize("name", TWINS)
def test_a_preset_that_is_not_checked_has_the_layers_of_one_that_is(name: str) -> None:
    one, other = (load_config(twin) for twin in (name, TWINS[name]))
    for mine, theirs in zip(one.model.layers[:-1], other.model.layers[:-1], strict=True):
        assert mine == theirs or mine.kind == theirs.kind == "dropout"
    assert one.model.layers[-1].kind == other.model.layers[-1].kind == "linear"
    assert one.train.loss == other.train.loss
    assert one.train.shards == other.train.shards


def test_every_parameter_the_inputs_the_loss_and_the_fast_paths_are_checked() -> None:
    report = check(load_config("fast"))
    rows = {(row.gradient.layer, row.gradient.parameter) for row in report.checks}
    blocks = (
        "WinogradRowConv: 4.conv + 5.maxpool + 6.relu",
        "DirectConv: 1.conv + 2.maxpool + 3.relu",
    )
    assert {(name, "input") for name in ("1.conv", "2.maxpool", "3.relu", "7.flatten")} <= rows
    assert {("1.conv", "1.weight"), ("8.linear", "8.bias"), ("cross_entropy", "outputs")} <= rows
    assert {(block, role) for block in blocks for role in ("input",)} <= rows
    assert {(blocks[0], "4.weight"), (blocks[1], "1.bias")} <= rows
    parameters = {f"{place}.{role}" for place in (1, 4, 8, 10) for role in ("weight", "bias")}
    assert {("training step", name) for name in parameters} <= rows


def test_all_kinds_of_layers_pass_together_and_each_element_by_itself() -> None:
    assert {*KINDS} == {*layer_types()}
    report = check(read_config(EVERY_KIND), elements=True)
    assert report.passed, culprit(report)
    one_by_one = {row.gradient.parameter: row for row in report.checks if row.elements is not None}
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


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_planted_in_a_layer_is_found_there(mistake: str) -> None:
    report = check(read_config(EVERY_KIND), mistake)
    name = mistake.partition(":")[0]
    assert culprit(report)[0] == name
    behind = NAMES[NAMES.index(name) + 1 :]
    assert not {layer for layer, _ in wrong_rows(report)} & {*behind, "mse"}


@pytest.mark.parametrize("kind", loss_types())
def test_every_mistake_planted_in_a_loss_is_found_there(kind: str) -> None:
    config = load_config("mlp", (f"train.loss={kind}",))
    for place in range(1, 2 + len(loss_types()[kind].other_mistakes)):
        assert culprit(check(config, f"{kind}:{place}")) == (kind, "outputs")


@pytest.mark.parametrize("name", [name for name in preset_paths() if name not in SLOW])
def test_every_mistake_is_found_from_every_preset_that_has_the_layer(name: str) -> None:
    """Kinds that occur again are planted where they occur last."""
    config = load_config(name)
    places = {spec.kind: place for place, spec in enumerate(config.model.layers, start=1)}
    for kind, place in places.items():
        for number in range(1, 2 + len(layer_types()[kind].other_mistakes)):
            layer = f"{place}.{kind}"
            assert culprit(check(config, f"{layer}:{number}"))[0] == layer


SPECIAL = """
[model]
layers =
    scale 1
    conv 3 kernel=3
    batchnorm
    leaky_relu slope=0
    maxpool 4
    flatten
    dropout 0
    linear 8
    elu
    linear 10
init = {init}
"""


@pytest.mark.parametrize("init", ["he", "zeros"])
@pytest.mark.parametrize(
    "mistake", ["1.scale", "2.conv:3", "3.batchnorm:2", "4.leaky_relu", "7.dropout", "9.elu:2"]
)
def test_no_special_value_hides_a_mistake(mistake: str, init: str) -> None:
    config = read_config(SPECIAL.format(init=init))
    report = check(config, mistake)
    assert culprit(report)[0] == mistake.partition(":")[0]
    assert {"1.scale factor 1.3", "4.leaky_relu slope 0.3", "9.elu alpha 1.3"} <= {*report.drawn}
    assert ("8.weight" in report.drawn) == (init == "zeros")
    assert check(config).passed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("adds", [False, True])
def test_what_a_call_before_left_behind_is_found(
    name: str, adds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    last: list[Array] = []

    def backward(layer: Any, grad_output: Array, cache: Any) -> Array:
        now = np.array(layer.backward(grad_output, cache))
        before = last.pop() if last else np.zeros_like(now)
        last.append(now)
        return before + now if adds else before

    layer = layer_types()[name.partition(".")[2]]
    monkeypatch.setattr(layer, "mistake", Mistake("it returns what is left over", backward))
    assert culprit(check(read_config(EVERY_KIND), name))[0] == name


@pytest.mark.parametrize(
    ("name", "mistake", "parameter"),
    [
        ("best", "12.batchnorm:2", "input"),  # γ starts at 1
        ("fashion", "16.batchnorm:2", "input"),
        ("fashion", "15.conv:3", "15.bias"),  # whose gradient is 0 before a normalisation
        ("best", "15.dropout", "input"),
    ],
)
def test_from_large_presets_mistakes_are_found_too(name: str, mistake: str, parameter: str) -> None:
    layer = mistake.partition(":")[0]
    report = check(load_config(name), mistake)
    assert wrong_rows(report) >= {(layer, parameter)}
    assert culprit(report)[0] == layer


def test_what_starts_at_one_value_is_drawn_away_from_it_unless_it_is_given() -> None:
    config = load_config("fashion")
    model = build(config, suitable_samples(config, np.random.default_rng(0)), "float64")
    before = model.network.parameters.flat.copy()
    drawn = leave_starts(model.network.parameters, config, np.random.default_rng(0))
    assert {"1.bias", "2.weight", "2.bias", "20.bias"} <= {*drawn}
    assert all(np.ptp(model.network.parameters.views[name]) > 0 for name in drawn)
    moved = (model.network.parameters.flat != before).sum()
    assert moved == sum(model.network.parameters.views[name].size for name in drawn)
    assert check(load_config("sigmoid")).drawn == []


@pytest.mark.parametrize("name", ["mlp", "convnet"])
def test_a_single_wrong_element_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def backward(layer: Any, grad_output: Array, cache: Any) -> Array:
        grad_input: Array = layer.backward(grad_output, cache)
        weight = cache.gradients["weight"].reshape(-1)
        middle = np.abs(weight).argsort()[len(weight) // 2]
        weight[middle] = 0
        return grad_input

    monkeypatch.setattr(Linear, "mistake", Mistake("a middling element is 0", backward))
    layer = next(
        f"{place}.linear"
        for place, spec in enumerate(load_config(name).model.layers, start=1)
        if spec.kind == "linear"
    )
    assert culprit(check(load_config(name), layer)) == (layer, f"{layer.split('.')[0]}.weight")


@pytest.mark.parametrize("name", NAMES)
def test_an_input_gradient_wrong_by_a_thousandth_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backward(layer: Any, grad_output: Array, cache: Any) -> Array:
        return cast(Array, 1.001 * layer.backward(grad_output, cache))

    layer = layer_types()[name.partition(".")[2]]
    monkeypatch.setattr(layer, "mistake", Mistake("it is 0.1 % too large", backward))
    assert culprit(check(read_config(EVERY_KIND), name)) == (name, "input")


@pytest.mark.parametrize("role", ["weight", "bias"])
@pytest.mark.parametrize("name", ["2.conv", "3.batchnorm", "12.linear"])
def test_a_parameter_gradient_wrong_by_a_thousandth_is_found_in_its_own_row(
    name: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backward(layer: Any, grad_output: Array, cache: Any) -> Array:
        grad_input: Array = layer.backward(grad_output, cache)
        cache.gradients[role] *= 1.001
        return grad_input

    number, _, kind = name.partition(".")
    layer_type = layer_types()[kind]
    monkeypatch.setattr(layer_type, "mistake", Mistake("it is 0.1 % too large", backward))
    config = read_config(EVERY_KIND)
    if (name, role) == ("2.conv", "bias"):  # a bias before normalisation has the gradient 0
        config = read_config(EVERY_KIND.replace("    batchnorm\n", ""))
    assert wrong_rows(check(config, name)) == {(name, f"{number}.{role}")}


@pytest.mark.parametrize("block", [DirectConv, WinogradRowConv])
def test_a_wrong_fast_path_is_found(block: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    right = block.backward

    def wrong(layer: Any, grad_output: Array, cache: Any) -> Array:
        grad_input: Array = right(layer, grad_output, cache)
        cache.gradients["weight"] *= 1.001
        return grad_input

    monkeypatch.setattr(block, "backward", wrong)
    report = check(load_config("fast"))
    layers = {layer.partition(":")[0] for layer, _ in wrong_rows(report)}
    assert layers == {block.__name__, "training step"}
    assert culprit(report)[0].startswith(block.__name__)


def test_a_layer_that_is_wrong_everywhere_is_named_by_its_own_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = Linear.backward
    monkeypatch.setattr(Linear, "backward", lambda *arguments: 1.001 * right(*arguments))
    assert culprit(check(load_config("lenet5"))) == ("12.linear", "input")


def test_a_wrong_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = CrossEntropy.backward
    monkeypatch.setattr(CrossEntropy, "backward", lambda *arguments: 1.001 * right(*arguments))
    assert culprit(check(load_config("lenet5"))) == ("cross_entropy", "outputs")


@pytest.mark.parametrize("text", [EVERY_KIND, ""])
def test_a_wrong_sum_of_shards_is_found(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_shard_only(update: Update, shares: Any, parts: int) -> float:
        return 0.0

    monkeypatch.setattr(Update, "add_up", first_shard_only)
    rows = wrong_rows(check(read_config(text)))
    assert {layer for layer, _ in rows} == {"training step"}


def test_a_loss_divided_by_the_shard_instead_of_the_batch_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = CrossEntropy.backward
    monkeypatch.setattr(
        CrossEntropy,
        "backward",
        lambda loss, outputs, cache, batch_size: right(loss, outputs, cache, outputs.shape[1]),
    )
    rows = wrong_rows(check(load_config("lenet5")))
    assert {layer for layer, _ in rows} == {"training step"}


@pytest.mark.parametrize("name", [*example_paths(), "nielsen", "lenet5"])
def test_a_mistake_in_any_layer_of_an_example_is_found(name: str) -> None:
    config = load_config(name)
    layers = [f"{place}.{spec.kind}" for place, spec in enumerate(config.model.layers, start=1)]
    for layer in layers:
        report = check(config, layer)
        if "conv" in name and layer == "3.flatten":  # one number, in whatever order
            assert report.passed
        else:
            assert culprit(report)[0] == layer


def test_a_gradient_that_is_not_finite_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "mistake", Mistake("nan", lambda layer, grad, cache: grad * np.nan))
    assert not check(read_config(EVERY_KIND), "13.tanh").passed


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


# --- Shards in micro-batches


MICRO_BATCHES = """
[model]
layers =
    conv 2 kernel=5
    maxpool 4
    relu
    flatten
    linear 10
[train]
batch_size = 200
shards = {shards}
"""


@pytest.mark.parametrize("shards", [1, 2])
def test_a_step_in_micro_batches_follows_the_gradient(
    shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = read_config(MICRO_BATCHES.format(shards=shards))
    assert check(config).passed

    def last_one_only(shard: SampleShard, *, is_first: bool) -> None:
        np.copyto(shard.gradients.flat, shard.of_micro_batch.flat)

    def always_added(shard: SampleShard, *, is_first: bool) -> None:
        shard.gradients.flat += shard.of_micro_batch.flat

    for wrong in (last_one_only, always_added):
        monkeypatch.setattr(SampleShard, "add_micro_batch", wrong)
        assert {layer for layer, _ in wrong_rows(check(config))} == {"training step"}
