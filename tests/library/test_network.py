"""`bpnet.Network`, `bpnet.gradcheck` and `bpnet.trace`: what learners build and look at."""

import json
from typing import Any

import numpy as np
import pytest

import bpnet
from tests.helpers.notebook import html_of
from tests.helpers.tiny import succeed

X, Y = [[0.5, -1.0], [2.0, 0.25], [-0.5, 1.5]], [[1.0], [0.0], [0.5]]


def perceptron(**given: Any) -> bpnet.Network:
    layers = ["linear 3", "sigmoid", "linear 1"]
    arguments: Any = {"input_shape": 2, "loss": "mse"} | given
    return bpnet.Network(layers, **arguments)


def test_it_computes_what_the_textbook_says() -> None:
    net = perceptron()
    w1, b1, w2, b2 = (net.parameters[n] for n in ("1.weight", "1.bias", "3.weight", "3.bias"))
    a = 1 / (1 + np.exp(-(np.array(X) @ w1.T + b1)))
    np.testing.assert_allclose(net.forward(X), a @ w2.T + b2, rtol=1e-12)
    loss = np.mean((a @ w2.T + b2 - Y) ** 2)
    np.testing.assert_allclose(net.loss(X, Y), loss, rtol=1e-12)
    assert net.loss(X, [1.0, 0.0, 0.5]) == net.loss(X, Y)


def test_gradients_are_slopes_and_a_step_follows_them() -> None:
    net, h = perceptron(), 1e-6
    gradients = net.gradients(X, Y)
    before = {name: values.copy() for name, values in net.parameters.items()}
    assert list(gradients) == list(before)
    net.parameters["1.weight"][2, 1] += h
    above = net.loss(X, Y)
    net.parameters["1.weight"][2, 1] -= 2 * h
    slope = (above - net.loss(X, Y)) / (2 * h)
    net.parameters["1.weight"][2, 1] += h
    assert slope == pytest.approx(gradients["1.weight"][2, 1], rel=1e-6)
    loss = net.loss(X, Y)
    assert net.step(X, Y, learning_rate=0.1) == loss
    for name, values in net.parameters.items():
        np.testing.assert_allclose(values, before[name] - 0.1 * gradients[name], rtol=1e-12)


def test_it_takes_the_steps_of_a_trace() -> None:
    net = bpnet.Network(
        ["linear 1", "linear 1 bias=no", "scale 2"],
        input_shape=1,
        loss="mse",
        weights={"1.weight": 10, "1.bias": [1], "2.weight": [[20]]},
    )
    step = bpnet.trace("chain")[0]
    assert net.step([[1]], [[500]], step.learning_rate) == step.loss == 3600
    for name, values in net.parameters.items():
        np.testing.assert_array_equal(values, step.parameters[name].after)


def test_classes_have_probabilities_and_numbers() -> None:
    net = bpnet.Network(["conv 2 kernel=3", "relu", "flatten", "linear 3"], input_shape=(1, 6, 6))
    pictures = np.random.default_rng(1).random((5, 6, 6))
    probabilities = net.predict(pictures)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    labels = np.array([0, 1, 2, 0, 1])
    expected = -np.log(probabilities[np.arange(5), labels]).mean()
    assert net.loss(pictures[:, None], labels) == pytest.approx(expected)
    for _ in range(50):
        net.step(pictures, labels, 0.1)
    assert net.predict(pictures).argmax(axis=1).tolist() == labels.tolist()
    yes_or_no = perceptron(loss="binary_cross_entropy")
    assert ((yes_or_no.predict(X) > 0) & (yes_or_no.predict(X) < 1)).all()


def test_the_seed_decides_all() -> None:
    one, same, other = (perceptron(seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(one.forward(X), same.forward(X))
    assert not np.array_equal(one.forward(X), other.forward(X))
    dropped = [
        bpnet.Network(["linear 20", "dropout 0.5", "linear 1"], input_shape=2, loss="mse")
        for _ in range(2)
    ]
    for _ in range(3):
        assert dropped[0].step(X, Y, 0.1) == dropped[1].step(X, Y, 0.1)
    assert dropped[0].loss(X, Y) == dropped[0].loss(X, Y)  # nothing is dropped


def test_another_update_rule() -> None:
    net = perceptron(optimizer={"name": "adam"}, dtype="float32")
    before = net.parameters["1.weight"].copy()
    net.step(X, Y, 0.01)
    np.testing.assert_allclose(abs(net.parameters["1.weight"] - before), 0.01, rtol=1e-2)
    assert net.forward(X).dtype == np.float32


def test_it_shows_its_layers() -> None:
    assert "1.linear" in repr(perceptron())
    assert "loss mse" in repr(perceptron())
    assert html_of(perceptron()).count("<tr>") == 6


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"layers": ["liner 3"], "input_shape": 2}, 'did you mean "linear"?'),
        ({"layers": [], "input_shape": 2}, "layers is empty"),
        ({"layers": "linear 3", "input_shape": 2}, "a list of lines"),
        ({"layers": ["conv 3 kernel=9"], "input_shape": (1, 6, 6)}, "larger than the padded"),
        ({"layers": ["conv 3 kernel=3"], "input_shape": (1, 6, 6)}, '"flatten" at the end'),
        ({"layers": ["linear 3"], "input_shape": 0}, "(channels, height, width)"),
        ({"layers": ["linear 3"], "input_shape": (1, "a")}, "(channels, height, width)"),
        ({"layers": ["linear 3"], "input_shape": 2, "loss": "mze"}, 'did you mean "mse"?'),
        ({"layers": ["linear 3"], "input_shape": 2, "weights": {"1.weight": 1}}, "takes 6 numbers"),
        ({"layers": ["linear 3"], "input_shape": 2, "optimizer": {"lr": 1}}, "[optimizer] lr"),
    ],
)
def test_networks_that_cannot_be_built(arguments: Any, advice: str) -> None:
    with pytest.raises(bpnet.ConfigError) as caught:
        bpnet.Network(**arguments)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "targets", "advice"),
    [
        ([[1, 2, 3]], [[1]], "(samples, 2)"),
        ([], [[1]], "another shape"),
        (["a"], [[1]], "not numbers"),
        ([[1, 2], [3]], [[1]], "arrays of the same shape"),
        ([[1, np.inf]], [[1]], "not finite"),
        (X, [[1]], "one target for each sample"),
        (X, [[1, 2]] * 3, "(samples, 1)"),
    ],
)
def test_samples_that_do_not_fit(inputs: Any, targets: Any, advice: str) -> None:
    with pytest.raises(bpnet.DataError) as caught:
        perceptron().gradients(inputs, targets)
    assert advice in str(caught.value)


