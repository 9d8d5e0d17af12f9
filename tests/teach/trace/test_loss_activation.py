"""A loss that applies its activation itself, opened: a, ∂C/∂a, the slope, and a − y."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.config.loading import load_config
from bpnet.nn.facts import Applied
from bpnet.nn.layer import Array
from bpnet.nn.registry import build_loss, loss_types
from bpnet.teach.trace.loss_activation import held_activation
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace import trace
from tests.helpers.tiny import read_config, succeed
from tests.teach.trace.test_trace import TABLE

SOFTMAX, SIGMOID = "train.loss=cross_entropy", "train.loss=binary_cross_entropy"
SMOOTH = "train.label_smoothing=0.2"
CLASSES = """
[data]
dataset = table
inputs =
    1
targets =
    1 0
[model]
layers =
    linear 2
[weights]
1.weight = LOGIT, 0
1.bias = 0 0
[train]
loss = cross_entropy
"""
HELD = [kind for kind, loss in loss_types().items() if loss.applies is not None]


def traced(*overrides: str) -> StepTrace:
    (step,) = trace(read_config(TABLE, *overrides), 1)
    return step


def applied(kind: str) -> Applied:
    found = loss_types()[kind].applies
    assert found is not None
    return found


def by_activation(kind: str, a: Array, y: Array) -> float:
    """Compute the mean loss of activations (outputs, batch) as the textbook writes it."""
    if kind == "cross_entropy":
        return float(-(y * np.log(a)).sum() / a.shape[1])
    return float(-(y * np.log(a) + (1 - y) * np.log(1 - a)).mean())


@pytest.mark.parametrize("kind", HELD)
def test_the_gradient_of_the_activation_matches_central_differences(kind: str) -> None:
    rng = np.random.default_rng(1)
    a, y = rng.uniform(0.1, 0.9, (3, 4)), rng.uniform(0, 1, (3, 4))
    found = applied(kind).gradient(a, 1 - a, y) / 4
    h = 1e-6
    for place in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[place] = h
        above, below = by_activation(kind, a + step, y), by_activation(kind, a - step, y)
        assert found[place] == pytest.approx((above - below) / (2 * h), rel=1e-7)


def test_where_a_target_is_0_an_activation_of_0_costs_nothing() -> None:
    a, y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]])
    assert applied("cross_entropy").gradient(a, 1 - a, y).ravel().tolist() == [0, -1]
    assert applied("binary_cross_entropy").gradient(a, 1 - a, y).ravel().tolist() == [0.5, -0.5]


@pytest.mark.parametrize("kind", HELD)
def test_the_layer_is_the_one_whose_work_the_loss_does(kind: str) -> None:
    layer = held_activation(build_loss(kind, 3))
    assert layer is not None
    assert (layer.kind, layer.output_shape) == (applied(kind).kind, (3,))


@pytest.mark.parametrize(
    "overrides", [(SOFTMAX,), (SIGMOID,), (SOFTMAX, SMOOTH), (SIGMOID, SMOOTH)]
)
def test_the_factors_come_to_what_the_loss_passes_back(overrides: tuple[str, ...]) -> None:
    step = traced(*overrides)
    held = step.loss_activation
    assert held is not None
    z, back = step.layers[-1].output, step.layers[-1].grad_output
    if SOFTMAX in overrides:
        a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        slope = np.einsum("si,ij->sij", a, np.eye(2)) - np.einsum("si,sj->sij", a, a)
        nabla, product = -step.targets / a / 3, np.einsum("si,sij->sj", held.grad_output, slope)
    else:
        a = 1 / (1 + np.exp(-z))
        slope = a * (1 - a)
        nabla, product = (a - step.targets) / slope / 6, held.grad_output * slope
    np.testing.assert_allclose(held.output, a, rtol=1e-13)
    np.testing.assert_allclose(held.grad_output, nabla, rtol=1e-12, atol=1e-14)
    assert held.local_derivative.values is not None
    np.testing.assert_allclose(held.local_derivative.values, slope, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(held.grad_input, product, rtol=1e-12)
    np.testing.assert_allclose(held.grad_input, back, rtol=1e-12)


@pytest.mark.parametrize("loss", ["mse", "quadratic"])
def test_other_losses_hold_none(loss: str) -> None:
    assert traced(f"train.loss={loss}").loss_activation is None
    assert held_activation(build_loss(loss, 2)) is None


def test_the_first_equation_begins_with_the_activation() -> None:
    for setting, formula in (
        (SIGMOID, "∇C ⊙ σ'(z)"),
        (SOFTMAX, "(∂a/∂z of softmax)ᵀ ∇C"),
        ("train.loss=mse", "∇C"),
    ):
        first = traced(setting).equations[0]
        assert (first.label, first.formula) == ("BP1", formula)


def test_the_text_shows_both_factors_and_that_they_cancel() -> None:
    text = succeed("trace", "neuron-cross-entropy").out
    assert "  (sigmoid)  1      a = σ(z) = 1 / (1 + e⁻ᶻ), by" in text
    words = " ".join(text.split())
    a = 1 / (1 + np.exp(-4))
    assert f"{1 / (1 - a):.6g} 1 {1 / (1 - a):.6g}" in words  # ∂C/∂a, y being 0
    assert f"∂z = δ ⊙ a (1 − a) {a * (1 - a):.6g} {1 / (1 - a):.6g} {a:.6g}" in words
    assert "· a (1 − a) = a − y; so the loss applies the sigmoid itself" in words
    assert "BP1 δ of 1.linear = ∇C ⊙ σ'(z) = 0.982014" in words
    assert "rounded" not in words


# --- Where a is close to 0 or 1


@pytest.mark.parametrize("z", [-700, -40, 30, 40, 700])
@pytest.mark.parametrize("y", [0, 1])
def test_factors_of_a_sigmoid_keep_their_digits(z: int, y: int) -> None:
    """The weight is z, the input 1 and the bias 0."""
    weights = (f"weights.1.weight={z}", "weights.1.bias=0", f"data.targets={y}")
    (step,) = trace(load_config("neuron-cross-entropy", weights), 1)
    held = step.loss_activation
    assert held is not None
    assert held.local_derivative.values is not None
    slope = math.exp(-abs(z)) / (1 + math.exp(-abs(z))) ** 2
    product = (-1 if y else 1) / (1 + math.exp(z if y else -z))
    assert held.local_derivative.values.item() == pytest.approx(slope, rel=1e-12)
    assert held.grad_output.item() == pytest.approx(product / slope, rel=1e-12)
    assert held.grad_input.item() == pytest.approx(product, rel=1e-12)


def test_factors_of_a_softmax_keep_their_digits() -> None:
    text = CLASSES.replace("LOGIT", "40")
    (step,) = trace(read_config(text), 1)
    held = step.loss_activation
    assert held is not None
    slope, small = held.local_derivative.values, math.exp(-40)
    assert slope is not None
    np.testing.assert_allclose(slope[0], [[small, -small], [-small, small]], rtol=1e-12)
    np.testing.assert_allclose(held.grad_input, [[-small, small]], rtol=1e-12)


@pytest.mark.parametrize(
    ("z", "y", "smoothing"),
    [(1000, "0", 0), (-1000, "1", 0), (1000, "1", 0.1), (-1000, "0", 0.1)],
)
def test_what_a_saturated_sigmoid_has_lost_is_told_in_words(
    z: int, y: str, smoothing: float
) -> None:
    settings = (f"weights.1.weight={z}", f"data.targets={y}", f"train.label_smoothing={smoothing}")
    held = demand_words("neuron-cross-entropy", *settings)
    assert held["local_derivative"]["values"] == held["grad_input"] == [[None]]


@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_what_a_saturated_softmax_has_lost_is_told_in_words(
    tmp_path: Path, smoothing: float
) -> None:
    path = tmp_path / "classes.ini"
    path.write_text(CLASSES.replace("LOGIT", "1000"), encoding="utf-8")
    held = demand_words(str(path), f"train.label_smoothing={smoothing}")
    assert held["local_derivative"]["values"] == [[[None, None], [None, None]]]
    assert held["grad_input"] == [[None, None]]
    assert held["grad_output"][0] == [pytest.approx(-1 + smoothing / 2), None if smoothing else 0]


def demand_words(config: str, *settings: str) -> dict[str, Any]:
    """Return the activation's numbers after making sure that text shows none that is not finite."""
    words = ("trace", config, *(word for setting in settings for word in ("--set", setting)))
    text = " ".join(succeed(*words).out.split())
    assert not re.search(r"\b(inf|nan)\b", text)
    assert "lost: a has been rounded to 0 or 1, or nearly so" in text
    (step,) = json.loads(succeed(*words, "--json").out)["steps"]
    assert None not in step["layers"][0]["grad_output"][0]
    held: dict[str, Any] = step["loss_activation"]
    return held


