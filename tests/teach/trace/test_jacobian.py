"""Local derivatives of every layer against central differences of its forward pass."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpnet.nn.activation import ReLU, Sigmoid
from bpnet.nn.avgpool import AvgPool
from bpnet.nn.conv import Conv
from bpnet.nn.dropout import Dropout
from bpnet.nn.elu import ELU
from bpnet.nn.gelu import GELU
from bpnet.nn.globalavgpool import GlobalAvgPool
from bpnet.nn.layer import Array, Layer
from bpnet.nn.leaky_relu import LeakyReLU
from bpnet.nn.linear import Linear
from bpnet.nn.norm import BatchNorm
from bpnet.nn.pool import MaxPool
from bpnet.nn.registry import layer_types
from bpnet.nn.reshape import Flatten
from bpnet.nn.residual import End, Residual
from bpnet.nn.scale import Scale
from bpnet.nn.sliding_pool import SlidingMaxPool
from bpnet.nn.softmax import Softmax
from bpnet.nn.softplus import Softplus
from bpnet.nn.tanh import Tanh
from bpnet.teach.trace import jacobian
from bpnet.teach.trace.jacobian import LayerCall, local_derivative, parameter_jacobian
from tests.helpers.gradients import Trial
from tests.helpers.layer_cases import inputs_for

STEP = 1e-6
SAMPLES = 3

SMALL: dict[str, Layer[Any]] = {
    "linear": Linear((3,), 2),
    "conv": Conv((2, 3, 4), 2, 2, 1, 1),
    "conv_strided": Conv((1, 5, 4), 2, 3, 2, 0, bias=False),
    "maxpool": MaxPool((2, 4, 5), 2),
    "maxpool_sliding": SlidingMaxPool((1, 4, 5), 3, 2, 1),
    "avgpool": AvgPool((2, 4, 5), 2),
    "avgpool_sliding": AvgPool((1, 4, 5), 3, 1, 1),
    "globalavgpool": GlobalAvgPool((2, 3, 2)),
    "residual": Residual((4,)),
    "end": End((2, 1, 3)),
    "flatten": Flatten((2, 2, 3)),
    "relu": ReLU((4,)),
    "leaky_relu": LeakyReLU((2, 2, 2), 0.1),
    "elu": ELU((2, 3), 0.7),
    "gelu": GELU((5,)),
    "softplus": Softplus((5,)),
    "sigmoid": Sigmoid((4,)),
    "tanh": Tanh((1, 2, 3)),
    "softmax": Softmax((4,)),
    "dropout": Dropout((6,), 0.5),
    "batchnorm": BatchNorm((3,)),
    "batchnorm_pictures": BatchNorm((2, 2, 2)),
    "scale": Scale((3,), -1.7),
}
every_layer = pytest.mark.parametrize("name", SMALL)


def call_of(layer: Layer[Any]) -> tuple[LayerCall, Callable[[], Array]]:
    """Call a layer; return the call, and a function that computes its output once more."""
    rng = np.random.default_rng(5)
    trial = Trial(layer, rng)
    cache = trial.cache(SAMPLES)
    x = inputs_for(layer, SAMPLES, rng)
    trial.forward(x, cache)
    twin = Trial(layer, np.random.default_rng(5))  # the same parameters, memory of its own
    other = twin.cache(SAMPLES)
    layer.bind(trial.parameters, trial.state)
    return LayerCall(layer, x, cache, trial.gradients), lambda: twin.forward(x, other).copy()


def differences(output: Callable[[], Array], at: Array) -> Array:
    """Return (f(at + h) − f(at − h)) / 2h for each element of `at`, which comes last."""
    columns = []
    for place in np.ndindex(at.shape):
        start = at[place]
        values = []
        for side in (STEP, -STEP):
            at[place] = start + side
            values.append(output())
        at[place] = start
        columns.append((values[0] - values[1]) / (2 * STEP))
    return np.stack(columns, axis=-1)


def by_input(name: str) -> tuple[jacobian.LocalDerivative, Array]:
    """Return a layer's local derivative and the numeric one (samples, out, samples, in)."""
    call, output = call_of(SMALL[name])
    numeric = differences(output, call.x)
    outputs, inputs = numeric.size // call.x.size // SAMPLES, call.x.size // SAMPLES
    whole = numeric.reshape(outputs, SAMPLES, inputs, SAMPLES)
    return local_derivative(call), whole.transpose(1, 0, 3, 2)


def test_every_kind_of_layer_is_tried() -> None:
    assert {layer.kind for layer in SMALL.values()} == set(layer_types())


@every_layer
def test_local_derivatives_agree_with_differences(name: str) -> None:
    found, numeric = by_input(name)
    own = np.stack([numeric[sample, :, sample] for sample in range(SAMPLES)])
    if found.form == "mixed":
        assert found.values is not None
        np.testing.assert_allclose(found.values, numeric, rtol=0, atol=1e-8)
        return
    for sample in range(SAMPLES):  # no sample acts on another
        numeric[sample, :, sample] = 0
    assert not numeric.any()
    if found.form == "identity":
        assert found.values is None
        expected = np.broadcast_to(np.eye(own.shape[1]), own.shape)
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-8)
        return
    assert found.values is not None
    if found.form == "element":
        found_here = np.stack([np.diag(row.reshape(-1)) for row in found.values])
    else:
        found_here = found.values
    np.testing.assert_allclose(found_here, own, rtol=0, atol=1e-8)


def test_the_form_tells_how_a_layer_acts() -> None:
    forms = {name: local_derivative(call_of(layer)[0]).form for name, layer in SMALL.items()}
    matrices = {"linear", "conv", "conv_strided", "maxpool", "avgpool", "globalavgpool", "softmax"}
    matrices |= {"maxpool_sliding", "avgpool_sliding"}
    assert {name for name, form in forms.items() if form == "matrix"} == matrices
    assert {name for name, form in forms.items() if form == "mixed"} == {
        "batchnorm",
        "batchnorm_pictures",
    }
    assert [name for name, form in forms.items() if form == "identity"] == ["residual", "flatten"]


@pytest.mark.parametrize("name", [name for name, layer in SMALL.items() if layer.parameter_shapes])
def test_derivatives_by_parameters_agree_with_differences(name: str) -> None:
    layer = SMALL[name]
    for role in layer.parameter_shapes:
        call, output = call_of(layer)
        found = parameter_jacobian(call, role)
        numeric = differences(output, getattr(layer, role))
        expected = np.moveaxis(numeric.reshape(-1, *numeric.shape[-2:]), 1, 0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_the_jacobian_of_a_linear_layer_is_its_weight() -> None:
    call, _ = call_of(SMALL["linear"])
    found = local_derivative(call).values
    assert found is not None
    for matrix in found:
        np.testing.assert_array_equal(matrix, SMALL["linear"].weight)  # type: ignore[attr-defined]


def test_a_jacobian_of_too_many_numbers_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    call, _ = call_of(SMALL["linear"])
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 2 * 3 * SAMPLES)
    assert local_derivative(call).values is not None
    monkeypatch.setattr(jacobian, "MOST_ENTRIES", 2 * 3 * SAMPLES - 1)
    assert local_derivative(call).values is None
