"""The textbook's step: it learns, it can be read in one sitting, and the engine's is the same."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bpnet
from bpnet.config.settings import Config
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization, to_inputs
from bpnet.model.model import Model, build_network
from bpnet.model.workers import Workers, run_all
from bpnet.nn.draws import Draws
from bpnet.nn.sequential import Workspace
from bpnet.training import textbook
from bpnet.training.loop import Trainer
from bpnet.training.optimizers import OPTIMIZERS, build_optimizer
from tests.helpers.fitting import fit
from tests.helpers.tiny import NET, TRAIN, draw_dataset, new_trainer, read_config

PACKAGE = Path(bpnet.__file__).parent
MOST_FILES, MOST_LINES = 9, 1200

CONV = "model.layers=conv 3 kernel=3, relu, maxpool 2, dropout 0.3, flatten, linear 3"
MLP = "model.layers=flatten, linear 9, relu, dropout 0.2, linear 3"
NORM = "model.layers=conv 4 kernel=3, batchnorm, relu, flatten, linear 3"


def by_engine(config: Config, folder: Path, steps: int = 4) -> tuple[Trainer, list[float]]:
    """Take steps with the engine; return the trainer and the losses."""
    with Workers(1) as workers:
        trainer = new_trainer(config, draw_dataset(), folder, workers)
        with trainer.engine:
            losses = [trainer.step(index) for index in batches(trainer, steps)]
    return trainer, losses


def batches(trainer: Trainer, steps: int) -> list[NDArray[np.int64]]:
    size = trainer.config.train.batch_size
    return [trainer.training[step * size :][:size] for step in range(steps)]


def by_textbook(trainer: Trainer, *, fast: bool, steps: int = 4) -> tuple[Model, list[float]]:
    """Take the same steps as the textbook tells them."""
    config, model = trainer.config, trainer.model
    start = build_model(config, model.network.input_shape, 3, Normalization())
    network = build_network(config, model.network.input_shape, 3, fast=fast)
    network.parameters.flat[:] = start.network.parameters.flat
    workspace = Workspace(network, config.train.batch_size, training=True)
    optimizer = build_optimizer(network.parameters, config.optimizer, config.train.grad_clip)
    losses: list[float] = []

    def run() -> None:
        for step, index in enumerate(batches(trainer, steps)):
            inputs = workspace.caches(len(index)).inputs
            to_inputs(trainer.samples.inputs[index], model.normalization, inputs)
            targets = trainer.samples.targets[index]
            rate = trainer.schedule.rate(step)
            draws = Draws(config.train.seed, 0, step)
            losses.append(
                textbook.step(network, workspace, optimizer, inputs, targets, rate, draws)
            )

    failure = run_all([run])  # under the settings of a worker
    assert failure is None
    return Model(config, network, model.normalization, ()), losses


def config_of(layers: str, *more: str) -> Config:
    return read_config(NET + TRAIN, layers, "train.batch_size=20", *more)


def all_numbers(model: Model) -> NDArray[Any]:
    return np.concatenate([model.network.parameters.flat, model.network.state.flat])


@pytest.mark.parametrize("layers", [CONV, MLP, NORM])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("grad_clip", [0.0, 0.5])
def test_one_shard_takes_the_textbooks_step_bit_for_bit(
    tmp_path: Path, layers: str, name: str, grad_clip: float
) -> None:
    settings = (f"optimizer.name={name}", f"train.grad_clip={grad_clip}", "train.shards=1")
    trainer, losses = by_engine(config_of(layers, *settings), tmp_path)
    model, expected = by_textbook(trainer, fast=True)
    assert losses == expected
    if not grad_clip:  # whose norm the engine adds up slice by slice
        assert all_numbers(trainer.model).tobytes() == all_numbers(model).tobytes()
    np.testing.assert_allclose(all_numbers(trainer.model), all_numbers(model), rtol=1e-6)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("layers", "more"),
    [
        (CONV, ("train.shards=3",)),
        (MLP, ("train.shards=3",)),
        (MLP, ("train.split=units",)),
        (MLP, ("train.split=units", "train.shards=3", "train.grad_clip=0.1")),
        (NORM, ("train.shards=1",)),
    ],
)
def test_any_split_takes_the_textbooks_step_within_rounding(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layers: str,
    more: tuple[str, ...],
    fast: bool,
) -> None:
    fit(monkeypatch, micro_batch=3, large_weight=1, parameter_block=5)
    trainer, losses = by_engine(config_of(layers, "model.dtype=float64", *more), tmp_path)
    model, expected = by_textbook(trainer, fast=fast)
    np.testing.assert_allclose(losses, expected, rtol=1e-10)
    np.testing.assert_allclose(
        all_numbers(trainer.model), all_numbers(model), rtol=1e-8, atol=1e-11
    )


def test_another_step_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, _ = by_engine(config_of(CONV, "train.shards=1"), tmp_path)
    right: Any = textbook.step

    def longer(*arguments: Any) -> float:
        loss: float = right(*arguments[:5], 1.01 * arguments[5], arguments[6])
        return loss

    monkeypatch.setattr(textbook, "step", longer)
    model, _ = by_textbook(trainer, fast=True)
    assert not np.allclose(all_numbers(trainer.model), all_numbers(model), rtol=1e-4)


# How much there is to read


def files_of_a_step(preset: str) -> set[Path]:
    """Return the package's files in which a step of a preset, computed plainly, runs code."""
    config = read_config((PACKAGE.parent / "configs" / f"{preset}.ini").read_text(encoding="utf-8"))
    network = build_network(config, (1, 28, 28), 10, fast=False)
    workspace = Workspace(network, 4, training=True)
    optimizer = build_optimizer(network.parameters, config.optimizer)
    inputs = np.random.default_rng(0).normal(size=(1, 28, 28, 4)).astype(np.float32)
    targets = np.arange(4)
    textbook.step(network, workspace, optimizer, inputs, targets, 0.1)
    seen: set[Path] = set()

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        seen.add(Path(frame.f_code.co_filename))

    previous = sys.gettrace()
    sys.settrace(watch)
    try:
        textbook.step(network, workspace, optimizer, inputs, targets, 0.1)
    finally:
        sys.settrace(previous)
    return {path for path in seen if PACKAGE in path.parents}


def test_a_step_of_lenet5_can_be_read_in_one_sitting() -> None:
    files = files_of_a_step("lenet5")
    names = {path.relative_to(PACKAGE).as_posix() for path in files}
    assert {"nn/conv.py", "nn/loss.py", "training/optimizer.py", "training/textbook.py"} <= names
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    assert len(files) <= MOST_FILES, names
    assert lines <= MOST_LINES
