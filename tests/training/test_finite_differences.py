"""Training by finite differences: the same weights as by backpropagation, at another price."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.data.table import load_table
from bpnet.errors import ConfigError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.nn.layer import Array
from bpnet.nn.loss import Loss
from bpnet.nn.sequential import Sequential
from bpnet.training import finite_differences
from bpnet.training.finite_differences import central_differences, passes_forward
from bpnet.training.loop import Trainer
from bpnet.training.run import prepare_model
from bpnet.training.slowdown import measure_slowdown
from tests.helpers.tiny import (
    NET,
    TRAIN,
    call,
    draw_dataset,
    fail,
    read_config,
    succeed,
    train,
)
from tests.teach.trace.test_trace import PICTURES, TABLE

EXACT = ("model.dtype=float64", "train.shards=1")
DIFFERENCES = "train.gradients=finite_differences"
CLOSE = 1e-7  # of the weights, after a dozen steps that are wrong by 10⁻⁹ each


def trained(text: str, run_dir: Path, *overrides: str) -> Trainer:
    config = read_config(text, *EXACT, *overrides)
    return train(config, run_dir, load_table(config))


def distance(one: Trainer, other: Trainer) -> float:
    """Return how far apart the weights of two runs are, of how far one has come from its start."""
    model = prepare_model(one.config, load_table(one.config))
    start, end = model.network.parameters.flat, one.model.network.parameters.flat
    moved = float(np.linalg.norm(end - start))
    assert moved > 0
    return float(np.linalg.norm(end - other.model.network.parameters.flat)) / moved


# --- The same weights


def test_the_differences_of_a_cubic_function_are_its_derivative() -> None:
    w, gradient = np.array([2.0, -300.0, 0.0]), np.empty(3)
    before = w.copy()
    central_differences(lambda: float(w[0] ** 3 + w[1] ** 2 + 5 * w[2]), w, gradient)
    np.testing.assert_allclose(gradient, [12, -600, 5], rtol=1e-6)
    np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (TABLE, ()),
        (TABLE, ("train.loss=quadratic", "optimizer.name=adam", "optimizer.learning_rate=0.01")),
        (TABLE, ("train.loss=cross_entropy", "train.label_smoothing=0.1", "train.ema=0.9")),
        (TABLE, ("train.loss=binary_cross_entropy", "train.grad_clip=0.05")),
        (TABLE, ("model.layers=linear 4, dropout 0.5, sigmoid, linear 2",)),
        (TABLE, ("model.layers=linear 4, batchnorm, tanh, linear 2", "train.batch_size=4")),
        (PICTURES, ("model.layers=conv 2 kernel=3, sigmoid, avgpool 2, flatten, linear 2",)),
    ],
)
def test_the_weights_agree_with_those_of_backpropagation(
    tmp_path: Path, text: str, overrides: tuple[str, ...]
) -> None:
    one = trained(text, tmp_path / "a", *overrides)
    other = trained(text, tmp_path / "b", *overrides, DIFFERENCES)
    assert 0 < distance(one, other) < CLOSE
    for here, there in zip(one.progress.history, other.progress.history, strict=True):
        assert here["train_loss"] == pytest.approx(there["train_loss"], rel=CLOSE)
        assert here["train_accuracy"] == there["train_accuracy"]
    assert one.model.network.state.flat == pytest.approx(other.model.network.state.flat, rel=1e-6)
    groups = other.averaged.groups()
    for name, average in one.averaged.groups().items():
        np.testing.assert_allclose(average.flat, groups[name].flat, rtol=1e-5)


def test_differences_that_are_too_coarse_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = trained(TABLE, tmp_path / "a")
    monkeypatch.setattr(finite_differences, "STEP", 1e-3)
    assert distance(one, trained(TABLE, tmp_path / "b", DIFFERENCES)) > CLOSE


def test_nothing_goes_back_through_the_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(network: object, grad_output: Array, caches: object) -> Array:
        raise AssertionError("a backward pass")

    monkeypatch.setattr(Sequential, "backward", refuse)
    assert trained(TABLE, tmp_path / "a", DIFFERENCES).progress.finished
    with pytest.raises(AssertionError, match="a backward pass"):
        trained(TABLE, tmp_path / "b")


# --- A run like any other


def test_a_resumed_run_ends_with_the_same_bits_and_is_verified(tmp_path: Path) -> None:
    path = tmp_path / "net.ini"
    path.write_text(TABLE, encoding="utf-8")
    settings = [word for setting in EXACT for word in ("--set", setting)]
    words = ("train", "--config", path, *settings, "--gradients", "finite-differences")
    words = (*words, "--set", "schedule.name=constant")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    succeed(*words, "--run-dir", whole)
    succeed(*words, "--run-dir", parts, "--epochs", 2)
    succeed("train", "--resume", parts, "--epochs", "+2")
    one, other = (load_checkpoint(run / "last.npz") for run in (whole, parts))
    assert one.config().train.gradients == other.config().train.gradients == "finite_differences"
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)
    assert "equal, bit for bit" in succeed("verify-run", parts).out
    again = ("train", "--resume", parts, "--epochs", "+1", "--gradients", "backpropagation")
    assert "--gradients: train.gradients is finite_differences in the ch" in fail(2, *again)


@pytest.mark.parametrize(
    ("overrides", "found", "hint"),
    [
        (("model.dtype=float32",), "float32 are mostly rounding", "--set model.dtype=float64"),
        (("train.shards=2",), "there is one shard", "--set train.shards=1"),
        (("train.split=units",), "not hidden units", "--set train.split=samples"),
        (
            ("model.layers=linear 2500, tanh, linear 2",),
            "12,502 parameters take 25,005 passes forward in every step; at most 10,000",
            "a smaller network",
        ),
    ],
)
def test_what_does_not_fit_is_refused(overrides: tuple[str, ...], found: str, hint: str) -> None:
    config = read_config(TABLE, *EXACT, DIFFERENCES, *overrides)
    with pytest.raises(ConfigError) as caught:
        prepare_model(config, load_table(config))
    assert found in str(caught.value)
    assert f"try: {hint}" in str(caught.value)
    backpropagation = read_config(TABLE, *EXACT, *overrides)
    assert prepare_model(backpropagation, load_table(backpropagation))


def test_a_dry_run_refuses_it_too(tmp_path: Path) -> None:
    words = ("train", "--config", "mlp", "--dry-run", "--data-dir", tmp_path)
    assert "101,770 parameters" in fail(2, *words, "--gradients", "finite-differences")
    assert call(*words).code == 0


# --- What it costs


def count_passes(trainer: Trainer, samples: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Take one step, and return how many passes forward it takes."""
    passes = 0
    right = Loss.forward

    def counting(loss: Loss, *arguments: Any) -> float:
        nonlocal passes
        passes += 1
        return right(loss, *arguments)

    monkeypatch.setattr(Loss, "forward", counting)
    with trainer.engine:
        trainer.step(trainer.training[:samples])
    return passes


