"""What sets runs apart, and how surely one is better than another."""

import math
from pathlib import Path

import pytest

from bpnet.errors import CheckpointError
from bpnet.model.score import wilson_interval
from bpnet.runs.comparison import compare_runs
from tests.helpers.run_folders import scored, write_run


def test_only_what_differs_is_told(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", environment={"numpy": "2.1", "blas": [{"x": 1}], "cpu": "c"})
    two = write_run(
        tmp_path / "b",
        settings=["train.seed=2", "model.layers=flatten, linear 3"],
        environment={"numpy": "2.2", "blas": [{"x": 2}], "cpu": "c", "processor": {"sizes": 1}},
    )
    found = compare_runs([one, two])
    assert found.settings == {
        "model.layers": [
            "conv 3 kernel=3\nrelu\nmaxpool 2\nflatten\nlinear 3",
            "flatten\nlinear 3",
        ],
        "train.seed": ["1", "2"],
    }
    assert found.environment == {
        "numpy": ["2.1", "2.2"],
        "blas": ['[{"x": 1}]', '[{"x": 2}]'],
        "processor.sizes": [None, 1],
    }
    assert (found.intervals, found.advantages) == ([None, None], [])


def test_a_key_that_an_older_config_lacks_has_its_default(tmp_path: Path) -> None:
    one, two = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    path = two / "config.ini"
    path.write_text(path.read_text().replace("nesterov = yes\n", ""))
    assert compare_runs([one, two]).settings == {}


def test_when_a_run_began_is_no_difference_of_its_environment(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", environment={"started": "2026-01-01T00:00:00", "config": "x"})
    assert compare_runs([one, write_run(tmp_path / "b")]).environment == {}


def test_the_interval_of_a_difference_is_newcombes(tmp_path: Path) -> None:
    """The example of the paper: 56 of 70 and 48 of 80 give 0.2 (0.0524 to 0.3339)."""
    one = write_run(tmp_path / "a", result=scored(48 / 80, 80))
    two = write_run(tmp_path / "b", result=scored(56 / 70, 70))
    (found,) = compare_runs([one, two]).advantages
    assert found.accuracy == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert found.is_clear
    bounds = compare_runs([one, two]).intervals[0]
    assert bounds == wilson_interval(48, 80)
    (back,) = compare_runs([two, one]).advantages
    assert math.isclose(back.low, -found.high)


def test_a_small_difference_is_not_clear(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, result=scored(p)) for name, p in (("a", 0.97), ("b", 0.975))]
    (found,) = compare_runs(runs).advantages
    assert not found.is_clear


def test_every_later_run_with_a_score_is_compared_with_the_first(tmp_path: Path) -> None:
    results = (scored(0.9), None, scored(0.5))
    runs = [
        write_run(tmp_path / str(number), result=result) for number, result in enumerate(results)
    ]
    found = compare_runs(runs).advantages
    assert [(one.run, one.over) for one in found] == [(2, 0)]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a")
    with pytest.raises(CheckpointError, match="no run directory"):
        compare_runs([run, tmp_path / "nowhere"])
    with pytest.raises(CheckpointError, match="no run directory"):
        compare_runs([run, run / "last.npz"])
    with pytest.raises(CheckpointError, match="the run cannot be read"):
        compare_runs([run, tmp_path])
    (run / "config.ini").write_text("[train]\nepoch = 3\n")
    with pytest.raises(CheckpointError, match=r"config\.ini cannot be read"):
        compare_runs([run, run])
