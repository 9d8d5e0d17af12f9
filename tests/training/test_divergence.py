"""Runs whose numbers stop being numbers."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.config.settings import Config
from bpnet.errors import DivergedError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.forks import CAN_FORK
from bpnet.model.workers import Workers
from bpnet.training.divergence import diverged
from bpnet.training.loop import Trainer
from bpnet.training.run import final_score, prepare_model
from tests.helpers.runs import STEPS
from tests.helpers.tiny import NET, TRAIN, after, draw_dataset, read_config, train

# Divergence


def diverges(config: Config, run_dir: Path) -> str:
    with pytest.raises(DivergedError) as caught:
        train(config, run_dir)
    assert caught.value.exit_code == 5
    saved = load_checkpoint(run_dir / "last.npz")
    assert all(np.isfinite(array).all() for array in saved.arrays.values())
    return str(caught.value)


def poisoned(monkeypatch: pytest.MonkeyPatch, step: int, name: str, value: float) -> None:
    """Fill a parameter with a number after the step of this number."""
    original = Trainer.step

    def wrong(self: Trainer, *index: Any) -> float:
        loss = original(self, *index)
        if self.progress.step == step:
            self.model.network.parameters.views[name].fill(value)
        return loss

    monkeypatch.setattr(Trainer, "step", wrong)


def test_a_diverging_run_names_the_place_and_keeps_the_last_good_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, STEPS + 2, "5.weight", np.nan)
    message = diverges(read_config(), tmp_path)
    assert f"where: epoch 2, step {STEPS + 3}, layer 5.linear (its weights)" in message
    assert "--set optimizer.learning_rate" in message
    assert load_checkpoint(tmp_path / "last.npz").record["progress"]["epoch"] == 1


def test_the_first_layer_that_overflows_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, 2, "1.weight", 3e38)
    message = diverges(read_config(NET + TRAIN, "data.normalize=none"), tmp_path)
    assert "where: epoch 1, step 3, layer 1.conv + 2.relu + 3.maxpool (its output)" in message
    assert load_checkpoint(tmp_path / "last.npz").record["progress"]["epoch"] == 0


def test_a_weight_lost_in_the_last_step_of_an_epoch_is_noticed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, 3 * STEPS, "1.bias", np.inf)
    message = diverges(read_config(), tmp_path)
    assert f"where: epoch 3, step {3 * STEPS}, layer 1.conv (its weights)" in message
    assert load_checkpoint(tmp_path / "last.npz").record["progress"]["epoch"] == 2


def test_an_interrupted_run_saves_no_lost_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, 3, "1.bias", np.nan)
    with pytest.raises(DivergedError):
        train(read_config(), tmp_path, should_stop=after(3))
    assert load_checkpoint(tmp_path / "last.npz").record["progress"]["step"] == 0


def test_a_validation_loss_that_overflows_is_divergence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, 2 * STEPS, "5.weight", 3e38)
    message = diverges(read_config(), tmp_path)
    assert f"where: epoch 2, step {2 * STEPS}, layer " in message
    assert load_checkpoint(tmp_path / "last.npz").record["progress"]["epoch"] == 1


def test_a_test_loss_that_overflows_is_divergence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, 3 * 7, "5.weight", 3e38)
    config = read_config(NET + TRAIN, "data.validation=0")  # 100 samples, 7 steps in an epoch
    train(config, tmp_path)
    with Workers(1) as workers, pytest.raises(DivergedError, match=r"best\.npz"):
        final_score(tmp_path / "best.npz", draw_dataset(), workers)


# The first layer that is lost


LONG = "flatten, linear 6, relu, linear 3"


@pytest.mark.parametrize(
    ("layer", "value", "place"),
    [
        ("2.weight", np.nan, "2.linear (its weights)"),
        ("2.bias", np.inf, "2.linear (its weights)"),
        ("4.weight", -np.inf, "4.linear (its weights)"),
        ("2.weight", 3e38, "2.linear (its output)"),
        ("4.weight", 3e38, "4.linear (its output)"),
        ("4.bias", 0.0, "cross_entropy (the loss)"),
    ],
)
def test_the_first_layer_that_is_lost_is_named(layer: str, value: float, place: str) -> None:
    config = read_config(NET + TRAIN, f"model.layers={LONG}", "data.normalize=none")
    dataset = draw_dataset()
    model = prepare_model(config, dataset)
    model.network.parameters.views[layer].fill(value)
    error = diverged(model, 3, 17, dataset.train.inputs[:5])
    assert isinstance(error, DivergedError)
    assert f"where: epoch 3, step 17, layer {place}\n" in str(error)


def test_layers_that_draw_are_passed_by() -> None:
    config = read_config(NET + TRAIN, f"model.layers={LONG.replace('relu', 'dropout 0.5')}")
    model = prepare_model(config, draw_dataset())
    model.network.parameters.views["4.weight"].fill(3e38)
    assert "4.linear (its output)" in str(diverged(model, 1, 1, draw_dataset().train.inputs[:5]))


@pytest.mark.parametrize("kind", ["threads", *(["processes"] if CAN_FORK else [])])
@pytest.mark.parametrize("split", ["samples", "units"])
@pytest.mark.parametrize("clip", [0, 1])
def test_every_executor_and_split_tells_of_it_and_moves_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, split: str, clip: int
) -> None:
    poisoned(monkeypatch, STEPS + 1, "4.weight", 3e38)
    overrides = (f"model.layers={LONG}", f"train.split={split}", f"train.grad_clip={clip}")
    config = read_config(NET + TRAIN, *overrides, "optimizer.weight_decay=0", "train.ema=0.9")
    trainer: list[Trainer] = []
    step = Trainer.step

    def watched(self: Trainer, *index: Any) -> float:
        trainer[:] = [self]
        return step(self, *index)

    monkeypatch.setattr(Trainer, "step", watched)
    with pytest.raises(DivergedError) as caught:
        train(config, tmp_path, workers=2, kind=kind)
    assert f"where: epoch 2, step {STEPS + 2}, layer 4.linear (its output)" in str(caught.value)
    assert (trainer[0].model.network.parameters.views["4.weight"] == np.float32(3e38)).all()
    assert np.isfinite(trainer[0].model.network.parameters.flat).all()
    assert load_checkpoint(tmp_path / "last.npz").record["progress"]["epoch"] == 1


@pytest.mark.parametrize("rate", [1e3, 1e10, 1e20, 1e30])
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_no_learning_rate_gives_anything_but_divergence_or_a_finite_run(
    tmp_path: Path, rate: float, rule: str
) -> None:
    config = read_config(NET + TRAIN, f"optimizer.learning_rate={rate}", f"optimizer.name={rule}")
    try:
        trainer = train(config, tmp_path)
    except DivergedError:
        saved = load_checkpoint(tmp_path / "last.npz")
        assert all(np.isfinite(array).all() for array in saved.arrays.values())
    else:
        assert math.isfinite(trainer.progress.history[-1]["validation_loss"])
