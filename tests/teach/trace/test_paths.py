"""Paths to the loss, which add up to a gradient, and the four equations of backpropagation."""

import math
from typing import Any

import numpy as np
import pytest

from bpnet.teach.trace import jacobian, paths, traced_run
from bpnet.teach.trace.jacobian import LayerCall, LocalDerivative, local_derivative
from bpnet.teach.trace.paths import ElementPaths
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace import trace
from tests.helpers.tiny import read_config
from tests.teach.trace.test_trace import CHAIN, TABLE

VECTORS = """
[data]
dataset = table
inputs =
    0.5 -1.5 2
    -1 2 0.25
targets =
    1 0
    0 1
[train]
loss = mse
batch_size = 2
[model]
layers =
"""
PICTURES = """
[data]
dataset = table
input_shape = 2 3 4
inputs =
    1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 1 0 2 9 8 7 6 5
    0 1 0 2 0 3 0 4 0 5 0 6 0 7 0 8 1 2 3 1 2 3 1 2
targets =
    1 0
    0 1
[train]
loss = cross_entropy
batch_size = 2
[model]
layers =
"""
TWO_WAYS = """
[data]
dataset = table
inputs = 2
targets = 5
[model]
layers =
    linear 1 bias=no
    linear 2
    leaky_relu slope=0.5
    linear 1 bias=no
[weights]
1.weight = 1.5
2.weight = 2 -1
2.bias = 0 1
4.weight = 2 6
[train]
loss = mse
"""


def traced(text: str, layers: str = "", *overrides: str) -> StepTrace:
    lines = "".join(f"    {layer.strip()}\n" for layer in layers.split(",") if layer)
    (step,) = trace(read_config(text + lines, *overrides), 1)
    return step


def elements(step: StepTrace) -> list[ElementPaths]:
    assert step.paths is not None, step.paths_obstacle
    return [element for found in step.paths.values() for element in found]


@pytest.fixture
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_PATHS", 10**6)
    monkeypatch.setattr(paths, "MOST_LISTED", 10**6)


def test_the_two_ways_of_a_number_add_up() -> None:
    weight = elements(traced(TWO_WAYS))[0]
    assert weight.paths is not None
    upper, lower = weight.paths
    ending = ("4.linear[1]", "loss")
    start = ("1.weight[1,1]", "1.linear[1]")
    assert upper.through == (*start, "2.linear[1]", "3.leaky_relu[1]", *ending)
    assert lower.through == (*start, "2.linear[2]", "3.leaky_relu[2]", *ending)
    assert list(upper.rates) == [2, 2, 1, 2, 2]  # t, weight, slope, weight, 2 (y − 5)
    assert list(lower.rates) == [2, -1, 0.5, 6, 2]
    assert (upper.product, lower.product) == (16, -12)
    assert (weight.sum, weight.gradient, weight.agrees) == (4, 4, True)


@pytest.mark.usefixtures("_no_limits")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("text", "layers"),
    [
        (VECTORS, "linear 3, sigmoid, linear 2"),
        (VECTORS, "scale -1.5, linear 3, relu, linear 2, scale 0.5"),
        (VECTORS, "linear 2, tanh, linear 3 bias=no, leaky_relu, linear 2, softmax"),
        (VECTORS, "linear 4, dropout 0.5, linear 2, sigmoid"),
        (PICTURES, "conv 2 kernel=2, relu, avgpool 2, flatten, linear 2"),
        (PICTURES, "conv 2 kernel=3 padding=1 stride=2, sigmoid, maxpool 2, flatten, linear 2"),
        (PICTURES, "maxpool 2, conv 2 kernel=1, scale 2, conv 1 kernel=1 bias=no, flatten"),
    ],
)
def test_the_paths_of_every_weight_add_up_to_its_gradient(
    text: str, layers: str, seed: int
) -> None:
    step = traced(text, layers, f"train.seed={seed}", "model.init=normal")
    found = elements(step)
    assert len(found) == sum(parameter.grad.size for parameter in step.parameters.values())
    for element in found:
        assert element.paths is not None
        assert len(element.paths) == element.count
        assert element.sum == pytest.approx(element.gradient, rel=1e-12, abs=1e-12)
        assert element.agrees
        for path in element.paths:
            assert path.product == math.prod(path.rates) != 0
            assert len(path.rates) == len(path.through) - 1
            assert (path.through[0], path.through[-1]) == (element.element, "loss")
    for name, parameter in step.parameters.items():
        assert step.paths is not None
        gradients = [element.gradient for element in step.paths[name]]
        np.testing.assert_array_equal(gradients, parameter.grad.reshape(-1))


