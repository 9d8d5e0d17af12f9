"""Which run `last` and `best` stand for."""

from pathlib import Path

import pytest

from bpnet.errors import CheckpointError
from bpnet.runs.choice import Best, best_run, newest_run
from tests.helpers.run_folders import scored, write_run


def best(folder: Path) -> Best:
    return best_run(folder)


def test_the_newest_is_the_one_written_last(tmp_path: Path) -> None:
    write_run(tmp_path / "a", age=5)
    write_run(tmp_path / "study" / "b", age=1)
    write_run(tmp_path / "z", age=9)
    assert newest_run(tmp_path) == tmp_path / "study" / "b"


def test_without_a_run_there_is_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="no run yet"):
            newest_run(folder)
    with pytest.raises(CheckpointError, match="no finished run with a score"):
        best_run(tmp_path)


def test_the_best_has_the_highest_validation_score_whatever_its_test_score(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.5, 0.95, 0.1], result=scored(0.80), age=3)
    write_run(tmp_path / "b", [0.9, 0.9, 0.9], result=scored(0.99), age=2)
    found = best(tmp_path)
    assert (found.run.name, found.by, found.among) == ("a", "validation", 2)
    assert "best of 2 runs" in str(found)
    assert "by validation: accuracy 95.00 %" in str(found)


def test_an_unfinished_or_damaged_run_is_not_the_best(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.99])
    damaged = write_run(tmp_path / "b", [0.99] * 3)
    (damaged / "metrics.jsonl").write_text("{")
    lost = write_run(tmp_path / "c", [0.99] * 3)
    for name in ("last.npz", "best.npz"):
        (lost / name).unlink()
    write_run(tmp_path / "d", [0.5] * 3)
    assert best(tmp_path).run.name == "d"
    assert "the only finished run" in str(best(tmp_path))


def test_a_run_without_validation_does_not_compete_by_its_test_score(tmp_path: Path) -> None:
    none = ["data.validation=0"]
    write_run(tmp_path / "a", [None] * 3, settings=none, result=scored(0.999))
    write_run(tmp_path / "b", [0.6] * 3, result=scored(0.5), age=9)
    found = best(tmp_path)
    assert (found.run.name, found.unvalidated) == ("b", 1)
    assert "left out: 1 without validation" in str(found)


def test_the_test_score_decides_where_no_run_held_samples_out(tmp_path: Path) -> None:
    none = ["data.validation=0"]
    write_run(tmp_path / "a", [None] * 3, settings=none, result=scored(0.7))
    write_run(tmp_path / "b", [None] * 3, settings=none, result=scored(0.8), age=9)
    found = best(tmp_path)
    assert (found.run.name, found.by) == ("b", "test")


def test_runs_on_other_data_are_left_out_and_counted(tmp_path: Path) -> None:
    """The data of the newest finished run count."""
    write_run(tmp_path / "a", [0.99] * 3, settings=["data.dataset=mnist"], age=9)
    write_run(tmp_path / "b", [0.6] * 3, settings=["data.dataset=fashion_mnist"], age=5)
    write_run(tmp_path / "c", [0.5] * 3, settings=["data.dataset=fashion_mnist"])
    found = best(tmp_path)
    assert (found.run.name, found.among, found.other_data) == ("b", 2, 1)
    assert "on fashion_mnist" in str(found)
    assert "left out: 1 of other data" in str(found)


def test_of_numbers_the_smallest_error_is_the_best(tmp_path: Path) -> None:
    for name, error in (("a", 0.2), ("b", 0.1), ("c", 0.3)):
        result = {"test_loss": error, "test_mse": error, "test_samples": 4}
        write_run(tmp_path / name, [None] * 3, result=result, table=True)
    found = best(tmp_path)
    assert (found.run.name, found.by) == ("b", "test")
    assert "mse 0.1" in str(found)


def test_of_equal_runs_the_newest_is_taken(tmp_path: Path) -> None:
    write_run(tmp_path / "a", age=3)
    write_run(tmp_path / "b", age=1)
    write_run(tmp_path / "c", age=2)
    assert best(tmp_path).run.name == "b"