def test_weights_and_rates_that_do_not_fit() -> None:
    weight = np.arange(6.0)
    two: Any = np.int64(2)
    net = bpnet.Network(["linear 3"], input_shape=two, weights={"1.weight": weight.reshape(3, 2)})
    assert (net.parameters["1.weight"].ravel() == weight).all()
    with pytest.raises(bpnet.ConfigError, match="another shape than their parameter"):
        bpnet.Network(["linear 3"], input_shape=2, weights={"1.weight": weight.reshape(2, 3)})
    for rate in (np.nan, np.inf):
        with pytest.raises(bpnet.ConfigError, match="where: learning_rate"):
            net.step([[1, 2]], [0], rate)
    with pytest.raises(bpnet.ConfigError, match="where: settings"):
        bpnet.gradcheck(net, settings={"train.loss": "mse"})
    with pytest.raises(bpnet.ConfigError, match="where: sabotage"):
        bpnet.gradcheck("chain", sabotage="9.relu")


def test_class_numbers_that_do_not_fit() -> None:
    net = bpnet.Network(["linear 3"], input_shape=2)
    for labels in ([0, 1], [0, 1, 3], [0, 1, -1]):
        with pytest.raises(bpnet.DataError, match="3 class numbers from 0 to 2"):
            net.loss(X, labels)


# Checks


def test_a_network_is_checked_as_it_is() -> None:
    net = bpnet.Network(["linear 4", "batchnorm", "tanh", "linear 2"], input_shape=3)
    assert bpnet.gradcheck(net).passed
    net.step(np.eye(3), [0, 1, 0], 0.5)
    found = bpnet.gradcheck(net)
    assert found.passed
    assert found.culprit is None
    assert {check.parameter for check in found.checks} >= {"1.weight", "input", "outputs"}
    sabotaged = bpnet.gradcheck(net, sabotage="3.tanh")
    assert not sabotaged.passed
    assert sabotaged.culprit is not None
    assert sabotaged.culprit.layer == "3.tanh"
    assert sabotaged.planted
    assert "WRONG" in repr(sabotaged)


def test_a_check_says_what_the_command_says() -> None:
    said = json.loads(succeed("gradcheck", "two-layer", "--json").out)
    found = bpnet.gradcheck("two-layer")
    assert [check.relative_error for check in found.checks] == [
        check["relative_error"] for check in said["checks"]
    ]
    assert html_of(found).startswith("<pre>two-layer")
    assert bpnet.gradcheck("two-layer", settings={"train.loss": "quadratic"}).passed
    with pytest.raises(bpnet.ConfigError, match="this is not a config"):
        bpnet.gradcheck(5)  # type: ignore[arg-type]


# Traces


def test_a_trace_says_what_the_command_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    found = bpnet.trace("two-layer", steps=2)
    assert found.text() + "\n" == succeed("trace", "two-layer", "--steps", 2).out
    said = json.loads(succeed("trace", "two-layer", "--steps", 2, "--json").out)
    assert json.loads(json.dumps(found.as_dict()))["steps"] == said["steps"]
    assert len(found) == 2
    assert found[1:][0] is found[1]
    assert repr(found[:1]) == found[:1].text()
    assert html_of(found).startswith("<pre>step 1")


def test_a_long_trace_is_shown_in_part() -> None:
    found = bpnet.trace("sigmoid", steps=20)
    assert repr(found).endswith("more lines: print(trace.text())")


def test_what_cannot_be_traced() -> None:
    with pytest.raises(bpnet.ConfigError, match="where: steps"):
        bpnet.trace("chain", steps=0)
    with pytest.raises(bpnet.ConfigError, match="too many numbers"):
        bpnet.trace("convnet")