@pytest.mark.usefixtures("_no_limits")
def test_a_wrong_rate_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def tampered(call: LayerCall) -> LocalDerivative:
        right = local_derivative(call)
        if call.layer.kind != "sigmoid":
            return right
        assert right.values is not None
        return LocalDerivative(right.form, right.values * (1 + 1e-9))

    monkeypatch.setattr(traced_run, "local_derivative", tampered)
    step = traced(VECTORS, "linear 3, sigmoid, linear 2")
    assert step.paths is not None
    for name, found in step.paths.items():
        before_the_sigmoid = name.startswith("1.")
        assert all(element.agrees != before_the_sigmoid for element in found)


def test_every_sample_has_paths_of_its_own() -> None:
    step = traced(VECTORS, "linear 2")
    bias = elements(step)[-1]
    assert bias.element == "1.bias[2]"
    assert bias.paths is not None
    assert [path.sample for path in bias.paths] == list(step.samples)
    assert [path.through for path in bias.paths] == [("1.bias[2]", "1.linear[2]", "loss")] * 2


def test_a_rate_of_0_makes_no_path() -> None:
    cut = "linear 1, relu, linear 2"
    step = traced(VECTORS, cut, "weights.1.weight=0 0 0", "weights.1.bias=-1")
    for element in elements(step)[:4]:
        assert (element.count, element.paths, element.sum, element.gradient) == (0, (), 0, 0)
        assert element.agrees


# --- Limits


def counts(layers: str, **limits: int) -> dict[str, list[Any]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(paths, name, limit)
        step = traced(VECTORS, layers, "model.init=normal")
    return {e.element: [e.count, e.paths and len(e.paths)] for e in elements(step)}


def test_too_many_paths_are_counted_and_not_listed() -> None:
    layers = "linear 3, tanh, linear 2"  # 2 samples: a weight of the first layer has 2·2 paths
    assert counts(layers)["1.weight[3,2]"] == [4, 4]
    found = counts(layers, MOST_PATHS=3)
    assert found["1.weight[3,2]"] == [4, None]
    assert found["3.weight[2,1]"] == [2, 2]
    total = 12 * 4 + 8 * 2
    assert counts(layers, MOST_LISTED=total)["1.bias[1]"] == [4, 4]
    assert counts(layers, MOST_LISTED=total - 1)["3.weight[2,1]"] == [2, None]


def test_a_deep_network_is_counted_without_being_walked() -> None:
    layers = 70
    weights = [f"weights.{position}.weight=0.5 0.4 0.6 0.5" for position in range(2, layers + 1)]
    text = VECTORS.replace("0.5 -1.5 2", "0.5 2").replace("-1 2 0.25", "1 2")
    first = "weights.1.weight=0.5 0.4 0.6 0.5"
    step = traced(text, "linear 2 bias=no," * layers, first, *weights, "train.batch_size=1")
    assert step.paths is not None
    assert [element.count for element in step.paths["1.weight"]] == [2**69] * 4
    assert [element.count for element in step.paths["70.weight"]] == [1] * 4


def test_mixed_samples_have_no_paths() -> None:
    step = traced(VECTORS, "linear 2, batchnorm, linear 2")
    assert step.paths is None
    assert "2.batchnorm mixes the samples" in str(step.paths_obstacle)


def test_what_has_too_many_rates_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_RATES", 2 * 4 * 12)  # samples, outputs, weights
    assert traced(VECTORS, "linear 4, relu, linear 2").paths is not None
    monkeypatch.setattr(paths, "MOST_RATES", 2 * 4 * 12 - 1)
    step = traced(VECTORS, "linear 4, relu, linear 2")
    assert step.paths is None
    assert step.paths_obstacle == "1.linear has too many rates from its weight to its outputs"


def test_a_local_derivative_that_was_left_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = "linear 4, softmax, linear 2"
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 2 * 4 * 4)  # samples, outputs, inputs
    assert traced(VECTORS, layers).paths is not None
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 2 * 4 * 4 - 1)
    step = traced(VECTORS, layers)
    assert step.paths is None
    assert "local derivative of 2.softmax has too many numbers" in str(step.paths_obstacle)


# --- The four equations


