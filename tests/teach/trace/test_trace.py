"""The numbers of a trace: those worked out by hand, and those that training has."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bpnet.data.table import load_table
from bpnet.errors import ConfigError, DivergedError
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.trace import trace
from tests.helpers.fitting import fit
from tests.helpers.tiny import after, read_config, train

CHAIN = """
[data]
dataset = table
inputs = 1
targets = 500
[model]
layers =
    linear 1
    linear 1 bias=no
    scale 2
[weights]
1.weight = 10
1.bias = 1
2.weight = 20
[train]
loss = mse
epochs = 3
[optimizer]
learning_rate = 0.005
momentum = 0
weight_decay = 0
[schedule]
name = constant
"""
SIGMOID = """
[data]
dataset = table
inputs = 1 -1
targets = 1 0
[model]
layers =
    linear 2
    sigmoid
    linear 2
    sigmoid
    linear 2
    sigmoid
[weights]
1.weight = 1 -2, -1 1
1.bias = 1 0
3.weight = 2 -1, -2 -1
3.bias = 0 0
5.weight = 3 -1, -1 4
5.bias = -2 2
[train]
loss = quadratic
"""
TABLE = """
[data]
dataset = table
inputs =
    0.5 1.5
    -1 2
    3 0
    1 -1
    0.25 -2
    2 2
    -0.5 0.75
targets =
    1 0
    0 1
    1 0
    1 0
    0 1
    0 1
    1 0
[model]
layers =
    linear 4
    tanh
    linear 2
[train]
loss = mse
epochs = 4
batch_size = 3
"""
PICTURES = """
[data]
dataset = table
input_shape = 1 4 4
inputs =
    1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7
    0 1 0 2 0 3 0 4 0 5 0 6 0 7 0 8
    2 0 1 9 3 4 1 1 0 2 5 6 7 1 2 2
targets =
    1 0
    0 1
    1 0
[model]
layers =
    conv 2 kernel=3 padding=1
    relu
    maxpool 2
    dropout 0.25
    flatten
    linear 2
