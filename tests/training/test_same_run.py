"""The same run, whatever interrupts it."""

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from bpnet.training.resume import load_for_resume
from bpnet.training.run import prepare_model
from bpnet.training.step.batch import Batch
from bpnet.training.step.sample_shard import SampleShard
from tests.helpers.fitting import fit
from tests.helpers.runs import RICH, STEPS, assert_same_run, resume
from tests.helpers.tiny import (
    NET,
    TRAIN,
    after,
    draw_dataset,
    new_trainer,
    read_config,
    train,
    weights,
    with_settings,
)

# The same run


@pytest.mark.parametrize("stop", [1, STEPS - 1, STEPS, STEPS + 2, 3 * STEPS])
@pytest.mark.parametrize("rule", ["sgd", "adamw"])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, rule: str, stop: int) -> None:
    config = with_settings(read_config(RICH), "optimizer", name=rule)
    train(config, tmp_path / "whole")
    train(config, tmp_path / "shards", should_stop=after(stop))
    assert load_checkpoint(tmp_path / "shards" / "last.npz").record["progress"]["step"] == stop
    resume(tmp_path / "shards")
    for name in ("last.npz", "best.npz"):
        assert_same_run(tmp_path / "whole", tmp_path / "shards", name)


def test_a_run_may_be_interrupted_again_and_again(tmp_path: Path) -> None:
    config = read_config(RICH)
    train(config, tmp_path / "whole")
    train(config, tmp_path / "shards", should_stop=after(2))
    for _ in range(20):
        config, saved, progress = load_for_resume(tmp_path / "shards", None, (), None)
        with Workers(1) as workers:
            trainer = new_trainer(config, draw_dataset(), tmp_path / "shards", workers)
            trainer.restore(saved, progress)
            if trainer.run(after(2)):
                break
    assert_same_run(tmp_path / "whole", tmp_path / "shards")


@pytest.mark.parametrize("lost", ["momentum", "batch"])
def test_a_resumed_run_that_loses_something_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    train(read_config(RICH), tmp_path / "whole")
    stopped = train(read_config(RICH), tmp_path / "shards", should_stop=after(3))
    restore = Trainer.restore

    def forgetful(self: Trainer, *arguments: Any) -> None:
        restore(self, *arguments)
        if lost == "momentum":
            self.optimizer.memories["velocity"].flat[:] = 0
        else:
            self.training = self.training[::-1]

    assert stopped.optimizer.memories["velocity"].flat.any()
    monkeypatch.setattr(Trainer, "restore", forgetful)
    resume(tmp_path / "shards")
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "whole", tmp_path / "shards")


@pytest.mark.parametrize("shards", [2, 3])
def test_any_number_of_workers_gives_the_same_bits(tmp_path: Path, shards: int) -> None:
    config = with_settings(read_config(RICH), "train", shards=shards)
    for workers in (1, 2, 4):
        train(config, tmp_path / str(workers), workers=workers)
    for workers in (2, 4):
        assert_same_run(tmp_path / "1", tmp_path / str(workers))


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    one = train(read_config(RICH), tmp_path / "1")
    two = train(with_settings(read_config(RICH), "train", seed=2), tmp_path / "2")
    assert not np.array_equal(weights(one.model), weights(two.model))


@pytest.mark.parametrize("shards", [2, 3, 16, 40])
def test_shards_add_up_to_the_whole_batch(tmp_path: Path, shards: int) -> None:
    def trained(shards: int) -> Trainer:
        settings = {"shards": shards, "epochs": 2}
        config = with_settings(read_config(NET + TRAIN, "model.dtype=float64"), "train", **settings)
        return train(config, tmp_path / str(shards))

    whole, several = trained(1), trained(shards)
    np.testing.assert_allclose(weights(several.model), weights(whole.model), rtol=1e-9, atol=1e-12)
    for one, other in zip(whole.progress.history, several.progress.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-12)
        assert one["train_accuracy"] == other["train_accuracy"]


@pytest.mark.parametrize("micro_batch", [1, 3, 7, 100])
def test_micro_batches_do_not_decide_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, micro_batch: int
) -> None:
    config = read_config(NET + TRAIN, "model.dtype=float64", "train.grad_clip=0.1")
    whole = train(config, tmp_path / "whole")
    fit(monkeypatch, micro_batch=micro_batch)
    several = train(config, tmp_path / "shards")
    np.testing.assert_allclose(weights(several.model), weights(whole.model), rtol=1e-9, atol=1e-12)
    for one, other in zip(whole.progress.history, several.progress.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-12)
        assert one["train_accuracy"] == other["train_accuracy"]


def test_a_shard_that_is_normalised_is_never_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(read_config(RICH), tmp_path / "whole")
    fit(monkeypatch, micro_batch=3)
    train(read_config(RICH), tmp_path / "shards")
    assert_same_run(tmp_path / "whole", tmp_path / "shards")


def test_dropout_is_drawn_anew_for_every_epoch_step_and_shard(tmp_path: Path) -> None:
    config = read_config(NET.replace("flatten\n", "flatten\n    dropout 0.5\n") + TRAIN)
    with Workers(1) as workers:
        trainer = new_trainer(config, draw_dataset(), tmp_path, workers)
    index = np.tile(trainer.training[:8], 2)  # both shards get the same samples

    def loss(number: int, epoch: int, step: int) -> float:
        shard = trainer.engine.shards[number]
        assert isinstance(shard, SampleShard)
        shard.compute(Batch(index, epoch, step, 0.1))
        return float(shard.totals[number, 0])

    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    losses = [loss(*place) for place in places]
    assert len(set(losses)) == 4
    assert [loss(*place) for place in places] == losses


def test_pictures_are_normalised_by_those_that_train(tmp_path: Path) -> None:
    dataset = draw_dataset()
    with Workers(1) as workers:
        trainer = new_trainer(read_config(), dataset, tmp_path, workers)
    dataset.train.inputs[trainer.validation] = 255
    normalization = prepare_model(read_config(), dataset).normalization
    assert normalization == trainer.model.normalization
    pictures = dataset.train.inputs[trainer.training]
    assert 1 / normalization.scale == pytest.approx(pictures.std())
    assert -normalization.offset / normalization.scale == pytest.approx(pictures.mean())
    dataset.train.inputs[trainer.training[0]] = 255
    assert prepare_model(read_config(), dataset).normalization != normalization


def test_every_epoch_shows_every_training_sample_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    step = Trainer.step

    def watched(self: Trainer, index: Any, upcoming: Any) -> float:
        seen.append(index.tolist())
        return step(self, index, upcoming)

    monkeypatch.setattr(Trainer, "step", watched)
    trainer = train(read_config(NET + TRAIN), tmp_path)
    starts = range(0, 3 * STEPS, STEPS)
    epochs = [list(chain(*seen[start : start + STEPS])) for start in starts]
    for epoch in epochs:
        assert sorted(epoch) == trainer.training.tolist()
    assert epochs[0] != epochs[1] != epochs[2]
    assert not set(trainer.validation) & set(trainer.training)
    assert len(trainer.validation) == 20
