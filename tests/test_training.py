"""The loop: the same run whatever interrupts it, honest scores, and clean ends."""

import json
import math
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info
from tiny import (
    NET,
    TABLE,
    TRAIN,
    after,
    draw_dataset,
    draw_samples,
    new_trainer,
    read_config,
    train,
    weights,
    with_settings,
)

from bpnet.config import Config
from bpnet.data.dataset import Dataset
from bpnet.data.table import load_table
from bpnet.errors import CheckpointError, ConfigError, DataError, DivergedError
from bpnet.nn.sequential import Sequential
from bpnet.training.averaging import AveragedWeights
from bpnet.training.checkpoint import load_checkpoint, save_checkpoint
from bpnet.training.loop import Trainer
from bpnet.training.metrics import evaluate
from bpnet.training.observer import Observer
from bpnet.training.parallel import Workers, blas_threads, split_batch
from bpnet.training.progress import Progress
from bpnet.training.resume import extend, load_for_resume
from bpnet.training.run import (
    build_trainer,
    create_run_dir,
    final_score,
    prepare_model,
    result,
    worker_count,
)

RICH = """
[data]
dataset = idx
path = pictures
validation = 20
[model]
layers =
    conv 4 kernel=3
    batchnorm
    relu
    maxpool 2
    dropout 0.2
    flatten
    linear 3
[train]
epochs = 3
batch_size = 16
ema = 0.9
label_smoothing = 0.1
grad_clip = 1.0
[optimizer]
momentum = 0.9
[schedule]
name = one_cycle
[augment]
shift = 1
rotate = 10
elastic_alpha = 5
"""
STEPS = 5  # in an epoch of 80 samples


def resume(
    run_dir: Path,
    *,
    epochs: str | None = None,
    source: Path | None = None,
    dataset: Dataset | None = None,
    workers: int = 1,
) -> Trainer:
    """Go on with a run, in place or from another directory, as the command line does."""
    dataset = dataset or draw_dataset()
    config, saved, progress = load_for_resume(source or run_dir, None, (), epochs)
    with Workers(workers) as team:
        blank = new_trainer(config, dataset, run_dir, team)
        trainer = build_trainer(blank.model, dataset, run_dir, team, saved, progress)
        trainer.fingerprint = saved.record["fingerprint"]
        trainer.run()
    return trainer


@pytest.fixture(autouse=True)
def one_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "fingerprint", lambda self: "fingerprint")


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    """Return an epoch's record or a progress without its times."""
    timed = ("seconds", "epoch_seconds", "samples_per_second")
    plain = {key: value for key, value in record.items() if key not in timed}
    if "history" in plain:
        plain["history"] = list(map(timeless, plain["history"]))
    return plain


def assert_same_run(one: Path, other: Path, name: str = "last.npz") -> None:
    """Compare everything that two runs saved, bit for bit, times aside."""
    first, second = load_checkpoint(one / name), load_checkpoint(other / name)
    assert first.arrays.keys() == second.arrays.keys()
    for key, array in first.arrays.items():
        assert array.tobytes() == second.arrays[key].tobytes(), key
    assert timeless(first.record.pop("progress")) == timeless(second.record.pop("progress"))
    assert first.record == second.record


# The same run


@pytest.mark.parametrize("stop", [1, STEPS - 1, STEPS, STEPS + 2, 3 * STEPS])
@pytest.mark.parametrize("rule", ["sgd", "adamw"])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, rule: str, stop: int) -> None:
    config = with_settings(read_config(RICH), "optimizer", name=rule)
    train(config, tmp_path / "whole")
    train(config, tmp_path / "parts", should_stop=after(stop))
    assert load_checkpoint(tmp_path / "parts" / "last.npz").record["progress"]["step"] == stop
    resume(tmp_path / "parts")
    for name in ("last.npz", "best.npz"):
        assert_same_run(tmp_path / "whole", tmp_path / "parts", name)