[train]
epochs = 4
batch_size = 2
"""


def traced(text: str, steps: int = 1, *overrides: str) -> list[StepTrace]:
    return trace(read_config(text, *overrides), steps)


# --- Worked out by hand


def test_the_chain_has_the_gradients_of_the_tutorials_exactly() -> None:
    (step,) = traced(CHAIN)
    assert [layer.output.tolist() for layer in step.layers] == [[[11]], [[220]], [[440]]]
    assert step.loss == 3600
    assert [layer.grad_output.item() for layer in step.layers] == [-4800, -240, -120]
    assert [layer.grad_input.item() for layer in step.layers] == [-48000, -4800, -240]
    grads = {name: parameter.grad.item() for name, parameter in step.parameters.items()}
    assert grads == {"1.weight": -4800, "1.bias": -4800, "2.weight": -2640}
    after_step = {name: parameter.after.item() for name, parameter in step.parameters.items()}
    assert after_step == {"1.weight": 34, "1.bias": 25, "2.weight": 33.2}


def test_a_second_step_begins_where_the_first_ended() -> None:
    first, second = traced(CHAIN, 2)
    for name, parameter in second.parameters.items():
        np.testing.assert_array_equal(parameter.before, first.parameters[name].after)
    assert second.layers[-1].output.item() == pytest.approx(2 * 33.2 * (34 + 25))
    assert (second.step, second.epoch) == (2, 2)


def test_the_sigmoid_network_answers_as_in_the_lectures() -> None:
    (step,) = traced(SIGMOID)
    outputs = [layer.output.round(2).tolist() for layer in step.layers[1::2]]
    assert outputs == [[[0.98, 0.12]], [[0.86, 0.11]], [[0.62, 0.83]]]
    y = np.array([0.617705, 0.829124])  # C = ½ ((y₁ − 1)² + y₂²), δ = (y − target) y (1 − y)
    assert step.loss == pytest.approx(0.5 * ((y[0] - 1) ** 2 + y[1] ** 2), rel=1e-5)
    delta = (y - [1, 0]) * y * (1 - y)
    np.testing.assert_allclose(step.parameters["5.bias"].grad, delta, rtol=1e-5)
    last_hidden = step.layers[3].output[0]
    np.testing.assert_allclose(
        step.parameters["5.weight"].grad, np.outer(delta, last_hidden), rtol=1e-5
    )


def test_samples_come_first_and_the_loss_is_their_mean() -> None:
    (step,) = traced(TABLE)
    assert step.inputs.shape == (3, 2)
    assert [layer.output.shape for layer in step.layers] == [(3, 4), (3, 4), (3, 2)]
    assert step.loss == pytest.approx(step.losses.mean())
    errors = step.layers[-1].output - step.targets
    np.testing.assert_allclose(step.losses, (errors**2).sum(axis=1) / 2)
    np.testing.assert_allclose(step.layers[-1].grad_output, errors / 3)


def test_pictures_keep_their_shape() -> None:
    (step,) = traced(PICTURES)
    assert step.inputs.shape == (2, 1, 4, 4)
    conv, relu, maxpool, *_ = [layer.output.shape for layer in step.layers]
    assert (conv, relu, maxpool) == ((2, 2, 4, 4), (2, 2, 4, 4), (2, 2, 2, 2))
    np.testing.assert_array_equal(step.targets.sum(axis=1), [1, 1])  # one-hot, though classes


def test_smoothed_targets_are_shown_as_the_loss_sees_them() -> None:
    (step,) = traced(TABLE, 1, "train.loss=cross_entropy", "train.label_smoothing=0.2")
    np.testing.assert_allclose(np.sort(step.targets, axis=1), [[0.1, 0.9]] * 3)


def test_the_steps_of_an_epoch_take_every_sample_once() -> None:
    steps = traced(TABLE, 6)
    assert [step.epoch for step in steps] == [1, 1, 1, 2, 2, 2]
    assert [len(step.samples) for step in steps] == [3, 3, 1, 3, 3, 1]
    epochs = [sum((step.samples for step in steps[start : start + 3]), ()) for start in (0, 3)]
    assert epochs[0] != epochs[1]
    for samples in epochs:
        assert sorted(samples) == [1, 2, 3, 4, 5, 6, 7]
    table = load_table(read_config(TABLE)).train.inputs
    np.testing.assert_array_equal(steps[1].inputs, table[np.array(steps[1].samples) - 1])


# --- The same numbers as training


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (TABLE, ("optimizer.momentum=0", "optimizer.weight_decay=0")),
        (TABLE, ("optimizer.weight_decay=0.1", "schedule.name=cosine")),
        (TABLE, ("optimizer.nesterov=no", "schedule.name=step", "schedule.step_epochs=1")),
        (TABLE, ("optimizer.name=adam", "optimizer.learning_rate=0.01")),
        (TABLE, ("optimizer.name=adamw", "train.loss=quadratic", "train.ema=0.9")),
        (TABLE, ("train.grad_clip=0.01", "optimizer.weight_decay=0.1")),
        (TABLE, ("train.grad_clip=0.01", "optimizer.name=adam")),
        (TABLE, ("data.validation=2", "data.normalize=standard", "train.shards=3")),
        (TABLE, ("train.loss=cross_entropy", "train.label_smoothing=0.1", "model.dtype=float32")),
        (TABLE, ("train.split=units", "train.loss=binary_cross_entropy")),
        (TABLE, ("model.layers=linear 4, batchnorm, leaky_relu, dropout 0.5, linear 2",)),
        (TABLE, ("model.layers=dropout 0.3, linear 5, sigmoid, dropout 0.3, linear 2, softmax",)),
        (PICTURES, ()),
        (
            PICTURES,
            ("model.layers=conv 3 kernel=2, batchnorm, relu, avgpool 3, flatten, linear 2",),
        ),
    ],
)
def test_parameters_are_those_of_a_real_run(
    tmp_path: Path, text: str, overrides: tuple[str, ...], steps: int
) -> None:
    config = read_config(text, *overrides)
    last = trace(config, steps)[-1]
    plain = ("model.dtype=float64", "train.shards=1", "train.split=samples")
    config = read_config(text, *overrides, *plain)
    trainer = train(config, tmp_path / "run", load_table(config), should_stop=after(steps))
    network = trainer.model.network
    for name, view in network.parameters.views.items():
        found = last.parameters[name].after
        np.testing.assert_allclose(found, view, rtol=0, atol=1e-12, err_msg=name)
    assert last.running.keys() == network.state.views.keys()
    for name, view in network.state.views.items():
        np.testing.assert_allclose(last.running[name].after, view, rtol=0, atol=1e-12)
    for name, memory in trainer.optimizer.memories.items():
        for parameter, view in memory.views.items():
            found = last.parameters[parameter].memories[name]
            np.testing.assert_allclose(found, view, rtol=0, atol=1e-12)


def test_a_trace_of_other_numbers_would_be_found(tmp_path: Path) -> None:
    config = read_config(TABLE, "model.dtype=float64", "train.shards=1")
    trainer = train(config, tmp_path / "run", load_table(config), should_stop=after(2))
    other = dataclasses.replace(config, train=dataclasses.replace(config.train, seed=2))
    weight = trainer.model.network.parameters.views["1.weight"]
    assert np.abs(trace(other, 2)[-1].parameters["1.weight"].after - weight).max() > 1e-3


def test_gradients_are_shown_before_clipping_decay_and_rate() -> None:
    (clipped,) = traced(TABLE, 1, "train.grad_clip=0.01", "optimizer.weight_decay=0.5")
    (whole,) = traced(TABLE, 1, "optimizer.learning_rate=7", "optimizer.name=adam")
    for name, parameter in whole.parameters.items():
        np.testing.assert_array_equal(clipped.parameters[name].grad, parameter.grad)
    norm = np.sqrt(sum((p.grad**2).sum() for p in whole.parameters.values()))
    assert clipped.gradient_norm == pytest.approx(norm)
    assert clipped.clipping == pytest.approx(0.01 / norm)
    assert whole.clipping is None


# --- What cannot be traced


def error_of(text: str, steps: int, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        traced(text, steps, *overrides)
    return str(caught.value)


def test_a_run_of_fewer_steps_is_made_longer() -> None:
    longer = traced(TABLE, 13)
    assert [step.epoch for step in longer[11:]] == [4, 5]
    assert str(longer) == str(traced(TABLE, 13, "train.epochs=5"))


def test_more_numbers_than_a_document_should_hold_are_refused() -> None:
    layers = "model.layers=linear 40000, relu, linear 2"
    # 80,000 + 40,000 + 80,000 + 2 parameters thrice, 3 samples with 2 + 2·(40,000 + 40,000 + 2)
    message = error_of(TABLE, 1, layers)
    assert "found: 1,080,024" in message
    assert "up to 1,000,000" in message
    assert "try: --set train.batch_size=1" in message
    assert "train.batch_size=1, or fewer --steps" in error_of(TABLE, 2, layers)
    assert "try: a smaller network" in error_of(TABLE, 1, layers.replace("40000", "80000"))
    assert len(traced(TABLE, 1, layers, "train.batch_size=1")) == 1


@pytest.mark.parametrize("more", [("train.shards=1",), ("train.shards=3",)])
def test_dropout_drops_what_training_drops_however_it_is_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    fit(monkeypatch, micro_batch=5)
    rows = "\n".join(" ".join(str((i * k) % 7) for k in range(1, 17)) for i in range(70))
    targets = "\n".join("1 0" if i % 2 else "0 1" for i in range(70))
    many = (f"data.inputs={rows}", f"data.targets={targets}", "train.batch_size=64")
    config = read_config(PICTURES, *many, *more, "model.dtype=float64", "train.epochs=1")
    assert any(spec.kind == "dropout" for spec in config.model.layers)
    trainer = train(config, tmp_path / "run", load_table(config))
    last = traced(PICTURES, 2, *many, "train.epochs=1")[-1]
    for name, view in trainer.model.network.parameters.views.items():
        np.testing.assert_allclose(last.parameters[name].after, view, rtol=1e-9, atol=1e-12)


def test_steps_that_diverge_are_named() -> None:
    with pytest.raises(DivergedError, match="epoch 3, step 3"):
        traced(CHAIN, 3, "optimizer.learning_rate=1e60")
