"""Runs below a folder: found, filtered, sorted."""

import os
from pathlib import Path

import pytest

from bpnet.errors import CheckpointError
from bpnet.runs.listing import SORT_KEYS, Wanted, accuracy_of, list_runs, sort_runs
from tests.helpers.run_folders import scored, write_run


def names(folder: Path, wanted: Wanted | None = None) -> list[str]:
    wanted = wanted or Wanted()
    return [run.name for run in list_runs(folder).runs if wanted(run)]


def test_runs_are_found_at_any_depth_and_other_folders_counted(tmp_path: Path) -> None:
    write_run(tmp_path / "b")
    write_run(tmp_path / "study" / "seed2")
    write_run(tmp_path / "study" / "seed1")
    write_run(tmp_path / "b" / "within")  # belongs to the run that it lies in
    write_run(tmp_path / ".hidden" / "a")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "config.ini").write_text("[train]\n")
    (tmp_path / "notes.txt").write_text("x")
    listing = list_runs(tmp_path)
    assert [run.name for run in listing.runs] == ["b", "study/seed1", "study/seed2"]
    assert [path.name for path in listing.others] == ["configs", "pictures"]
    assert [run.name for run in list_runs(tmp_path / "b").runs] == ["b"]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("nowhere", "file", "a\0b", "n" * 300):
        with pytest.raises(CheckpointError, match="no folder of runs"):
            list_runs(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="makes symbolic links")
def test_links_are_not_followed_in_circles(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "same").symlink_to(tmp_path / "a")
    assert names(tmp_path) == ["a", "same"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["a", "b", "c", "d"]),
        (Wanted(configs=["mlp"]), ["b"]),
        (Wanted(configs=["mlp", "fast"]), ["b", "c"]),
        (Wanted(datasets=["table"]), ["d"]),
        (Wanted(seeds=[7]), ["b"]),
        (Wanted(states=["interrupted"]), ["a"]),
        (Wanted(word="half"), ["c"]),
        (Wanted(min_accuracy=0.9), ["b", "c"]),
        (Wanted(min_accuracy=0.95), ["c"]),
    ],
)
def test_runs_are_chosen_by_what_they_are(tmp_path: Path, wanted: Wanted, found: list[str]) -> None:
    write_run(tmp_path / "a", [0.6])
    write_run(tmp_path / "b", settings=["train.seed=7"], environment={"config": "mlp"})
    write_run(
        tmp_path / "c",
        [None] * 3,
        settings=["data.validation=0"],
        result=scored(0.97),
        environment={"config": "fast"},
    )
    (tmp_path / "c" / "note.txt").write_text("Half the rate\n")
    write_run(tmp_path / "d", [None] * 3, table=True)
    assert names(tmp_path, wanted) == found


def test_the_test_score_chooses_no_run_that_was_validated(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.6, 0.6, 0.6], result=scored(0.99))
    (run,) = list_runs(tmp_path).runs
    assert accuracy_of(run) == 0.6


def test_runs_are_sorted_and_those_without_a_value_come_last(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [0.7], result=scored(0.2))
    write_run(tmp_path / "b", [0.9], settings=["train.seed=3"])
    write_run(tmp_path / "c", [None], settings=["data.validation=0", "train.seed=2"])
    runs = list_runs(tmp_path).runs

    def order(key: str, *, reverse: bool = False) -> str:
        return "".join(run.name for run in sort_runs(runs, key, reverse=reverse))

    assert (order("validation"), order("validation", reverse=True)) == ("bac", "abc")
    assert (order("name"), order("name", reverse=True)) == ("abc", "cba")
    assert (order("seed"), order("test")) == ("acb", "abc")
    assert all(sorted(order(key)) == ["a", "b", "c"] for key in SORT_KEYS)


def test_beginnings_in_other_time_zones_are_sorted_as_moments(tmp_path: Path) -> None:
    for name, started in (("a", "2026-01-01T12:00:00+05:00"), ("b", "2026-01-01T09:00:00+00:00")):
        write_run(tmp_path / name, environment={"started": started})
    runs = sort_runs(list_runs(tmp_path).runs, "started")
    assert [run.name for run in runs] == ["b", "a"]