def test_a_run_may_be_interrupted_again_and_again(tmp_path: Path) -> None:
    config = read_config(RICH)
    train(config, tmp_path / "whole")
    train(config, tmp_path / "parts", should_stop=after(2))
    for _ in range(20):
        config, saved, progress = load_for_resume(tmp_path / "parts", None, (), None)
        with Workers(1) as team:
            trainer = new_trainer(config, draw_dataset(), tmp_path / "parts", team)
            trainer.restore(saved, progress)
            if trainer.run(after(2)):
                break
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("lost", ["momentum", "order"])
def test_a_resumed_run_that_loses_something_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    train(read_config(RICH), tmp_path / "whole")
    stopped = train(read_config(RICH), tmp_path / "parts", should_stop=after(3))
    restore = Trainer.restore

    def forgetful(self: Trainer, *arguments: Any) -> None:
        restore(self, *arguments)
        if lost == "momentum":
            self.optimizer.memories["velocity"].flat[:] = 0
        else:
            self.training = self.training[::-1]

    assert stopped.optimizer.memories["velocity"].flat.any()
    monkeypatch.setattr(Trainer, "restore", forgetful)
    resume(tmp_path / "parts")
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "whole", tmp_path / "parts")


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

    whole, parts = trained(1), trained(shards)
    np.testing.assert_allclose(weights(parts.model), weights(whole.model), rtol=1e-9, atol=1e-12)
    for one, other in zip(whole.progress.history, parts.progress.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-12)
        assert one["train_accuracy"] == other["train_accuracy"]


def test_batches_split_into_nearly_equal_parts_in_order() -> None:
    parts = split_batch(np.arange(8), 3)
    assert [part.tolist() for part in parts] == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_dropout_is_drawn_anew_for_every_epoch_step_and_shard(tmp_path: Path) -> None:
    config = read_config(NET.replace("flatten\n", "flatten\n    dropout 0.5\n") + TRAIN)
    with Workers(1) as team:
        trainer = new_trainer(config, draw_dataset(), tmp_path, team)
    index = trainer.training[:8]

    def loss(shard: int, epoch: int, step: int) -> float:
        trainer.shards[shard].compute(index, 16, epoch, step)
        return trainer.shards[shard].loss_sum

    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    losses = [loss(*place) for place in places]
    assert len(set(losses)) == 4
    assert [loss(*place) for place in places] == losses


def test_pictures_are_normalised_by_those_that_train(tmp_path: Path) -> None:
    dataset = draw_dataset()
    with Workers(1) as team:
        trainer = new_trainer(read_config(), dataset, tmp_path, team)
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

    def watched(self: Trainer, index: Any) -> float:
        seen.append(index.tolist())
        return step(self, index)

    monkeypatch.setattr(Trainer, "step", watched)
    trainer = train(read_config(NET + TRAIN), tmp_path)
    starts = range(0, 3 * STEPS, STEPS)
    epochs = [list(chain(*seen[start : start + STEPS])) for start in starts]
    for epoch in epochs:
        assert sorted(epoch) == trainer.training.tolist()
    assert epochs[0] != epochs[1] != epochs[2]
    assert not set(trainer.validation) & set(trainer.training)
    assert len(trainer.validation) == 20


# Workers


def test_workers_run_every_task_once_and_in_threads_of_their_own() -> None:
    done: list[int] = []
    with Workers(3) as team:
        for count in (1, 2, 3, 7):
            done.clear()
            team.run([lambda number=number: done.append(number) for number in range(count)])  # type: ignore[misc]
            assert sorted(done) == list(range(count))


def test_what_a_task_raises_is_raised_after_the_others_ended() -> None:
    done = []

    def fail() -> None:
        raise ValueError("no")

    with Workers(2) as team:
        for tasks in ([fail, lambda: done.append(1)], [lambda: done.append(2), fail]):
            with pytest.raises(ValueError, match="no"):
                team.run(tasks)
        team.run([lambda: done.append(3), lambda: done.append(4)])
    assert sorted(done) == [1, 2, 3, 4]


def test_workers_are_as_many_as_there_is_work_for() -> None:
    config = with_settings(read_config(), "train", shards=3)
    assert worker_count(config, 8) == 3
    assert worker_count(config, 1) == 1
    assert 1 <= worker_count(config, None) <= 3


def test_matrix_products_get_the_threads_of_the_config() -> None:
    def found() -> set[int]:
        return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}

    with blas_threads(2):
        with blas_threads(1):
            assert found() == {1}
        assert found() == {2}


# Learning


def test_a_small_network_learns_its_samples_by_heart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = draw_samples(64, 3)
    labels = rng.integers(0, 10, 64)
    pictures.inputs[...] = rng.integers(0, 256, pictures.inputs.shape)
    samples = type(pictures)(pictures.inputs, labels)
    dataset = Dataset("idx", samples, samples, tuple("0123456789"))
    text = NET.replace("linear 3", "linear 10") + TRAIN
    trainer = train(
        read_config(text, "data.validation=0", "train.epochs=60", "optimizer.learning_rate=0.05"),
        tmp_path,
        dataset,
    )
    with Workers(1) as team:
        assert final_score(tmp_path / "best.npz", dataset, team).errors == 0
    assert trainer.progress.history[-1]["train_loss"] < 0.1


