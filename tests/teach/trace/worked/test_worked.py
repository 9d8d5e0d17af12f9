"""Formulas with numbers: worked out, each gives the value that it is said to give."""

import dataclasses
import re
from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from bpnet.config.network import build_layers
from bpnet.config.presets import example_paths
from bpnet.config.settings import Config
from bpnet.nn import facts
from bpnet.nn.layer import Array
from bpnet.nn.registry import build_loss, layer_types, loss_types
from bpnet.teach.trace.loss_activation import held_activation
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace import trace
from bpnet.teach.trace.worked import forward, terms
from bpnet.teach.trace.worked.backward import WITHOUT_JACOBIAN, backward_numbers, gradient_numbers
from bpnet.teach.trace.worked.forward import Place, forward_numbers
from bpnet.teach.trace.worked.layer_step import LayerStep, layer_steps, loss_step
from bpnet.teach.trace.worked.losses import (
    ACTIVATION_GRADIENTS,
    GRADIENTS,
    LOSSES,
    activation_gradient_numbers,
    loss_gradient_numbers,
    loss_numbers,
    mean_numbers,
    total_numbers,
)
from bpnet.teach.trace.worked.terms import sum_of_numbers, sum_of_products
from bpnet.teach.trace.worked.update import RULES, update_numbers
from bpnet.training.optimizers import OPTIMIZERS
from tests.helpers.arithmetic import worked_out
from tests.helpers.tiny import read_config
from tests.teach.trace.test_trace import TABLE

VECTORS = """
    linear 5
    batchnorm
    tanh
    residual
        linear 5 bias=no
        leaky_relu slope=0.25
    end
    elu
    softplus
    scale -1.5
    dropout 0.25
    gelu
    linear 4
    relu
    linear 3
    sigmoid
    linear 2
    softmax
"""
MAPS = """
    conv 2 kernel=3 stride=2 padding=1
    batchnorm
    maxpool 3 stride=1 padding=1
    conv 3 kernel=2 bias=no
    avgpool 2 stride=1 padding=1
    maxpool 2
    avgpool 1
    globalavgpool
    linear 2
"""
PICTURES = """
[data]
dataset = table
input_shape = 2 6 5
inputs =
    {rows}
targets =
    1 0
    0 1
    0.5 0.5
[model]
layers = {layers}
[train]
loss = mse
batch_size = 3
"""


