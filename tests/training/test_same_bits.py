"""The same bits, whoever computes the shards of a step: one worker, threads or processes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.config.settings import Config
from bpnet.model.forks import CAN_FORK
from bpnet.model.workers import Workers
from bpnet.training.layerwise import Layerwise
from bpnet.training.loop import Trainer
from bpnet.training.optimizers import OPTIMIZERS
from bpnet.training.parameter_slice import ParameterSlice
from bpnet.training.step.batch import Batch
from bpnet.training.step.processes import ProcessExecutor
from bpnet.training.step.threads import ThreadExecutor
from bpnet.training.step.update import Update
from tests.helpers.runs import RICH, assert_same_run
from tests.helpers.tiny import draw_dataset, new_trainer, read_config, train, weights

PERCEPTRON = "model.layers=flatten, linear 13, relu, dropout 0.2, tanh, linear 3"
NETWORKS = {  # each with everything that could depend on who computes
    "samples": (),
    "units": ("train.split=units", PERCEPTRON),
}
ALONE = (1, "auto")
EXECUTORS = [(2, "threads"), (3, "threads"), (2, "processes"), (3, "processes")]


def rich(split: str, shards: int, *more: str) -> Config:
    """Return a config with a short last batch of 8 samples."""
    overrides = (*NETWORKS[split], f"train.shards={shards}", "train.batch_size=18", *more)
    return read_config(RICH, *overrides)


def demand_forks(kind: str) -> None:
    if kind == "processes" and not CAN_FORK:
        pytest.skip("this system cannot fork safely")


def run_with(workers: tuple[int, str], config: Config, folder: Path) -> Trainer:
    count, kind = workers
    trainer = train(config, folder, workers=count, kind=kind)
    assert trainer.engine.kind == ("threads" if count == 1 else kind)
    return trainer


@pytest.mark.parametrize("workers", EXECUTORS, ids=lambda workers: f"{workers[0]} {workers[1]}")
@pytest.mark.parametrize("shards", [2, 3])
@pytest.mark.parametrize("split", NETWORKS)
def test_any_workers_give_the_same_bits(
    tmp_path: Path, split: str, shards: int, workers: tuple[int, str]
) -> None:
    demand_forks(workers[1])
    config = rich(split, shards)
    run_with(ALONE, config, tmp_path / "alone")
    trainer = run_with(workers, config, tmp_path / "executor")
    assert np.isfinite(weights(trainer.model)).all()
    assert_same_run(tmp_path / "alone", tmp_path / "executor")


@pytest.mark.parametrize("rule", OPTIMIZERS)
@pytest.mark.parametrize("split", NETWORKS)
def test_other_rules_without_clipping_do_so_too(tmp_path: Path, split: str, rule: str) -> None:
    if split == "units" and issubclass(OPTIMIZERS[rule], Layerwise):
        pytest.skip("such shards have no layer whole")
    config = rich(split, 3, "train.grad_clip=0", f"optimizer.name={rule}")
    run_with(ALONE, config, tmp_path / "alone")
    for kind in ("threads", *(["processes"] if CAN_FORK else [])):
        run_with((2, kind), config, tmp_path / kind)
        assert_same_run(tmp_path / "alone", tmp_path / kind)


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("split", NETWORKS)
def test_batches_that_leave_shards_without_samples(tmp_path: Path, split: str, kind: str) -> None:
    demand_forks(kind)
    config = rich(split, 3, "train.batch_size=39")  # the last batch has 2 samples
    run_with(ALONE, config, tmp_path / "alone")
    run_with((3, kind), config, tmp_path / "executor")
    assert_same_run(tmp_path / "alone", tmp_path / "executor")


# What would be noticed


def add_in_another_order(self: Update, slices: list[ParameterSlice], shards: int) -> float:
    for params in slices:
        params.others.reverse()
    total = ADD_UP(self, slices, shards)
    for params in slices:
        params.others.reverse()
    return total


ADD_UP = Update.add_up


def test_adding_shards_in_another_order_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = rich("samples", 3, "train.batch_size=16")
    run_with(ALONE, config, tmp_path / "alone")
    monkeypatch.setattr(Update, "add_up", add_in_another_order)
    run_with(ALONE, config, tmp_path / "other")
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "alone", tmp_path / "other")


def step_without_waiting(self: ThreadExecutor, batch: Batch) -> None:
    """Take all phases of one shard before the first phase of the next."""
    for shard in self.shards:
        self.workers.run([lambda shard=shard: [phase(batch) for phase in shard.phases]])  # type: ignore[misc,list-item]


@pytest.mark.parametrize("split", NETWORKS)
def test_shards_that_do_not_wait_for_each_other_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    run_with(ALONE, rich(split, 2), tmp_path / "alone")
    monkeypatch.setattr(ThreadExecutor, "step", step_without_waiting)
    run_with(ALONE, rich(split, 2), tmp_path / "other")
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "alone", tmp_path / "other")


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
@pytest.mark.parametrize("lost", ["rate", "epoch", "step", "index"])
@pytest.mark.parametrize("split", NETWORKS)
def test_a_batch_that_reaches_processes_changed_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str, lost: str
) -> None:
    config = rich(split, 2)
    run_with(ALONE, config, tmp_path / "alone")
    take_phases = ProcessExecutor.take_phases

    def changed(self: ProcessExecutor, batch: Batch) -> Any:
        if self.barrier.number:
            batch = Batch(
                batch.index[::-1] if lost == "index" else batch.index,
                batch.epoch + (lost == "epoch"),
                batch.step + 2 * (lost == "step"),
                batch.learning_rate * (1.5 if lost == "rate" else 1),
            )
        return take_phases(self, batch)

    monkeypatch.setattr(ProcessExecutor, "take_phases", changed)
    run_with((2, "processes"), config, tmp_path / "executor")
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "alone", tmp_path / "executor")


# Who computes


def test_the_executors_are_those_that_were_asked_for(tmp_path: Path) -> None:
    for kind in ("threads", "processes"):
        demand_forks(kind)
        with Workers(3, kind) as workers:
            trainer = new_trainer(rich("samples", 2), draw_dataset(), tmp_path, workers)
        assert trainer.engine.kind == kind
        assert isinstance(trainer.engine.executor, ThreadExecutor) is (kind == "threads")
