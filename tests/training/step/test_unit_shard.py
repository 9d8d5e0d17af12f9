"""A perceptron whose hidden units are divided computes what the whole one does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.table import load_table
from bpnet.errors import ConfigError
from bpnet.fast.linear import row_blocks
from bpnet.model.workers import Workers
from bpnet.nn.layer import Array
from bpnet.training.loop import Trainer
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.batch import Batch
from bpnet.training.step.unit_shard import UnitShard
from bpnet.training.step.update import Update
from tests.helpers.fitting import fit
from tests.helpers.gradients import projection_error
from tests.helpers.tiny import (
    NET,
    TABLE,
    TRAIN,
    after,
    draw_dataset,
    fail,
    new_trainer,
    read_config,
    train,
    weights,
    write_idx_folder,
)

RELU = "flatten, linear 7, relu, linear 3"
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "relu": (RELU, ()),
    "leaky": ("flatten, linear 7, leaky_relu slope=0.2, linear 3", ()),
    "sigmoid": ("flatten, linear 7, sigmoid, linear 3", ()),
    "tanh": ("flatten, linear 7, tanh, linear 3", ()),
    "several between": ("flatten, linear 7, scale 2, tanh, relu, linear 3", ()),
    "none between": ("flatten, linear 7, linear 3", ()),
    "dropout of nothing": ("flatten, linear 7, relu, dropout 0, linear 3", ()),
    "textbook": ("flatten, linear 7, sigmoid, linear 3, sigmoid", ("train.loss=quadratic",)),
    "softmax": ("flatten, linear 7, tanh, linear 3, softmax", ("train.loss=mse",)),
    "binary": (RELU, ("train.loss=binary_cross_entropy",)),
    "smoothed": (RELU, ("train.label_smoothing=0.2",)),
    "no bias": ("flatten, linear 7 bias=no, relu, linear 3 bias=no", ()),
    "first bias alone": ("flatten, linear 7, relu, linear 3 bias=no", ()),
    "second bias alone": ("flatten, linear 7 bias=no, relu, linear 3", ()),
    "fewer units than shards": ("flatten, linear 2, tanh, linear 3", ()),
    "fewer samples than shards": (RELU, ("train.batch_size=2",)),
    "one sample at a time": (RELU, ("train.batch_size=1",)),
    "short last batch": (RELU, ("train.batch_size=79",)),
    "clipped": (RELU, ("train.grad_clip=0.01",)),
    "decay": (RELU, ("optimizer.weight_decay=0.1",)),
    "averaged": (RELU, ("train.ema=0.9",)),
    "plain sgd": (RELU, ("optimizer.momentum=0",)),
    "adam": (RELU, ("optimizer.name=adam", "train.grad_clip=0.01")),
    "adamw": (RELU, ("optimizer.name=adamw", "train.ema=0.5")),
}
STEPS = 4


def settings(layers: str, shards: int, split: str, *more: str) -> tuple[str, ...]:
    return (f"model.layers={layers}", f"train.shards={shards}", f"train.split={split}", *more)


def trained(folder: Path, layers: str, shards: int, split: str, *more: str) -> Trainer:
    """Return a network after a few steps in double precision."""
    overrides = settings(layers, shards, split, "model.dtype=float64", *more)
    config = read_config(NET + TRAIN, *overrides)
    return train(config, folder, draw_dataset(), should_stop=after(STEPS))


def assert_same(found: Trainer, expected: Trainer) -> None:
    """Compare weights, averages and sums within the rounding of double precision."""
    close: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(weights(found.model), weights(expected.model), **close)
    for name, average in found.averaged.groups().items():
        other = expected.averaged.groups()[name]
        np.testing.assert_allclose(average.flat, other.flat, **close)
    assert found.progress.loss_sum == pytest.approx(expected.progress.loss_sum, rel=1e-12)
    assert found.progress.correct == expected.progress.correct
    assert found.progress.step == expected.progress.step


@pytest.mark.parametrize("case", CASES)
def test_divided_units_learn_what_the_whole_network_learns(tmp_path: Path, case: str) -> None:
    layers, more = CASES[case]
    whole = trained(tmp_path / "whole", layers, 1, "samples", *more)
    assert whole.progress.step >= 2
    for shards in (1, 2, 3):
        divided = trained(tmp_path / str(shards), layers, shards, "units", *more)
        assert [type(shard) for shard in divided.engine.shards] == [UnitShard] * shards
        assert_same(divided, whole)


def test_rows_in_several_blocks_learn_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = "flatten, linear 48, relu, linear 3"
    fit(monkeypatch, small_product=8 * 64 * 16)
    assert row_blocks(24, 64 * 16) == 3
    for more in ((), ("train.grad_clip=0.01",)):
        whole = trained(tmp_path / "whole", layers, 1, "samples", *more)
        assert_same(trained(tmp_path / "divided", layers, 2, "units", *more), whole)


def test_a_table_of_numbers_needs_no_flatten(tmp_path: Path) -> None:
    results = []
    for shards, split in ((1, "samples"), (3, "units")):
        overrides = (f"train.shards={shards}", f"train.split={split}", "model.dtype=float64")
        config = read_config(TABLE, *overrides)
        results.append(train(config, tmp_path / split, load_table(config)))
    assert_same(results[1], results[0])


def test_single_precision_learns_the_same_within_its_rounding(tmp_path: Path) -> None:
    single, double = (
        train(read_config(NET + TRAIN, *settings(RELU, 2, "units", f"model.dtype={dtype}")), folder)
        for dtype, folder in (("float32", tmp_path / "32"), ("float64", tmp_path / "64"))
    )
    np.testing.assert_allclose(weights(single.model), weights(double.model), rtol=1e-3, atol=1e-4)


# What would be noticed


def silent(self: UnitShard, batch: Batch) -> None:
    """Keep back what the first shard adds to the outputs."""
    ACTIVATE(self, batch)
    self.cache(batch).sums[0] = 0


def lazy(self: UnitShard, batch: Batch) -> Array:
    """Leave one sample of the batch before in its place."""
    cache = self.cache(batch)
    before = cache.inputs[:, 0].copy()
    inputs = INPUTS(self, batch)
    inputs[:, 0] = before
    return inputs


def generous(self: UnitShard, batch: Batch) -> None:
    """Add the outputs' bias in every shard."""
    ACTIVATE(self, batch)
    bias = self.model.network.parameters.views["4.bias"]
    self.cache(batch).sums[1:] += bias[:, None] / (self.count - 1)


