"""What the scripts compare: the same work, whatever a preset distorts or averages."""

import sys
from importlib import import_module
from typing import Any

import pytest

from bpnet.config.loading import load_config
from bpnet.config.presets import preset_paths
from tests.helpers.places import PROJECT

SCRIPTS = PROJECT / "scripts"
NETS = ("mlp", "mlp800", "lenet5", "fast", "convnet")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield import_module
    for name in ("measure_overheads", "peers", "peers.work"):
        sys.modules.pop(name, None)


def test_presets_distort_and_average(script: Any) -> None:
    configs = [load_config(name) for name in NETS]
    assert not all(config.augment.is_identity for config in configs)
    assert any(config.train.ema for config in configs)


@pytest.mark.parametrize("name", sorted(preset_paths()))
def test_a_still_preset_does_neither(script: Any, name: str) -> None:
    config = load_config(name, script("measure_overheads").STILL)
    assert config.augment.is_identity
    assert config.train.ema == 0
    assert not load_config(name, script("measure_overheads").MOVED).augment.is_identity


@pytest.mark.parametrize("name", NETS)
def test_other_frameworks_are_given_the_same_work(
    script: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    work = script("peers.work")
    monkeypatch.setattr(work, "PICTURES", 10)
    config = work.make_work(name, 64).config
    assert config.augment.is_identity
    assert (config.train.ema, config.train.label_smoothing, config.data.validation) == (0, 0, 0)
    assert not config.optimizer.nesterov