@pytest.fixture
def _every_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write numbers with all their digits and sums with all their terms."""
    monkeypatch.setattr(facts.number, "__defaults__", (17,))
    monkeypatch.setattr(terms, "MOST_TERMS", 10**6)
    monkeypatch.setattr(forward, "MOST_LISTED", 10**6)


def vectors(loss: str = "mse") -> Config:
    text = TABLE.replace("    linear 4\n    tanh\n    linear 2\n", VECTORS.strip("\n") + "\n")
    return read_config(text.replace("loss = mse", f"loss = {loss}"))


def pictures() -> Config:
    rng = np.random.default_rng(3)
    rows = [" ".join(f"{x:.3f}" for x in row) for row in rng.normal(size=(3, 60))]
    return read_config(PICTURES.format(rows="\n    ".join(rows), layers=MAPS))


def first_step(config: Config) -> tuple[StepTrace, list[LayerStep]]:
    (step,) = trace(config, 1)
    return step, layer_steps(step, build_layers(config, step.inputs.shape[1:], None, []))


def places(array: Array) -> Iterator[Place]:
    yield from np.ndindex(array.shape)


@pytest.mark.parametrize("config", [vectors(), pictures()], ids=["vectors", "pictures"])
@pytest.mark.usefixtures("_every_digit")
def test_every_output_and_gradient_is_what_its_formula_gives(config: Config) -> None:
    _, steps = first_step(config)
    for step in steps:
        traced = step.trace
        for place in places(traced.output):
            found = worked_out(forward_numbers(step, place))
            assert found == pytest.approx(traced.output[place], rel=1e-9, abs=1e-12), traced.name
        for place in places(traced.grad_input):
            found = worked_out(backward_numbers(step, place))
            assert found == pytest.approx(traced.grad_input[place], rel=1e-9, abs=1e-12), (
                traced.name
            )
        for role, parameter in step.parameters.items():
            for place in places(parameter.grad):
                found = worked_out(gradient_numbers(step, role, place))
                assert found == pytest.approx(parameter.grad[place], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("config", [vectors(), pictures()], ids=["vectors", "pictures"])
@pytest.mark.usefixtures("_every_digit")
def test_formulas_need_no_jacobian(config: Config) -> None:
    _, steps = first_step(config)
    for step in steps:
        if step.layer.kind not in WITHOUT_JACOBIAN:
            continue
        local = dataclasses.replace(step.trace.local_derivative, form="matrix", values=None)
        traced = dataclasses.replace(step.trace, local_derivative=local)
        large = dataclasses.replace(step, trace=traced)
        for place in places(step.trace.grad_input):
            found = worked_out(backward_numbers(large, place))
            assert found == pytest.approx(step.trace.grad_input[place], rel=1e-9, abs=1e-12)


def test_every_layer_is_worked_out_somewhere() -> None:
    kinds = {line.split()[0] for line in (VECTORS + MAPS).splitlines() if line}
    assert set(layer_types()) - kinds == {"flatten"}  # as in the examples


def unknown_kinds(kinds: Iterable[str]) -> set[str]:
    """Return kinds of layers whose outputs, or numbers passed back, are not worked out."""
    types = layer_types()
    computing = {kind for kind in kinds if kind not in types or types[kind].scope != "identity"}
    mixing = {kind for kind in computing if kind not in types or types[kind].scope != "element"}
    with_gradients = {kind for kind in mixing if kind != "softmax"}  # its Jacobian is never large
    outputs = computing - set(forward.ONE_INPUT) - set(forward.MANY_INPUTS)
    return outputs | (with_gradients - set(WITHOUT_JACOBIAN))


def test_every_kind_that_configs_may_name_is_known() -> None:
    assert unknown_kinds(layer_types()) == set()
    assert set(loss_types()) == set(LOSSES) == set(GRADIENTS)
    applying = {kind for kind in loss_types() if build_loss(kind, 2).applies is not None}
    assert applying == set(ACTIVATION_GRADIENTS)
    assert set(OPTIMIZERS) == set(RULES)


def test_a_kind_that_is_not_known_is_found() -> None:
    assert unknown_kinds(["linear", "tanh", "swish"]) == {"swish"}


@pytest.mark.parametrize("kind", sorted(loss_types()))
@pytest.mark.usefixtures("_every_digit")
def test_every_loss_is_what_its_formula_gives(kind: str) -> None:
    text = TABLE.replace("loss = mse", f"loss = {kind}")
    (step,) = trace(read_config(text), 1)
    last = step.layers[-1]
    for sample, loss in enumerate(step.losses):
        assert worked_out(loss_numbers(kind, step, sample)) == pytest.approx(loss, rel=1e-9)
        for output, gradient in enumerate(last.grad_output[sample]):
            found = worked_out(loss_gradient_numbers(kind, step, sample, output))
            assert found == pytest.approx(gradient, rel=1e-9)
    assert worked_out(mean_numbers(step)) == pytest.approx(step.loss, rel=1e-9)
    assert worked_out(total_numbers(step)) == pytest.approx(step.total_loss, rel=1e-9)


@pytest.mark.parametrize("kind", ["cross_entropy", "binary_cross_entropy"])
@pytest.mark.usefixtures("_every_digit")
def test_what_a_loss_does_itself_is_what_its_formulas_give(kind: str) -> None:
    (step,) = trace(read_config(TABLE.replace("loss = mse", f"loss = {kind}")), 1)
    held = loss_step(step, held_activation(build_loss(kind, 2)))
    assert held is not None
    for place in places(held.trace.output):
        output, gradient = held.trace.output[place], held.trace.grad_output[place]
        assert worked_out(forward_numbers(held, place)) == pytest.approx(output, rel=1e-9)
        found = worked_out(activation_gradient_numbers(kind, step, *place))
        assert found == pytest.approx(gradient, rel=1e-9)
        passed = held.trace.grad_input[place]
        assert worked_out(backward_numbers(held, place)) == pytest.approx(passed, rel=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        ("momentum=0", "weight_decay=0"),
        ("momentum=0.9", "nesterov=no"),
        ("momentum=0.9", "nesterov=yes"),
        ("momentum=0", "weight_decay=0.1"),
        *[(f"name={name}", "weight_decay=0.1") for name in OPTIMIZERS if name != "sgd"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("clip", [0, 0.01])
@pytest.mark.usefixtures("_every_digit")
def test_every_weight_moves_as_its_formula_says(settings: tuple[str, ...], clip: float) -> None:
    changes = [f"optimizer.{one}" for one in settings]
    config = read_config(TABLE, *changes, f"train.grad_clip={clip}")
    for step in trace(config, 2):
        for name, traced in step.parameters.items():
            for place in places(traced.after):
                found = worked_out(update_numbers(config.optimizer, step, traced, place))
                assert found == pytest.approx(traced.after[place], rel=1e-9), name


@pytest.mark.parametrize("name", sorted(example_paths()))
def test_formulas_of_the_examples_are_written_in_few_digits(name: str) -> None:
    from bpnet.config.loading import load_config

    _, steps = first_step(load_config(name, ()))
    for step in steps:
        for place in places(step.trace.output):
            formula, value = forward_numbers(step, place), float(step.trace.output[place])
            assert abs(worked_out(formula) - value) <= rounding_of(formula)


NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+−]\d+)?")
HALF_A_DIGIT = 5e-6  # of six digits, as a fraction of the number


def rounding_of(formula: str) -> float:
    """Return by how much the value of a formula changes at most if its numbers were rounded.

    Each written number in turn is moved by half of its last digit.
    """
    value, moved = worked_out(formula.rpartition(" = ")[2]), 0.0
    last = formula.rpartition(" = ")[2]
    for found in NUMBER.finditer(last):
        number = float(found[0].replace("−", "-"))
        changed = f"{number * (1 + HALF_A_DIGIT):.17g}".replace("-", "−")
        moved += abs(worked_out(last[: found.start()] + changed + last[found.end() :]) - value)
    return 1.01 * moved + 1e-12  # a little more, since rates change within half a digit


def test_a_formula_with_a_wrong_digit_is_found() -> None:
    assert rounding_of("2.00001 · 3 + 1") < 1e-4
    assert abs(worked_out("2.0002 · 3 + 1") - 7) > rounding_of("2.0002 · 3 + 1")


def test_a_long_sum_shows_its_largest_terms() -> None:
    text = sum_of_products([np.arange(20.0), np.ones(20)])
    assert text == (
        "12 · 1 + 13 · 1 + 14 · 1 + 15 · 1 + 16 · 1 + 17 · 1 + 18 · 1 + 19 · 1 "
        "+ … (12 smaller terms)"
    )


def test_one_number_needs_no_brackets() -> None:
    assert sum_of_numbers([-3.0]) == "−3"
    assert sum_of_numbers([1.0, -3.0]) == "1 + (−3)"
    assert sum_of_numbers([]) == "0"


def test_a_wrong_formula_is_found() -> None:
    assert worked_out("2 · 3 + (−1)") == 5
    with pytest.raises(AssertionError):
        worked_out("σ(0) = 1 / (1 + e^{1})")