def test_a_frozen_network_does_not_learn(tmp_path: Path) -> None:
    config = read_config(NET + TRAIN, "optimizer.learning_rate=1e-12")
    assert train(config, tmp_path).progress.history[-1]["validation_accuracy"] < 0.8


def test_a_table_of_numbers_is_learnt(tmp_path: Path) -> None:
    config = read_config(TABLE, "train.epochs=400", "checkpoint.every=400")
    dataset = load_table(config)
    trainer = train(config, tmp_path, dataset)
    with Workers(1) as team:
        score = final_score(tmp_path / "best.npz", dataset, team)
    assert score.mean_absolute_error is not None
    assert score.mean_absolute_error < 0.1
    assert trainer.progress.history[-1]["train_accuracy"] is None
    told = result(trainer, score)
    assert told["test_accuracy"] is None
    assert told["validation_accuracy"] is None


def test_the_epoch_s_training_loss_is_the_mean_over_its_samples(tmp_path: Path) -> None:
    """With steps too small to matter, the epoch's loss is that of the network as it started."""
    config = read_config(NET + TRAIN, "optimizer.learning_rate=1e-30")
    trainer = train(config, tmp_path)
    with Workers(1) as team:
        score = evaluate(trainer.model, trainer.samples, team, trainer.training)
    for record in trainer.progress.history:
        assert record["train_loss"] == pytest.approx(score.loss, rel=1e-5)
        assert record["train_accuracy"] == score.accuracy


# Averaged weights


def small_network() -> Sequential:
    return prepare_model(read_config(), draw_dataset()).network


def test_averages_follow_their_formula_and_step_aside() -> None:
    network = small_network()
    averaged = AveragedWeights(network, 0.7)
    expected = network.parameters.flat.astype(np.float64)
    for step in range(1, 40):  # from step 20 on, 0.7 is the smaller one
        network.parameters.flat[:] += 0.01 * step
        averaged.update(step)
        decay = min(0.7, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.parameters.flat
        current = network.parameters.flat.copy()
        with averaged.in_use():
            np.testing.assert_allclose(network.parameters.flat, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(network.parameters.flat, current)


def test_weights_come_back_though_the_block_fails() -> None:
    network = small_network()
    averaged = AveragedWeights(network, 0.5)
    network.parameters.flat[:] = 7
    with pytest.raises(KeyError), averaged.in_use():
        raise KeyError
    assert (network.parameters.flat == 7).all()


def test_validation_scores_the_averaged_weights(tmp_path: Path) -> None:
    trainer = train(read_config(RICH), tmp_path)
    with Workers(1) as team:
        used = load_checkpoint(tmp_path / "last.npz").model()
        score = evaluate(used, trainer.samples, team, trainer.validation)
    assert trainer.progress.history[-1]["validation_loss"] == score.loss


# Files


def test_a_run_leaves_its_metrics_and_checkpoints(tmp_path: Path) -> None:
    trainer = train(read_config(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"last.npz", "best.npz", "metrics.jsonl"}
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == trainer.progress.history
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["step"] for line in lines] == [5, 10, 15]
    for line in lines:
        assert list(line) == [
            *("epoch", "step", "learning_rate", "train_loss", "train_accuracy"),
            *("validation_loss", "validation_accuracy", "seconds", "samples_per_second"),
        ]
        assert line["learning_rate"] == trainer.schedule.rate(line["step"] - 1)


def test_checkpoints_come_as_often_as_asked_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[int, bool]] = []
    save = Trainer.save

    def watched(self: Trainer, *, best: bool = False) -> None:
        saved.append((self.progress.epoch, best))
        save(self, best=best)

    monkeypatch.setattr(Trainer, "save", watched)
    train(
        read_config(NET + TRAIN, "checkpoint.every=3", "train.epochs=8", "data.validation=0"),
        tmp_path,
    )
    assert saved == [(0, False), (3, False), (6, False), (8, False)]


def test_without_validation_the_best_is_the_last(tmp_path: Path) -> None:
    train(read_config(NET + TRAIN, "data.validation=0", "train.ema=0.9"), tmp_path)
    assert (tmp_path / "best.npz").read_bytes() == (tmp_path / "last.npz").read_bytes()
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["best_score"] is None


class Rising:
    """Give validation scores in a given order, whatever the network."""

    def __init__(self, accuracies: list[float], losses: list[float] | None = None) -> None:
        losses = losses or [1.0] * len(accuracies)
        self.scores = iter(zip(accuracies, losses, strict=True))

    def __call__(self, trainer: Trainer) -> Any:
        accuracy, loss = next(self.scores)
        return type("Score", (), {"accuracy": accuracy, "loss": loss})


def scripted(
    monkeypatch: pytest.MonkeyPatch, accuracies: list[float], losses: list[float] | None = None
) -> None:
    scores = Rising(accuracies, losses)
    monkeypatch.setattr(Trainer, "_validate", lambda self: scores(self))


def test_the_best_is_the_best_by_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.9, 0.7, 0.9])
    train(read_config(NET + TRAIN, "train.epochs=4"), tmp_path)
    best = load_checkpoint(tmp_path / "best.npz").record["progress"]
    last = load_checkpoint(tmp_path / "last.npz").record["progress"]
    assert (best["epoch"], best["best_epoch"], best["best_score"]) == (2, 2, [0.9, -1.0])
    assert (last["epoch"], last["best_epoch"]) == (4, 2)


