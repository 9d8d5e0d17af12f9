"""Configs and shortcuts for tests of whole runs."""

from pathlib import Path
from typing import Any

import pytest

from bpnet.data.dataset import Dataset
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from bpnet.training.resume import load_for_resume
from bpnet.training.run import build_trainer
from tests.helpers.tiny import draw_dataset, new_trainer

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
    with Workers(workers) as pool:
        blank = new_trainer(config, dataset, run_dir, pool)
        trainer = build_trainer(blank.model, dataset, run_dir, pool, saved, progress)
        trainer.fingerprint = saved.record["fingerprint"]
        trainer.run()
    return trainer


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


class Rising:
    """Give validation scores in a given order, whatever the network."""

    def __init__(self, accuracies: list[float], losses: list[float] | None = None) -> None:
        losses = losses or [1.0] * len(accuracies)
        self.scores = iter(zip(accuracies, losses, strict=True))

    def __call__(self, trainer: Trainer) -> Any:
        accuracy, loss = next(self.scores)
        return type("Score", (), {"accuracy": accuracy, "training_loss": loss})


def scripted(
    monkeypatch: pytest.MonkeyPatch, accuracies: list[float], losses: list[float] | None = None
) -> None:
    scores = Rising(accuracies, losses)
    monkeypatch.setattr(Trainer, "validate", lambda self: scores(self))