def forgetful(self: Update, slices: Sequence[ParameterSlice], *more: Any) -> None:
    """Leave all biases as they are."""
    APPLY(self, [params for params in slices if params.decays], *more)


INPUTS, ACTIVATE, APPLY = UnitShard.inputs, UnitShard.activate, Update.apply
BUGS = [
    *((UnitShard, "inputs", lazy), (UnitShard, "activate", silent)),
    *((UnitShard, "activate", generous), (Update, "apply", forgetful)),
]


@pytest.mark.parametrize(("where", "name", "bug"), BUGS)
def test_a_shard_with_a_bug_learns_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: type, name: str, bug: Any
) -> None:
    whole = trained(tmp_path / "whole", RELU, 1, "samples")
    monkeypatch.setattr(where, name, bug)
    divided = trained(tmp_path / "divided", RELU, 2, "units")
    with pytest.raises(AssertionError, match="Not equal"):
        assert_same(divided, whole)


# Dropout


class Stepper:
    """Take steps of one network with dropout between its layers, always from the same weights."""

    def __init__(self, folder: Path, layers: str, shards: int) -> None:
        overrides = ("model.dtype=float64", "optimizer.momentum=0", "optimizer.weight_decay=0")
        config = read_config(NET + TRAIN, *settings(layers, shards, "units", *overrides))
        with Workers(1) as workers:
            self.trainer = new_trainer(config, draw_dataset(), folder, workers)
        self.index = self.trainer.training[:8]
        self.flat = self.trainer.model.network.parameters.flat

    def loss(self, epoch: int = 0, step: int = 0, rate: float = 0.0) -> float:
        """Return the mean loss of a step, which moves no weight unless a rate is given."""
        result = self.trainer.engine.step(Batch(self.index, epoch, step, rate))
        return result.loss_sum / len(self.index)

    def gradient(self) -> NDArray[np.float64]:
        """Return what one step of length 1 takes away."""
        before = self.flat.astype(np.float64)
        self.loss(rate=1.0)
        after = self.flat.astype(np.float64)
        self.flat[:] = before
        return before - after


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_the_gradient_is_that_of_the_loss_with_the_same_units_dropped(
    tmp_path: Path, shards: int
) -> None:
    stepper = Stepper(tmp_path, "flatten, linear 9, tanh, dropout 0.4, linear 3", shards)
    gradient = stepper.gradient()
    rng = np.random.default_rng(shards)
    assert projection_error(stepper.loss, stepper.flat, gradient, rng) < 1e-6
    gradient[:9] *= 1.01
    assert projection_error(stepper.loss, stepper.flat, gradient, rng) > 1e-6


