"""Sums of paths against gradients where both are differences of much larger numbers."""

import dataclasses

import numpy as np
import pytest

from bpnet.teach.trace import paths, traced_run
from bpnet.teach.trace.jacobian import LayerCall, LocalDerivative, local_derivative
from bpnet.teach.trace.trace_text import StepText
from tests.teach.trace.test_paths import VECTORS, elements, traced


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MOST_PATHS", 10**6)
    monkeypatch.setattr(paths, "MOST_LISTED", 10**6)


@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
@pytest.mark.parametrize("hidden", ["softmax", "sigmoid", "tanh", "leaky_relu"])
@pytest.mark.parametrize("seed", range(12))
def test_paths_add_up_however_large_the_weights(hidden: str, last: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-1, 3)
    sizes = {"1.weight": 9, "1.bias": 3, "3.weight": 6, "3.bias": 2}
    weights = [
        f"weights.{name}={' '.join(map(repr, (scale * rng.normal(size=size)).tolist()))}"
        for name, size in sizes.items()
    ]
    loss = f"train.loss={('mse', 'quadratic')[seed % 2]}"
    step = traced(VECTORS, f"linear 3, {hidden}, linear 2, {last}", loss, *weights)
    for element in elements(step):
        assert element.agrees, element


def test_a_saturated_softmax_is_no_contradiction() -> None:
    # a = (1 − q, q) with q = e⁻²⁴, below 10⁻¹⁰: 1 − a₁ keeps six digits of it, a₂ all of them
    weights = ("weights.1.weight=0 0 0, 0 0 0", "weights.1.bias=24 0")
    found = elements(traced(VECTORS, "linear 2, softmax", "train.batch_size=1", *weights))
    apart = [abs(e.sum - e.gradient) / abs(e.gradient) for e in found if e.sum is not None]
    assert max(apart) > 1e-12
    assert all(element.agrees for element in found)
    assert max(element.tolerance / abs(element.gradient) for element in found) < 0.1


@pytest.mark.parametrize("kind", ["linear", "sigmoid", "softmax"])
def test_a_rate_that_is_wrong_in_the_ninth_digit_shows(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def tampered(call: LayerCall) -> LocalDerivative:
        right = local_derivative(call)
        if call.layer.name not in ("2.sigmoid", "3.linear", "4.softmax") or call.layer.kind != kind:
            return right
        assert right.values is not None
        wrong = right.values.copy()
        wrong[:, 0] *= 1 + 1e-9
        return LocalDerivative(right.form, wrong)

    monkeypatch.setattr(traced_run, "local_derivative", tampered)
    step = traced(VECTORS, "linear 2, sigmoid, linear 2, softmax", "model.init=normal")
    first = [element for element in elements(step) if element.element.startswith("1.weight[1,")]
    assert not any(element.agrees for element in first)


def test_numbers_that_disagree_are_written_with_the_digits_that_tell_them_apart() -> None:
    step = traced(VECTORS, "linear 2", "train.batch_size=1")
    assert step.paths is not None
    bias = step.paths["1.bias"][0]
    for total, line in (
        (bias.gradient, "= gradient"),
        (1.00000012, "sum 1.0000001 ≠ gradient 1"),
        (1.5, "sum 1.5 ≠ gradient 1"),
    ):
        gradient = bias.gradient if total == bias.gradient else 1.0
        changed = dataclasses.replace(bias, sum=total, gradient=gradient)
        one = dataclasses.replace(step, paths={"1.bias": (changed,)})
        assert list(StepText(one, 80).lines())[-1].endswith(line)
