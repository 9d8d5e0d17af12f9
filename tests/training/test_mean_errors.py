"""Mean absolute and squared errors after each epoch, where targets are numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.data.table import load_table
from bpnet.library.figures import epoch_line
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.workers import Workers
from bpnet.nn.sequential import Workspace
from bpnet.training.loop import Trainer
from bpnet.training.run import final_score, prepare_model
from bpnet.training.saving import save_checkpoint
from bpnet.training.stored_run import read_run
from bpnet.training.validation import finite
from bpnet.training.verify import Replay, replay
from tests.helpers.tiny import TABLE, read_config, train

KEYS = ("train_mae", "train_mse", "validation_mae", "validation_mse")


def trained(run_dir: Path, *overrides: str) -> Trainer:
    config = read_config(TABLE, "train.epochs=3", *overrides)
    return train(config, run_dir, load_table(config))


def errors(trainer: Trainer, index: Any) -> tuple[float, float]:
    """Compute both errors of the trainer's weights by hand."""
    samples = trainer.samples
    with trainer.averaged.in_use():
        model = trainer.model.plain()
    outputs = model.outputs(samples.inputs[index], Workspace(model.network, 99, training=False))
    error = outputs.T - samples.targets[index]
    return float(np.abs(error).mean()), float((error**2).mean())


@pytest.mark.parametrize("overrides", [(), ("train.ema=0.9",), ("data.validation=2",)])
def test_they_are_those_of_the_weights_at_the_end_of_an_epoch(
    tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    trainer = trained(tmp_path, *overrides)
    last = trainer.progress.history[-1]
    found = last["train_mae"], last["train_mse"]
    assert found == pytest.approx(errors(trainer, trainer.training), rel=1e-5)
    held_out = last["validation_mae"], last["validation_mse"]
    if len(trainer.validation):
        assert held_out == pytest.approx(errors(trainer, trainer.validation), rel=1e-5)
    else:
        assert held_out == (None, None)
        dataset = load_table(trainer.config)
        with Workers(1) as workers:
            score = final_score(tmp_path / "best.npz", dataset, workers)
        assert found == (score.mean_absolute_error, score.mean_squared_error)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert len({line["train_mae"] for line in lines}) == 3


def test_classes_have_none(tmp_path: Path) -> None:
    assert not set(KEYS) & set(train(read_config(), tmp_path / "a").progress.history[-1])
    questions = trained(tmp_path / "b", "train.loss=binary_cross_entropy")
    assert not set(KEYS) & set(questions.progress.history[-1])


def test_what_is_not_finite_is_null() -> None:
    assert [finite(x) for x in (1.5, None, float("inf"), float("nan"))] == [1.5, None, None, None]


def test_an_epochs_line_tells_them(tmp_path: Path) -> None:
    record = trained(tmp_path, "data.validation=2").progress.history[-1]
    mae, mse, held_mae, held_mse = (f"{record[key]:.4f}" for key in KEYS)
    line = epoch_line(record, 3)
    assert f"  loss {record['train_loss']:.4f}, mae {mae}, mse {mse}  " in line
    loss = record["validation_loss"]
    assert f"  validation loss {loss:.4f}, mae {held_mae}, mse {held_mse}  " in line


def test_a_run_of_an_earlier_version_lacks_them_and_is_verified(tmp_path: Path) -> None:
    trainer = trained(tmp_path)
    assert differing(trainer, tmp_path) == []
    forget(tmp_path, [*KEYS])
    assert differing(trainer, tmp_path) == []
    forget(tmp_path, ["train_loss"], checkpoints=False)
    assert differing(trainer, tmp_path)[0] == "train_loss"


def differing(trainer: Trainer, run_dir: Path) -> list[str]:
    """Train the run anew and return the keys that differ."""
    stored, dataset = read_run(run_dir), load_table(trainer.config)
    with Workers(1) as workers:
        model = prepare_model(stored.config, dataset)
        again = Replay(model, dataset, workers, stored, to_the_end=False)
        return [difference.key for difference in replay(again)]


def forget(run_dir: Path, keys: list[str], *, checkpoints: bool = True) -> None:
    """Take keys out of every epoch that is stored."""

    def without(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{key: line[key] for key in line if key not in keys} for line in lines]

    path = run_dir / "metrics.jsonl"
    lines = without([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    for name in ("last.npz", "best.npz") if checkpoints else ():
        checkpoint = load_checkpoint(run_dir / name)
        progress = checkpoint.record["progress"]
        progress["history"] = without(progress["history"])
        save_checkpoint(run_dir / name, checkpoint.record, checkpoint.arrays)