def test_dropout_is_drawn_anew_for_every_step_and_every_shard(tmp_path: Path) -> None:
    stepper = Stepper(tmp_path, "flatten, linear 8, dropout 0.5, linear 3", 2)
    places = [(0, 0), (1, 0), (0, 1)]
    losses = [stepper.loss(*place) for place in places]
    assert len(set(losses)) == 3
    assert [stepper.loss(*place) for place in places] == losses
    first, second = (dropped(shard) for shard in stepper.trainer.engine.shards)
    assert first[0].shape == second[0].shape
    assert (first[0] != second[0]).any()


def test_two_dropouts_drop_different_units(tmp_path: Path) -> None:
    stepper = Stepper(tmp_path, "flatten, linear 8, dropout 0.5, tanh, dropout 0.5, linear 3", 2)
    stepper.loss()
    for shard in stepper.trainer.engine.shards:
        first, second = dropped(shard)
        assert (first != second).any()


def dropped(shard: Any) -> list[NDArray[np.bool_]]:
    """Return which activations each dropout layer of a shard kept in its last step."""
    (cache,) = [shard.cache(Batch(np.arange(8), 0, 0, 0.0))]
    return [own.keep.copy() for own in cache.between if hasattr(own, "keep")]


# What cannot be divided

REFUSED = [
    *("flatten, linear 3", "flatten, linear 4, linear 4, linear 3"),
    *("flatten, linear 4, batchnorm, relu, linear 3", "flatten, linear 4, softmax, linear 3"),
    *("flatten, linear 4, linear 3, dropout 0.1", "flatten, linear 4, linear 3, batchnorm"),
    *("flatten, dropout 0.1, linear 4, linear 3", "relu, flatten, linear 4, linear 3"),
    "conv 2 kernel=3, flatten, linear 4, relu, linear 3",
    "maxpool 2, flatten, linear 4, relu, linear 3",
]


@pytest.mark.parametrize("layers", REFUSED)
def test_other_networks_cannot_be_divided_by_units(tmp_path: Path, layers: str) -> None:
    config = read_config(NET + TRAIN, *settings(layers, 2, "units"))
    with Workers(1) as workers, pytest.raises(ConfigError) as caught:
        new_trainer(config, draw_dataset(), tmp_path, workers)
    message = str(caught.value)
    assert message.startswith("this network's units cannot be split")
    assert "where: --set" in message
    assert "flatten, linear, activations, linear" in message
    kinds = [line.split()[0] for line in layers.split(", ")]
    assert f"found: {', '.join(kinds)}" in message
    assert "try: --set train.split=samples" in message


def test_the_place_of_the_setting_is_told(tmp_path: Path) -> None:
    text = f"{NET}{TRAIN}split = units\n"
    line = text.splitlines().index("split = units") + 1
    config = read_config(text)
    with Workers(1) as workers, pytest.raises(ConfigError, match=rf"where: a\.ini:{line}\n"):
        new_trainer(config, draw_dataset(), tmp_path, workers)


def test_the_command_line_refuses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    (tmp_path / "tiny.ini").write_text(NET + TRAIN)
    monkeypatch.chdir(tmp_path)
    words = ("train", "--config", "tiny.ini", "--set", "train.split=units")
    message = fail(2, *words, "--run-dir", "run")
    assert "this network's units cannot be split" in message
    assert "try: --set train.split=samples" in message