def test_the_equations_of_the_chain_carry_the_names_of_its_layers() -> None:
    step = traced(CHAIN)
    found = [(e.label, f"{e.name} = {e.formula}", e.values.item()) for e in step.equations]
    assert found == [
        ("BP1", "δ of 2.linear = 2 · ∇C", -240),
        ("BP2", "δ of 1.linear = (2.weight)ᵀ δ of 2.linear", -4800),
        ("BP3", "∂C/∂1.bias = δ of 1.linear", -4800),
        ("BP4", "∂C/∂1.weight = (δ of 1.linear) · (input)ᵀ", -4800),
        ("BP4", "∂C/∂2.weight = (δ of 2.linear) · (1.linear)ᵀ", -2640),
    ]


def test_the_equations_hold_as_they_are_written() -> None:
    step = traced(VECTORS, "linear 3, sigmoid, scale -2, linear 2, softmax")
    last, before, *_ = step.equations
    assert last.formula == "(∂a/∂z of 5.softmax)ᵀ ∇C"
    assert before.formula == "((−2) · ((4.weight)ᵀ δ of 4.linear)) ⊙ σ'(z)"
    a = step.layers[4].output
    nabla = (a - step.targets) / 2  # 2 (a − y) / (outputs · samples)
    delta = a * (nabla - (nabla * a).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(last.values, delta, rtol=1e-12)
    sigma = step.layers[1].output
    delta = -2 * (delta @ step.parameters["4.weight"].before) * sigma * (1 - sigma)
    np.testing.assert_allclose(before.values, delta, rtol=1e-12)
    values = {equation.name: equation.values for equation in step.equations}
    np.testing.assert_allclose(values["∂C/∂1.bias"], delta.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(values["∂C/∂1.weight"], delta.T @ step.inputs, rtol=1e-12)


def test_two_activations_in_a_row_are_told_apart() -> None:
    step = traced(VECTORS, "flatten, linear 3, relu, dropout 0.5, tanh, linear 2")
    (formula,) = [equation.formula for equation in step.equations if equation.label == "BP2"]
    inner = "(((6.weight)ᵀ δ of 6.linear) ⊙ tanh'(input of 5.tanh))"
    assert formula == f"({inner} ⊙ m / (1 − p)) ⊙ relu'(z)"


def test_only_fully_connected_networks_have_the_equations() -> None:
    assert traced(PICTURES, "conv 1 kernel=2, flatten, linear 2").equations == ()
    assert traced(VECTORS, "linear 2, batchnorm").equations == ()
    assert traced(TABLE, "", "model.layers=sigmoid").equations == ()


# Residual blocks


@pytest.mark.parametrize(
    "layers",
    [
        "linear 2, residual, linear 2, tanh, end, linear 2",
        "residual, residual, linear 2, end, leaky_relu slope=0.5, end, linear 2",
        "linear 2, residual, scale 2, residual, tanh, end, end",
        "linear 2, residual, scale 2, end, residual, tanh, end",
    ],
)
def test_paths_through_and_past_blocks_add_up_to_the_gradient(layers: str) -> None:
    lines = "".join(f"    {line}\n" for line in layers.split(", "))
    [step] = trace(
        read_config(VECTORS.replace("0.5 -1.5 2", "0.5 -1").replace("-1 2 0.25", "2 1") + lines), 1
    )
    assert step.paths is not None
    elements = [element for of_one in step.paths.values() for element in of_one]
    assert all(element.agrees for element in elements if element.paths is not None)
    lengths = {len(p.through) for element in elements for p in element.paths or ()}
    assert len(lengths) > 1, "some lead past, some through"


def test_every_block_doubles_the_ways() -> None:
    blocks = "    residual\n    scale 0.5\n    end\n" * 70
    [step] = trace(
        read_config(
            TWO_WAYS.partition("[model]")[0]
            + f"[model]\nlayers =\n    linear 1\n{blocks}[train]\nloss = mse\n"
        ),
        1,
    )
    assert step.paths is not None
    assert step.paths["1.weight"][0].count == 2**70
    np.testing.assert_allclose(
        step.parameters["1.bias"].grad, 1.5**70 * step.layers[-1].grad_output[0]
    )


def test_equations_name_what_comes_past_a_block() -> None:
    text = VECTORS + "    linear 3\n    residual\n    linear 3\n    tanh\n    end\n    linear 2\n"
    [step] = trace(read_config(text), 1)
    formulas = {equation.name: equation.formula for equation in step.equations}
    assert formulas["δ of 3.linear"] == "((6.weight)ᵀ δ of 6.linear) ⊙ tanh'(z)"
    assert formulas["δ of 1.linear"] == "((3.weight)ᵀ δ of 3.linear) + δ of 5.end"
