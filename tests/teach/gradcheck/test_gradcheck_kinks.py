"""The gradient check where it is hard: large losses, steep curves, flat slopes, kinks and ties."""

import numpy as np
import pytest

from bpnet.config.loading import load_config
from bpnet.errors import DivergedError
from bpnet.teach.gradcheck.checker import DRAWS, check_direction, check_elements
from bpnet.teach.gradcheck.gradcheck import build, gradients_at
from bpnet.teach.gradcheck.samples import suitable_samples
from tests.helpers.gradient_checks import check, culprit
from tests.helpers.tiny import read_config

HOUSES = """
[data]
dataset = table
inputs =
    120 4 1985
    80 2 1999
    210 6 2015
targets =
    410000
    250000
    980000
[model]
layers =
    linear 4
    tanh
    linear 1
[train]
loss = mse
"""


def test_a_loss_of_billions_is_compared_with_its_own_rounding() -> None:
    assert check(read_config(HOUSES)).passed
    assert culprit(check(read_config(HOUSES), "3.linear")) == ("3.linear", "3.weight")


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("kind", ["tanh", "sigmoid"])
def test_steep_curves_are_no_mistakes(kind: str, loss: str) -> None:
    rng = np.random.default_rng(0)
    for seed in range(5):
        inputs = "\n".join(" " + " ".join(map(str, row)) for row in rng.normal(0, 10, (6, 6)))
        targets = "\n".join(f" {k} {1 - k}" for k in rng.integers(0, 2, 6))
        layers = f"layers =\n linear 6\n {kind}\n linear 2"
        data = f"[data]\ndataset = table\ninputs =\n{inputs}\ntargets =\n{targets}\n"
        text = f"{data}[model]\n{layers}\n[train]\nloss = {loss}\nseed = {seed}\n"
        assert check(read_config(text), elements=True).passed


def test_flat_slopes_are_those_of_biases_before_a_norm_and_a_layer_is_checked_alone_there() -> None:
    report = check(load_config("best"))
    flat = [row for row in report.checks if row.is_flat]
    alone = [row for row in report.checks if row.is_alone]
    before_norm = ["1.bias", "7.bias", "11.bias"]
    assert {row.gradient.part for row in flat} == {"training step"}
    assert [row.gradient.parameter for row in flat] == before_norm
    assert [row.gradient.parameter for row in alone] == 2 * before_norm
    assert [row.gradient.part for row in alone] == 3 * ["layer"] + 3 * ["fast path"]


def test_training_steps_are_compared_where_tiles_reach_beyond_the_output() -> None:
    """Beyond it are ties that rounding breaks anew every time: no direction crosses none."""
    layers = "conv 16 kernel=3 padding=1, maxpool 2, relu, conv 16 kernel=3 padding=1, maxpool 2"
    text = "[model]\nlayers =\n    " + f"{layers}, relu, flatten, linear 10".replace(", ", "\n    ")
    report = check(read_config(text))
    assert any(row.gradient.layer.startswith("WinogradConv") for row in report.checks)
    assert all(row.relative_error is not None for row in report.checks)


def test_a_loss_that_is_no_number_is_told() -> None:
    with pytest.raises(DivergedError, match="finite loss"):
        check(load_config("chain", ("data.inputs=1e200",)))


@pytest.mark.parametrize("layers", ["linear 5, relu", "linear 5, linear 5, linear 5, relu"])
def test_a_point_on_a_kink_is_left_for_one_beside_it(layers: str) -> None:
    text = f"[model]\nlayers =\n flatten\n {layers}\n linear 10\ninit = zeros\n"
    places = range(2, 2 + layers.count("linear"))
    sizes = {place: 784 if place == 2 else 5 for place in places}
    text += "[weights]\n" + "".join(
        f"{place}.weight = {'0 ' * 5 * size}\n{place}.bias = {'0 ' * 5}\n"
        for place, size in sizes.items()
    )
    report = check(read_config(text.replace(", ", "\n ")))
    assert report.passed
    assert report.moved > 0
    assert all(row.relative_error is not None for row in report.checks)


def test_ties_that_no_move_parts_are_told_instead_of_failing() -> None:
    layers = "conv 2 kernel=3, scale 1e6, sigmoid, maxpool 2, flatten, linear 10"
    report = check(read_config("[model]\nlayers =\n " + layers.replace(", ", "\n ")))
    tied = [row.gradient.layer for row in report.checks if row.relative_error is None]
    assert report.passed
    assert "4.maxpool" in tied


def test_zeros_behind_relu_tie_and_are_left_alone() -> None:
    report = check(load_config("lenet5"))
    held = {row.gradient.layer: row.held for row in report.checks if row.held}
    assert held.keys() == {"3.maxpool", "6.maxpool"}


def test_a_direction_across_a_kink_is_not_compared() -> None:
    config = read_config("[model]\nlayers =\n flatten\n linear 5\n relu\n linear 10\n")
    samples = suitable_samples(config, np.random.default_rng(0)).first(2)
    model = build(config, samples, "float64")
    network = model.plain().network
    network.parameters.views["2.weight"].fill(0)  # every hidden unit is exactly 0
    point = gradients_at(network, model.network, samples)
    at_kink = next(row for row in point.of_layers() if row.parameter == "2.bias")
    found = check_direction(at_kink, np.random.default_rng(1))
    assert found.relative_error is None
    assert found.passed
    assert found.kinks == DRAWS
    assert check_elements(at_kink, lambda: None).kinks == 5
