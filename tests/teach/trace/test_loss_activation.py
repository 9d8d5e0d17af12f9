"""A loss that applies its activation itself, opened: a, ∂C/∂a, the slope, and a − y."""

import json

import numpy as np
import pytest

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
    found = applied(kind).gradient(a, y) / 4
    h = 1e-6
    for place in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[place] = h
        above, below = by_activation(kind, a + step, y), by_activation(kind, a - step, y)
        assert found[place] == pytest.approx((above - below) / (2 * h), rel=1e-7)


def test_where_a_target_is_0_an_activation_of_0_costs_nothing() -> None:
    a, y = np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]])
    assert applied("cross_entropy").gradient(a, y).ravel().tolist() == [0, -1]
    assert applied("binary_cross_entropy").gradient(a, y).ravel().tolist() == [0.5, -0.5]


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


def test_digits_that_the_activation_has_lost_are_told() -> None:
    words = ("trace", "neuron-cross-entropy", "--set", "weights.1.weight=50")
    text = " ".join(succeed(*words).out.split())
    assert "which has digits left where a has been rounded to 0 or 1" in text
    (step,) = json.loads(succeed(*words, "--json").out)["steps"]
    assert step["loss_activation"]["grad_output"] == [[None]]
    assert step["layers"][0]["grad_output"] == [[1]]


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