def test_every_pass_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read_config(TABLE, *EXACT, DIFFERENCES)
    trainer = train(config, tmp_path, load_table(config), should_stop=lambda: True)
    passes = count_passes(trainer, 3, monkeypatch)
    assert passes == passes_forward(2 * 4 + 4 + 4 * 2 + 2) == 45


def test_a_pass_of_a_convolution_has_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backpropagation takes such a batch in micro-batches."""
    few = ("model.layers=conv 1 kernel=3, maxpool 3, flatten, linear 3", "data.validation=0")
    settings = (*EXACT, *few, "train.batch_size=200", "train.epochs=1", "schedule.name=constant")
    samples = draw_dataset(200)
    whole = train(read_config(NET + TRAIN, *settings, DIFFERENCES), tmp_path / "a", samples)
    usual = train(read_config(NET + TRAIN, *settings), tmp_path / "b", samples)
    parameters = whole.model.network.parameters.flat
    np.testing.assert_allclose(parameters, usual.model.network.parameters.flat, rtol=1e-6)
    assert count_passes(usual, 200, monkeypatch) > 1
    monkeypatch.undo()
    assert count_passes(whole, 200, monkeypatch) == passes_forward(parameters.size)


def test_the_end_of_a_run_tells_its_price(tmp_path: Path) -> None:
    path = tmp_path / "net.ini"
    path.write_text(TABLE, encoding="utf-8")
    settings = [word for setting in EXACT for word in ("--set", setting)]
    words = ("train", "--config", path, *settings, "--gradients", "finite-differences")
    text = succeed(*words, "--run-dir", tmp_path / "a").out
    assert "gradients by finite differences: 540 passes forward; backpropagation" in text  # 12 · 45
    assert "backpropagation takes 12, and 12 back\na step takes " in text
    cost = json.loads(succeed(*words, "--run-dir", tmp_path / "b", "--json").out)[
        "finite_differences"
    ]
    assert (cost["forward_passes"], cost["backpropagation_passes"]) == (540, 12)
    assert cost["slowdown"] == cost["step_seconds"] / cost["backpropagation_step_seconds"]
    usual = ("train", "--config", path, "--run-dir", tmp_path / "c", "--json")
    assert json.loads(succeed(*usual).out)["finite_differences"] is None


def test_measuring_leaves_the_run_as_it_is(tmp_path: Path) -> None:
    trainer = trained(TABLE, tmp_path, DIFFERENCES, "optimizer.name=adam")
    network, memories = trainer.model.network, trainer.optimizer.memories
    before = [network.parameters.flat.copy(), *(memory.flat.copy() for memory in memories.values())]
    assert measure_slowdown(trainer) is not None
    after = [network.parameters.flat, *(memory.flat for memory in memories.values())]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