def test_a_saturated_sample_leaves_the_others_their_numbers() -> None:
    inputs = ("data.inputs=1\n0.001", "data.targets=0\n0", "train.batch_size=2")
    words = [word for setting in inputs for word in ("--set", setting)]
    words += ["--set", "weights.1.weight=1000", "--set", "weights.1.bias=0"]
    text = " ".join(succeed("trace", "neuron-cross-entropy", *words).out.split())
    slope, a = 1 / (1 + math.exp(-1)) / (1 + math.exp(1)), 1 / (1 + math.exp(-1))
    assert "sample 1 lost sample 1 lost sample 1 lost" in text
    assert f"sample 2 {slope:.6g} sample 2 {a / slope / 2:.6g} sample 2 {a / 2:.6g}" in text


def test_more_digits_than_the_loss_has_are_told() -> None:
    settings = ("--set", "weights.1.weight=30", "--set", "data.targets=1")
    text = " ".join(succeed("trace", "neuron-cross-entropy", *settings).out.split())
    assert "a and y are so close that their difference has fewer digits" in text
    assert "lost" not in text


def test_the_document_has_the_activation_as_a_layer() -> None:
    (step,) = json.loads(succeed("trace", "keras-classes", "--json").out)["steps"]
    more = {"gradient_formula", "cancels"}
    assert step["loss_activation"].keys() == step["layers"][0].keys() | more
    assert step["loss_activation"]["local_derivative"]["form"] == "element"
    assert [layer["name"] for layer in step["layers"]][-1] == "3.linear"
    (step,) = json.loads(succeed("trace", "chain", "--json").out)["steps"]
    assert step["loss_activation"] is None


def test_the_total_loss_stands_beside_the_mean() -> None:
    (step,) = json.loads(succeed("trace", "sigmoid", "--json").out)["steps"]
    assert step["total_loss"] == pytest.approx(sum(step["losses"]), rel=1e-15)
    assert step["total_loss"] == pytest.approx(step["loss"] * len(step["samples"]), rel=1e-15)
    words = " ".join(succeed("trace", "sigmoid").out.split())
    assert f"total loss L = Σ_n Cⁿ {step['total_loss']:.6g}" in words
    assert f"mean C = Σ losses / samples {step['loss']:.6g}" in words
    assert "total loss" not in succeed("trace", "chain").out
