"""Random runs, interrupted at random: a few of those that `scripts/check_resume.py` tries."""

import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.model.checkpoint import load_checkpoint
from bpnet.training.loop import Trainer
from bpnet.training.saving import save_checkpoint
from tests.helpers.places import PROJECT

RUNS = 6


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    yield import_module("check_resume")
    for name in ("check_resume", "random_configs"):
        sys.modules.pop(name, None)


def test_interrupted_runs_are_the_uninterrupted_ones(scripts: Any) -> None:
    dataset, tried = scripts.draw_dataset(), Counter[str]()
    for number in range(RUNS):
        case = scripts.RandomConfig(7, number)
        differences, events = scripts.check(case, dataset)
        assert differences == [], case.text()
        tried.update(events)
    assert all(tried[event] for event in ("stopped", "killed", "extended"))


def test_a_config_follows_from_its_seed_and_number(scripts: Any) -> None:
    texts = [scripts.RandomConfig(seed, number).text() for seed in (1, 2) for number in (0, 1)]
    assert len(set(texts)) == 4
    assert scripts.RandomConfig(2, 1).text() == texts[-1]


def test_configs_cover_everything_that_is_promised(scripts: Any) -> None:
    configs = [scripts.RandomConfig(1, number).config() for number in range(200)]
    words = {word for config in configs for word in scripts.options_of(config)}
    rules = ("sgd", "adam", "adamw", "rmsprop", "adagrad")
    courses = ("constant", "step", "cosine", "one_cycle")
    losses = ("cross_entropy", "binary_cross_entropy", "mse", "quadratic")
    distortions = (
        "shift",
        "rotate",
        "scale",
        "shear",
        "elastic_alpha",
        "thickness",
        "cutout",
        "flip",
    )
    assert words >= {
        *(f"optimizer {name}" for name in rules),
        *(f"schedule {name}" for name in courses),
        *(f"loss {name}" for name in losses),
        *(f"augment.{name}" for name in distortions),
        *("momentum 0", "nesterov", "weight_decay", "warmup", "final", "ema", "early_stopping"),
        *("grad_clip", "label_smoothing", "validation 0", "a short last batch", "layer dropout"),
        *("batchnorm behind conv", "batchnorm behind linear", "split samples", "split units"),
        *("dtype float32", "dtype float64", "shards 1", "shards 2", "shards 3"),
        *("checkpoint.every 1", "checkpoint.every 2", "checkpoint.every 3"),
    }


@pytest.mark.parametrize("name", ["last.npz", "best.npz"])
def test_one_bit_is_a_difference(scripts: Any, tmp_path: Path, name: str) -> None:
    def trained(folder: Path) -> Path:
        story = scripts.Story(scripts.RandomConfig(7, 0), scripts.draw_dataset(), folder)
        return story.undisturbed()  # type: ignore[no-any-return]

    one, other = trained(tmp_path / "one"), trained(tmp_path / "other")
    assert scripts.compare(one, other) == []
    checkpoint = load_checkpoint(other / name)
    key = next(key for key in checkpoint.arrays if key.startswith("parameters"))
    checkpoint.arrays[key].view(np.uint8).flat[0] ^= 1
    save_checkpoint(other / name, checkpoint.record, checkpoint.arrays)
    (found,) = scripts.compare(one, other)
    assert found.file == name
    assert found.key.startswith(key)


def test_a_run_that_forgets_something_is_found(
    scripts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = Trainer.restore

    def forgetful(self: Trainer, *arguments: Any) -> None:
        restore(self, *arguments)
        for memory in self.optimizer.memories.values():
            memory.flat[:] = 0

    monkeypatch.setattr(Trainer, "restore", forgetful)
    differences, _ = scripts.check(scripts.RandomConfig(7, 0), scripts.draw_dataset())
    assert differences