def test_equal_accuracy_is_decided_by_the_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.9, 0.9, 0.9], [0.3, 0.2, 0.25])
    train(read_config(), tmp_path)
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 2


def test_a_better_epoch_is_saved_between_checkpoints_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.9, 0.7, 0.6])
    train(read_config(NET + TRAIN, "train.epochs=4", "checkpoint.every=4"), tmp_path)
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 2


def test_a_run_killed_between_its_two_files_finds_its_best_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(read_config(), tmp_path / "whole")
    written: list[str] = []

    def killed(path: Path, *content: Any) -> None:
        if len(written) == 2:  # the start, the best of epoch 1, and no more
            raise SystemError
        written.append(path.name)
        save_checkpoint(path, *content)

    with monkeypatch.context() as patch:
        patch.setattr("bpnet.training.loop.save_checkpoint", killed)
        with pytest.raises(SystemError):
            train(read_config(), tmp_path / "parts")
    assert written == ["last.npz", "best.npz"]
    resume(tmp_path / "parts")
    for name in ("last.npz", "best.npz"):
        assert_same_run(tmp_path / "whole", tmp_path / "parts", name)


# Early stopping


def test_early_stopping_waits_as_long_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.6, 0.6, 0.55, 0.9])
    config = read_config(NET + TRAIN, "train.epochs=9", "train.early_stopping=2")
    trainer = train(config, tmp_path)
    assert trainer.progress.epoch == 4
    assert trainer.progress.stopped_early
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 2


def test_early_stopping_keeps_its_count_over_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.6, 0.6, 0.55, 0.9])
    config = read_config(NET + TRAIN, "train.epochs=9", "train.early_stopping=2")
    train(config, tmp_path, should_stop=after(3 * STEPS + 2))
    assert resume(tmp_path).progress.epoch == 4


def test_a_run_that_stopped_early_is_finished_and_can_be_extended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.4, 0.3, 0.2, 0.1])
    config = read_config(NET + TRAIN, "train.epochs=9", "train.early_stopping=1")
    assert train(config, tmp_path).progress.epoch == 2
    assert resume(tmp_path).progress.epoch == 2
    assert resume(tmp_path, epochs="+1").progress.epoch == 3


def test_validation_must_leave_samples_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leave no sample to train on"):
        train(read_config(NET + TRAIN, "data.validation=100"), tmp_path)


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

    def wrong(self: Trainer, index: Any) -> float:
        loss = original(self, index)
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
    assert "where: epoch 1, step 3, layer 1.conv (its output)" in message
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
    with Workers(1) as team, pytest.raises(DivergedError, match=r"best\.npz"):
        final_score(tmp_path / "best.npz", draw_dataset(), team)


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


# The test set


