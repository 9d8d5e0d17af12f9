"""Trials: combinations of a grid, or drawn ones, each with a config that was checked."""

import math
from pathlib import Path

import pytest

from bpnet.errors import ConfigError
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.trials import Trial, trials_of
from tests.helpers.sweeps import sweep_file
from tests.helpers.tiny import TABLE


def trials(folder: Path, vary: str, more: str = "", fixed: str = "") -> list[Trial]:
    return trials_of(read_sweep(sweep_file(folder, vary, more, fixed)))


def test_a_grid_holds_every_combination(here: Path) -> None:
    found = trials(here, "train.batch_size = 8, 16\noptimizer.momentum = 0.5, 0.9\n")
    pairs = [tuple(one.settings.values()) for one in found]
    assert pairs == [("8", "0.5"), ("8", "0.9"), ("16", "0.5"), ("16", "0.9")]
    assert [one.number for one in found] == [1, 2, 3, 4]
    assert found[0].epochs == 3


def test_drawn_values_lie_within_their_bounds_and_come_again(here: Path) -> None:
    vary = "optimizer.learning_rate = 0.001 to 1 log\ntrain.batch_size = 8 to 10\n"
    vary += "model.init = he, glorot\noptimizer.momentum = 0.2 to 0.4\n"
    found = trials(here, vary, "method = random\ntrials = 200")
    assert found[:50] == trials(here, vary, "method = random\ntrials = 50")
    assert found != trials(here, vary, "method = random\ntrials = 200\ndraw_seed = 2")
    rates = [float(one.settings["optimizer.learning_rate"]) for one in found]
    assert 0.001 <= min(rates) < 0.003
    assert 0.3 < max(rates) <= 1
    assert -1.8 < sum(map(math.log10, rates)) / len(rates) < -1.2  # the middle of the logarithms
    assert {one.settings["train.batch_size"] for one in found} == {"8", "9", "10"}
    assert {one.settings["model.init"] for one in found} == {"he", "glorot"}
    momenta = [float(one.settings["optimizer.momentum"]) for one in found]
    assert 0.2 <= min(momenta) < max(momenta) <= 0.4


def test_a_config_that_does_not_work_is_told_with_its_line_in_the_sweep(here: Path) -> None:
    vary = "model.layers =\n    flatten, linear 3\n    flatten, linear 0\n"
    with pytest.raises(ConfigError, match=r"rates\.ini:8: \[model\] layers"):
        trials(here, vary)


def test_there_must_be_samples_to_compare_by(here: Path) -> None:
    with pytest.raises(ConfigError, match="held out"):
        trials(here, "train.batch_size = 8\n", fixed="data.validation = 0")


def test_too_many_runs_are_refused(here: Path) -> None:
    with pytest.raises(ConfigError, match="too many runs"):
        trials(here, "train.batch_size = 8\n", "method = random\ntrials = 5001\nseeds = 1-2")


def test_nothing_is_drawn_twice(here: Path) -> None:
    vary = "train.batch_size = 8 to 10\nmodel.init = he, glorot\n"
    found = trials(here, vary, "method = random\ntrials = 6")
    assert len({tuple(one.settings.values()) for one in found}) == 6
    assert found[:3] == trials(here, vary, "method = random\ntrials = 3")
    with pytest.raises(ConfigError, match="fewer different trials") as raised:
        trials(here, vary, "method = random\ntrials = 7")
    assert raised.value.parts["expected"] == "[sweep] trials = 6, or less"


def test_numbers_have_no_accuracy_to_compare_by(here: Path) -> None:
    (here / "tiny.ini").write_text(TABLE, "utf-8")
    fixed = "data.validation = 1"
    with pytest.raises(ConfigError, match="learn numbers"):
        trials(here, "train.batch_size = 1, 2\n", fixed=fixed)
    found = trials(here, "train.batch_size = 1, 2\n", "goal = validation_loss", fixed)
    assert len(found) == 2
