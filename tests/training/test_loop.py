"""The loop: it learns, whatever number of workers computes, and tells how it goes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from bpnet.data.dataset import Dataset
from bpnet.data.table import load_table
from bpnet.machine import blas_threads
from bpnet.model.calibration import fit_temperature
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.inputs import Normalization, to_inputs
from bpnet.model.score import evaluate
from bpnet.model.workers import Workers
from bpnet.nn.sequential import Sequential
from bpnet.training.averaging import AveragedWeights
from bpnet.training.observer import Observer
from bpnet.training.run import final_score, prepare_model, result
from tests.helpers.runs import RICH, STEPS
from tests.helpers.tiny import (
    NET,
    TABLE,
    TRAIN,
    draw_dataset,
    draw_samples,
    new_trainer,
    read_config,
    train,
)

# Inputs


@pytest.mark.parametrize("offset", [0.0, -0.5])
def test_samples_become_inputs_whatever_the_order_of_their_memory(offset: float) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (7, 4, 5), dtype=np.uint8)
    batch_last = np.moveaxis(np.zeros((4, 5, 9), dtype=np.uint8), -1, 0)[:7]
    batch_last[...] = samples
    expected = (samples * np.float32(0.25) + np.float32(offset)).transpose(1, 2, 0)
    for stored in (samples, batch_last):
        inputs = np.full((1, 4, 5, 7), 9, dtype=np.float32)
        to_inputs(stored, Normalization(0.25, offset), inputs)
        assert np.array_equal(inputs[0], expected)
    by_sample = np.full((7, 20), 9, dtype=np.float32)
    to_inputs(samples, Normalization(0.25, offset), by_sample.T)
    assert np.array_equal(by_sample.T.reshape(4, 5, 7), expected)


# Workers


def test_workers_run_every_task_once_and_in_threads_of_their_own() -> None:
    done: list[int] = []
    with Workers(3) as workers:
        for count in (1, 2, 3, 7):
            done.clear()
            workers.run([lambda number=number: done.append(number) for number in range(count)])  # type: ignore[misc]
            assert sorted(done) == list(range(count))


def test_what_a_task_raises_is_raised_after_the_others_ended() -> None:
    done = []

    def fail() -> None:
        raise ValueError("no")

    with Workers(2) as workers:
        for tasks in ([fail, lambda: done.append(1)], [lambda: done.append(2), fail]):
            with pytest.raises(ValueError, match="no"):
                workers.run(tasks)
        workers.run([lambda: done.append(3), lambda: done.append(4)])
    assert sorted(done) == [1, 2, 3, 4]


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
    with Workers(1) as workers:
        assert final_score(tmp_path / "best.npz", dataset, workers).errors == 0
    assert trainer.progress.history[-1]["train_loss"] < 0.1


def test_a_frozen_network_does_not_learn(tmp_path: Path) -> None:
    config = read_config(NET + TRAIN, "optimizer.learning_rate=1e-12")
    assert train(config, tmp_path).progress.history[-1]["validation_accuracy"] < 0.8


def test_a_table_of_numbers_is_learnt(tmp_path: Path) -> None:
    config = read_config(TABLE, "train.epochs=400", "checkpoint.every=400")
    dataset = load_table(config)
    trainer = train(config, tmp_path, dataset)
    with Workers(1) as workers:
        score = final_score(tmp_path / "best.npz", dataset, workers)
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
    with Workers(1) as workers:
        score = evaluate(trainer.model, trainer.samples, workers, trainer.training)
    for record in trainer.progress.history:
        assert record["train_loss"] == pytest.approx(score.loss, rel=1e-5)
        assert record["train_accuracy"] == score.accuracy


# Averaged weights


def small_network() -> Sequential:
    return prepare_model(read_config(), draw_dataset()).network


def follow(averaged: AveragedWeights, network: Sequential, step: int) -> None:
    """Take weights and statistics into their averages, the weights in two slices."""
    assert averaged.parameters is not None
    now, average = network.parameters.flat, averaged.parameters.flat
    for part in (slice(20), slice(20, None)):
        averaged.follow(average[part], now[part], np.empty_like(now[part]), step)
    averaged.follow_state(step)


def test_averages_follow_their_formula_and_step_aside() -> None:
    network = small_network()
    averaged = AveragedWeights(network, 0.7)
    expected = network.parameters.flat.astype(np.float64)
    for step in range(1, 40):  # from step 20 on, 0.7 is the smaller one
        network.parameters.flat[:] += 0.01 * step
        follow(averaged, network, step)
        decay = min(0.7, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.parameters.flat
        current = network.parameters.flat.copy()
        with averaged.in_use():
            np.testing.assert_allclose(network.parameters.flat, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(network.parameters.flat, current)


def test_running_statistics_are_averaged_too() -> None:
    layers = NET.replace("relu", "batchnorm\n    relu")
    network = prepare_model(read_config(layers + TRAIN), draw_dataset()).network
    averaged = AveragedWeights(network, 0.5)
    network.state.flat[:] = 4
    before = averaged.groups()["averaged/state"].flat.copy()
    averaged.follow_state(100)
    np.testing.assert_allclose(averaged.groups()["averaged/state"].flat, 0.5 * before + 2)


def test_weights_come_back_though_the_block_fails() -> None:
    network = small_network()
    averaged = AveragedWeights(network, 0.5)
    network.parameters.flat[:] = 7
    with pytest.raises(KeyError), averaged.in_use():
        raise KeyError
    assert (network.parameters.flat == 7).all()


def test_validation_scores_the_averaged_weights(tmp_path: Path) -> None:
    trainer = train(read_config(RICH), tmp_path)
    with Workers(1) as workers:
        used = load_checkpoint(tmp_path / "last.npz").model()
        score = evaluate(used, trainer.samples, workers, trainer.validation)
    assert trainer.progress.history[-1]["validation_loss"] == score.training_loss


@pytest.mark.parametrize("name", ["best.npz", "last.npz"])
def test_the_temperature_is_that_of_the_held_out_samples(tmp_path: Path, name: str) -> None:
    trainer = train(read_config(RICH), tmp_path)
    used = load_checkpoint(tmp_path / name).model()
    held_out = trainer.validation
    outputs = Answers(Ensemble([used]), len(held_out)).outputs(trainer.samples.inputs[held_out])
    assert used.temperature == fit_temperature(outputs, trainer.samples.targets[held_out])


def test_nothing_held_out_leaves_no_temperature(tmp_path: Path) -> None:
    trainer = train(read_config(NET + TRAIN, "data.validation=0"), tmp_path)
    assert trainer.temperature is None
    assert load_checkpoint(tmp_path / "best.npz").model().temperature is None


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

    with Workers(1) as workers:
        trainer = new_trainer(read_config(), draw_dataset(), tmp_path, workers)
        trainer.observer = Listener()
        trainer.run()
    assert len(heard) == 3 * (STEPS + 2)
    assert heard[0] == (1, STEPS, 0)
    assert heard[STEPS + 1] == trainer.progress.history[0]
    assert np.mean(heard[1 : STEPS + 1]) == pytest.approx(heard[STEPS + 1]["train_loss"], rel=1e-6)