class Forbidden:
    """Raise at every touch."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"training looked at the test set: {name}")

    def __len__(self) -> int:
        raise AssertionError("training looked at the test set")


def test_training_never_looks_at_the_test_set(tmp_path: Path) -> None:
    dataset = draw_dataset()
    unseen: Any = Forbidden()
    forbidden = Dataset("idx", dataset.train, unseen, dataset.class_names)
    train(read_config(RICH), tmp_path, forbidden)
    with Workers(1) as team, pytest.raises(AssertionError, match="looked at the test set"):
        final_score(tmp_path / "best.npz", forbidden, team)


def test_the_scores_are_those_of_the_test_set(tmp_path: Path) -> None:
    dataset = draw_dataset()
    trainer = train(read_config(), tmp_path, dataset)
    with Workers(1) as team:
        told = result(trainer, final_score(tmp_path / "best.npz", dataset, team))
        best = load_checkpoint(tmp_path / "best.npz").model()
        expected = evaluate(best, dataset.test, team)
    assert told["test_accuracy"] == expected.accuracy
    assert told["test_loss"] == expected.loss
    assert told["test_errors"] == expected.errors


# How long a run goes on


def progress(epoch: int, *ends: int, batch: int = 0) -> Progress:
    return Progress(list(ends), epoch=epoch, batch=batch)


def test_a_finished_run_is_extended() -> None:
    assert extend(progress(4, 4), read_config(), "+3").ends == [4, 7]
    assert extend(progress(4, 4), read_config(), "7").ends == [4, 7]
    assert extend(progress(7, 4, 7), read_config(), "+1").ends == [4, 7, 8]


def test_a_run_that_stopped_early_is_extended_from_where_it_stopped() -> None:
    stopped = progress(4, 10)
    stopped.stopped_early = True
    extended = extend(stopped, read_config(), "+2")
    assert (extended.ends, extended.stopped_early, extended.patience_from) == ([4, 6], False, 4)


def test_no_epochs_or_the_same_change_nothing() -> None:
    for epochs in (None, "4"):
        assert extend(progress(2, 4), read_config(), epochs) == progress(2, 4)


@pytest.mark.parametrize("schedule", ["constant", "step"])
def test_a_run_under_way_may_end_elsewhere_where_that_changes_no_rate(schedule: str) -> None:
    config = with_settings(read_config(), "schedule", name=schedule)
    assert extend(progress(2, 4), config, "3").ends == [3]
    assert extend(progress(2, 4), config, "9").ends == [9]
    with pytest.raises(ConfigError, match="epoch 3 of 4"):
        extend(progress(2, 4), config, "2")
    with pytest.raises(ConfigError, match=f"its {schedule} schedule is fitted"):
        extend(progress(2, 4), with_settings(config, "schedule", warmup=0.1), "9")


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_the_end_of_an_unfinished_cosine_stays(schedule: str) -> None:
    config = with_settings(read_config(), "schedule", name=schedule)
    for epochs in ("3", "5"):
        with pytest.raises(ConfigError, match=f"its {schedule} schedule is fitted") as caught:
            extend(progress(2, 4), config, epochs)
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("epochs", ["0", "+0", "-1", "x", "", "1.5", "++1", "+", "1_0", "٣"])
def test_what_is_no_number_of_epochs_is_refused(epochs: str) -> None:
    with pytest.raises(ConfigError, match="does not understand"):
        extend(progress(4, 4), read_config(), epochs)


def test_plus_extends_finished_runs_alone_and_nothing_shortens_them() -> None:
    with pytest.raises(ConfigError, match=r"\+N extends a finished run"):
        extend(progress(2, 4), read_config(), "+1")
    with pytest.raises(ConfigError, match="the run has 4 epochs"):
        extend(progress(4, 4), read_config(), "3")


def test_an_extended_run_keeps_its_best_and_goes_on_falling(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    before = load_checkpoint(tmp_path / "last.npz").record["progress"]
    trainer = resume(tmp_path, epochs="+2")
    assert trainer.progress.epoch == 5
    assert trainer.config.train.epochs == 5
    assert trainer.progress.history[:3] == before["history"]
    assert trainer.progress.best_score is not None
    assert trainer.progress.best_score >= before["best_score"]
    tenth = 0.1 * trainer.config.optimizer.learning_rate
    assert trainer.schedule.rate(3 * STEPS) == pytest.approx(tenth)
    assert trainer.schedule.rate(5 * STEPS - 1) < 0.3 * tenth


def test_a_constant_run_extended_is_the_longer_run(tmp_path: Path) -> None:
    config = read_config(RICH, "schedule.name=constant")
    train(with_settings(config, "train", epochs=5), tmp_path / "long")
    train(config, tmp_path / "parts")
    resume(tmp_path / "parts", epochs="+2")
    one, other = (load_checkpoint(tmp_path / name / "last.npz") for name in ("long", "parts"))
    for key, array in one.arrays.items():
        assert array.tobytes() == other.arrays[key].tobytes()


# Resuming


def test_settings_that_contradict_the_checkpoint_are_refused_all_at_once(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    overrides = ("train.seed=2", "optimizer.learning_rate=0.05", "model.layers=flatten, linear 3")
    with pytest.raises(ConfigError) as caught:
        load_for_resume(tmp_path, None, overrides, None)
    message = str(caught.value)
    assert "--set: train.seed is 1 in the checkpoint, but 2 was asked for" in message
    assert "model.layers is" in message
    assert "learning_rate" not in message


def test_settings_that_agree_with_the_checkpoint_are_accepted(tmp_path: Path) -> None:
    train(read_config(), tmp_path / "run")
    path = tmp_path / "same.ini"
    path.write_text((NET + TRAIN).replace("path = pictures", ""))
    with pytest.raises(ConfigError, match="needs `path`"):
        load_for_resume(tmp_path / "run", str(path), (), None)
    path.write_text((NET + TRAIN).replace("path = pictures", f"path = {read_config().data.path}"))
    config, _, _ = load_for_resume(tmp_path / "run", str(path), ("train.seed=1",), None)
    assert config == read_config()


def test_epochs_of_an_earlier_end_are_no_contradiction(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    resume(tmp_path, epochs="+2")
    load_for_resume(tmp_path, None, ("train.epochs=3",), None)
    load_for_resume(tmp_path, None, ("train.epochs=5",), None)
    with pytest.raises(ConfigError, match=r"train\.epochs is 5"):
        load_for_resume(tmp_path, None, ("train.epochs=4",), None)


def test_other_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(read_config(), tmp_path, should_stop=after(2))
    monkeypatch.setattr(Dataset, "fingerprint", lambda self: "another")
    with pytest.raises(CheckpointError, match="trained on other data"):
        resume(tmp_path)


def test_weights_alone_are_no_run(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    checkpoint = load_checkpoint(tmp_path / "last.npz")
    del checkpoint.record["progress"]
    save_checkpoint(tmp_path / "last.npz", checkpoint.record, checkpoint.arrays)
    checkpoint.model()
    with pytest.raises(CheckpointError, match="weights only"):
        load_for_resume(tmp_path, None, (), None)


def test_a_run_resumed_elsewhere_takes_its_best_along(tmp_path: Path) -> None:
    train(read_config(), tmp_path / "old")
    resume(tmp_path / "new", source=tmp_path / "old")
    assert (tmp_path / "new" / "best.npz").read_bytes() == (
        tmp_path / "old" / "best.npz"
    ).read_bytes()


def test_a_lost_best_is_replaced_by_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.9, 0.7, 0.1, 0.2])
    train(read_config(), tmp_path)
    (tmp_path / "best.npz").unlink()
    resume(tmp_path)
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 3
    (tmp_path / "best.npz").unlink()
    resume(tmp_path, epochs="+2")
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 5


def test_a_directory_with_another_run_is_not_overwritten(tmp_path: Path) -> None:
    train(read_config(), tmp_path / "run")
    with pytest.raises(CheckpointError, match="holds a run already"):
        create_run_dir(tmp_path / "run", resumes=False)
    create_run_dir(tmp_path / "run", resumes=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "run" / "best.npz").rename(tmp_path / "kept" / "best.npz")
    with pytest.raises(CheckpointError, match="holds a run already"):
        create_run_dir(tmp_path / "kept", resumes=False)
    create_run_dir(tmp_path / "a" / "b", resumes=False)
    with pytest.raises(CheckpointError, match="cannot be made"):
        create_run_dir(tmp_path / "run" / "last.npz", resumes=False)


# Observers


def test_an_observer_hears_every_step_and_epoch(tmp_path: Path) -> None:
    heard: list[Any] = []

    class Listener(Observer):
        def epoch_started(self, epoch: int, steps: int, done: int) -> None:
            heard.append((epoch, steps, done))

        def step_done(self, loss: float) -> None:
            heard.append(loss)

        def epoch_ended(self, record: dict[str, Any]) -> None:
            heard.append(record)

    with Workers(1) as team:
        trainer = new_trainer(read_config(), draw_dataset(), tmp_path, team)
        trainer.observer = Listener()
        trainer.run()
    assert len(heard) == 3 * (STEPS + 2)
    assert heard[0] == (1, STEPS, 0)
    assert heard[STEPS + 1] == trainer.progress.history[0]
    assert np.mean(heard[1 : STEPS + 1]) == pytest.approx(heard[STEPS + 1]["train_loss"], rel=1e-6)
