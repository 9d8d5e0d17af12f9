"""`bpnet runs`: listed, compared, exported, noted; and the names that stand for runs."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bpnet.cli.runs import SORT_KEYS, STATES
from bpnet.cli.runs_text import duration, size, when
from bpnet.runs import entry, listing
from tests.conftest import TINY, Run
from tests.helpers.places import PROJECT
from tests.helpers.run_folders import scored, write_run
from tests.helpers.tiny import NET, TRAIN, bpnet, fail, succeed


@pytest.fixture(autouse=True)
def _one_worker(here: Path) -> None:
    """Start no processes: most of these runs take milliseconds."""
    (here / TINY).write_text(f"{NET}{TRAIN}workers = 1\n", encoding="utf-8")


def listed(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed("runs", *words, "--json").out)
    return found


def names(*words: object) -> list[str]:
    return [run["name"] for run in listed(*words)["runs"]]


@pytest.fixture
def runs(here: Path) -> Path:
    """Work where there are some runs of different kinds, and return their folder."""
    folder = here / "runs"
    write_run(
        folder / "mlp-a",
        [0.5, 0.9, 0.8],
        result=scored(0.88),
        environment={"config": "mlp", "started": "2026-01-02T03:04:05+00:00", "numpy": "2.1"},
        age=9,
    )
    write_run(
        folder / "lenet5-b",
        [0.95, 0.96, 0.97],
        settings=["train.seed=7"],
        result=scored(0.96),
        environment={"config": "lenet5", "started": "2026-01-03T03:04:05+00:00", "numpy": "2.2"},
    )
    write_run(folder / "mlp-c", [0.6], environment={"config": "mlp"})
    (folder / "mlp-c" / "note.txt").write_text("half the learning rate, and far more words\n")
    damaged = write_run(folder / "mlp-d", environment={"config": "mlp"})
    (damaged / "metrics.jsonl").write_text("{")
    (folder / "pictures").mkdir()
    return folder


# The list


def test_a_listed_run_has_these_keys(tiny_run: Run) -> None:
    found = listed(tiny_run.path)
    assert list(found) == ["folder", "runs", "left_out", "other_folders"]
    (run,) = found["runs"]
    assert list(run) == [
        *("name", "run_dir", "config", "dataset", "seed", "state", "problem"),
        *("epochs", "planned_epochs", "best_epoch"),
        *("train_accuracy", "train_loss", "train_mae", "train_mse"),
        *("validation_accuracy", "validation_loss", "validation_mae", "validation_mse"),
        *("test_accuracy", "test_loss", "test_mae", "test_mse", "test_samples"),
        *("started", "seconds", "bytes", "note"),
    ]
    assert (run["run_dir"], run["state"]) == (str(tiny_run.path), "finished")


def test_the_table_shows_what_there_is_to_know(runs: Path) -> None:
    answer = succeed("runs")
    head, *rows = answer.out.splitlines()
    assert head.split() == [
        *("run", "config", "seed", "epochs", "validation", "test"),
        *("started", "took", "size", "state", "note"),
    ]
    assert [row.split()[0] for row in rows] == ["lenet5-b", "mlp-a", "mlp-c", "mlp-d"]
    (a,) = (row for row in rows if row.startswith("mlp-a"))
    for part in ("90.00 %", "88.00 %", "3/3", "finished", "9.0 s"):
        assert part in a
    (c,) = (row for row in rows if row.startswith("mlp-c"))
    assert "interrupted" in c
    assert c.endswith("half the learning rate, and far more wo…")
    assert "mlp-d is damaged: the metrics cannot be read" in answer.err
    assert "1 folder that holds no run: pictures" in answer.err


def test_runs_are_filtered_and_sorted(runs: Path) -> None:
    assert names("--config", "mlp", "--sort", "name") == ["mlp-a", "mlp-c", "mlp-d"]
    assert names("--finished", "--sort", "validation") == ["lenet5-b", "mlp-a"]
    assert names("--finished", "--sort", "validation", "--reverse") == ["mlp-a", "lenet5-b"]
    assert names("--state", "damaged", "--state", "interrupted") == ["mlp-c", "mlp-d"]
    assert names("--note", "LEARNING") == ["mlp-c"]
    assert names("--min-accuracy", 0.95) == ["lenet5-b"]
    assert names("--seed", 7, "--dataset", "idx") == ["lenet5-b"]
    assert listed("--seed", 7)["left_out"] == 3
    assert "3 other runs in" in succeed("runs", "--seed", 7).err


def test_diverged_runs_are_told_until_they_go_on(here: Path) -> None:
    words = ("--set", "optimizer.learning_rate=1e30", "--set", "schedule.name=constant")
    fail(5, "train", "--config", "tiny.ini", "--run-dir", "runs/a", *words)
    answer = succeed("runs")
    assert " diverged" in answer.out
    assert "a: training diverged" in answer.err
    assert "(epoch 1, step " in answer.err
    assert names("--state", "diverged") == ["a"]
    fail(5, "train", "--resume", "runs/a")
    assert listed()["runs"][0]["state"] == "diverged"


def test_the_choices_are_those_of_the_library() -> None:
    assert tuple(listing.SORT_KEYS) == SORT_KEYS
    assert entry.STATES == STATES


def test_before_the_first_run_there_is_a_command_to_make_one(here: Path) -> None:
    answer = succeed("runs")
    assert answer.out == ""
    assert "there is no run in" in answer.err
    assert "/opt/bpnet train quickstart" in answer.err
    assert listed()["runs"] == []
    assert "no folder of runs here" in fail(4, "runs", "nowhere")


def test_a_word_is_a_command_first_and_else_a_folder(runs: Path, here: Path) -> None:
    (here / "study").mkdir()
    write_run(here / "study" / "x")
    assert names("study") == names("list", "study") == ["x"]
    write_run(here / "compare" / "y")
    assert names("./compare") == ["y"]
    assert "name at least two runs" in fail(2, "runs", "compare", "last")
    assert "Examples:" in succeed("runs", "--help").out
    assert "--finished is --state finished" in fail(2, "runs", "--finished", "--state", "damaged")
    assert "nan is not a fraction" in fail(2, "runs", "--min-accuracy", "nan")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read_is_passed_over(runs: Path) -> None:
    (runs / "mlp-a").chmod(0)
    try:
        assert "mlp-a" not in names()
    finally:
        (runs / "mlp-a").chmod(0o755)


def test_it_works_from_a_shell(runs: Path, here: Path) -> None:
    done = bpnet("runs", "--sort", "test", cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("lenet5-b")


def test_a_name_that_a_terminal_would_obey_is_written_out(here: Path) -> None:
    write_run(here / "runs" / "a\x1b[2J")
    answer = succeed("runs")
    assert "a\\x1b[2J" in answer.out
    assert "\x1b" not in answer.out + answer.err


def test_durations_sizes_and_times_are_short() -> None:
    texts = [duration(value) for value in (None, 3.21, 61, 3599, 3600, 86_399)]
    assert texts == ["–", "3.2 s", "1 min 1 s", "59 min 59 s", "1 h 0 min", "24 h 0 min"]
    texts = [size(value) for value in (0, 999, 1000, 99_940, 123_456, 999_499, 5 * 10**9)]
    assert texts == ["0 B", "999 B", "1.0 kB", "99.9 kB", "123 kB", "999 kB", "5.0 GB"]
    assert when(None) == "–"
    assert when("2026-01-02T03:04:05").startswith("2026-01-02 03:04")


# Comparing


def test_a_comparison_has_these_keys(runs: Path) -> None:
    words = ("runs", "compare", "runs/mlp-a", "runs/lenet5-b", "--json")
    found = json.loads(succeed(*words).out)
    assert list(found) == ["runs", "settings", "environment", "differences"]
    assert found["settings"] == {"train.seed": ["1", "7"]}
    assert found["environment"] == {"numpy": ["2.1", "2.2"]}
    (one,) = found["differences"]
    assert list(one) == ["run_dir", "than", "accuracy", "low", "high", "clear"]
    assert (one["run_dir"], one["than"]) == (str(runs / "lenet5-b"), str(runs / "mlp-a"))
    assert one["accuracy"] == pytest.approx(0.08)
    assert one["clear"] is True
    for run in found["runs"]:
        assert run["test_accuracy_low"] < run["test_accuracy"] < run["test_accuracy_high"]


def test_a_reader_sees_what_differs(runs: Path) -> None:
    out = succeed("runs", "compare", "runs/mlp-a", "runs/lenet5-b").out
    assert "settings, where different" in out
    assert "environment, where different" in out
    assert "lenet5-b  +8.00 points" in out
    assert "(+5.66 to +10.40): a difference" in out
    same = succeed("runs", "compare", "runs/mlp-a", "runs/mlp-a/../mlp-a").out
    assert "settings: no difference" in same
    assert "no clear difference" in same


def test_runs_of_one_name_are_told_apart(here: Path) -> None:
    for folder in ("one", "two"):
        write_run(here / folder / "seed1")
    out = succeed("runs", "compare", "one/seed1", "two/seed1").out
    assert "one/seed1" in out
    assert "two/seed1" in out


def test_what_cannot_be_compared_is_told(runs: Path) -> None:
    assert "the run cannot be read" in fail(4, "runs", "compare", "runs/mlp-a", "runs/mlp-d")
    assert "no run directory here" in fail(4, "runs", "compare", "runs/mlp-a", "runs/mlp-z")


# Export


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_runs_are_exported_with_the_settings_that_differ(runs: Path, here: Path) -> None:
    table = rows(succeed("runs", "export").out)
    assert [row["name"] for row in table] == ["lenet5-b", "mlp-a", "mlp-c", "mlp-d"]
    assert [row["train.seed"] for row in table] == ["7", "1", "1", "1"]
    assert table[1]["validation_accuracy"] == "0.9"
    assert table[2]["test_accuracy"] == ""
    assert "train.epochs" not in table[0]
    answer = succeed("runs", "export", "-o", "runs.csv")
    assert (answer.out, answer.err) == ("", f"4 runs in {here / 'runs.csv'}\n")
    assert rows((here / "runs.csv").read_text("utf-8")) == table


def test_runs_are_exported_as_json_with_all_settings(runs: Path, here: Path) -> None:
    found = json.loads(succeed("runs", "export", "--json").out)
    assert found[0]["settings"]["train.batch_size"] == "16"
    succeed("runs", "export", "-o", "runs.json")
    assert json.loads((here / "runs.json").read_text("utf-8")) == found


def test_epochs_are_exported_as_they_were_recorded(runs: Path) -> None:
    table = rows(succeed("runs", "export", "--per-epoch").out)
    assert [row["name"] for row in table] == ["lenet5-b"] * 3 + ["mlp-a"] * 3 + ["mlp-c"]
    assert [row["validation_accuracy"] for row in table[3:6]] == ["0.5", "0.9", "0.8"]
    found = json.loads(succeed("runs", "export", "--per-epoch", "--json").out)
    assert [(row["name"], row["epoch"]) for row in found[:2]] == [("lenet5-b", 1), ("lenet5-b", 2)]


@pytest.mark.parametrize("words", [("runs.xlsx",), ("runs",), ("-",), ("runs.csv", "--json")])
def test_a_table_has_a_name_that_tells_its_format(here: Path, words: tuple[str, ...]) -> None:
    assert "a name that ends in ." in fail(2, "runs", "export", "-o", *words)
    assert not (here / words[0]).exists()


def test_nothing_to_export_is_a_table_without_rows(here: Path) -> None:
    assert rows(succeed("runs", "export").out) == []
    assert succeed("runs", "export").out.startswith("name,run_dir,config")
    assert succeed("runs", "export", "--per-epoch").out == "name,epoch\n"
    assert "no such folder" in fail(3, "runs", "export", "-o", "nowhere/runs.csv")


# Notes


def test_a_note_is_shown_replaced_and_removed(runs: Path) -> None:
    assert succeed("runs", "note", "runs/mlp-c").out.startswith("half the learning rate")
    succeed("runs", "note", "last", "a new one")
    assert succeed("runs", "note", "last").out == "a new one\n"
    succeed("runs", "note", "last", "")
    answer = succeed("runs", "note", "last")
    assert (answer.out, "has no note" in answer.err) == ("", True)
    assert "there is no run here" in fail(4, "runs", "note", "runs/pictures", "x")


# last and best


@pytest.fixture
def trained(here: Path) -> Path:
    """Work where two runs were trained, of which the first one is the better, and return that."""
    folder = here / "runs"
    succeed("train", TINY, "--run-dir", folder / "good", "--epochs", 6)
    succeed("train", TINY, "--run-dir", folder / "poor", "--set", "optimizer.learning_rate=1e-9")
    assert names("--sort", "validation") == ["good", "poor"]
    return folder / "good"


def test_best_stands_for_a_run_wherever_a_checkpoint_can(trained: Path, here: Path) -> None:
    reason = f"best: {trained}, the best of 2 runs on idx"
    answer = succeed("eval", "best", "--json")
    assert json.loads(answer.out)["checkpoint"] == str(trained / "best.npz")
    assert answer.err.startswith(reason)
    assert json.loads(succeed("verify-run", "best", "--json").out)["run_dir"] == str(trained)
    assert str(trained) in succeed("train", "--from", "best", "--epochs", 1).err
    picture = PROJECT / "bpnet" / "assets" / "seven.jpg"
    said = json.loads(succeed("predict", "--checkpoint", "best", picture, "--json").out)
    assert said["checkpoint"] == str(trained / "best.npz")
    pytest.importorskip("jinja2", reason="needs the extra `report`")
    succeed("report", "best", "-o", "page.html")
    assert str(trained) in (here / "page.html").read_text("utf-8")
    again = succeed("train", "--resume", "best", "--epochs", "+1", "--json")
    assert json.loads(again.out)["run_dir"] == str(trained)


def test_where_a_config_can_stand_a_preset_comes_first(trained: Path) -> None:
    answer = succeed("summary", "best")
    assert "checkpoint" not in answer.out
    assert answer.err == f"best is the preset of this name; the best run is {Path('runs/best')}\n"
    assert f"checkpoint {trained / 'best.npz'}" in succeed("summary", "runs/best").out
    assert "poor" in succeed("curves", "last").out
    assert "good" in succeed("curves", "runs/best", "runs/last").out


def test_names_within_another_folder_stand_for_its_runs(trained: Path, here: Path) -> None:
    trained.parent.rename(here / "study")
    said = json.loads(succeed("eval", "study/best", "--json").out)
    assert said["checkpoint"] == str(here / "study" / "good" / "best.npz")
    said = json.loads(succeed("eval", "study/last", "--json").out)
    assert said["checkpoint"] == str(here / "study" / "poor" / "best.npz")
    assert "there is no run yet" in fail(4, "eval", "last")
    assert "no finished run with a score" in fail(4, "eval", "best")
    assert "there is no checkpoint here" in fail(4, "eval", "study/good/best")
    assert "there is no checkpoint here" in fail(4, "eval", "nowhere/last")


def test_a_file_or_folder_of_such_a_name_comes_first(trained: Path, here: Path) -> None:
    (here / "best").mkdir()
    assert "the directory holds no checkpoint" in fail(4, "eval", "best")
