"""What a run directory says of itself, whatever lies in it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from bpnet.cli.runs_text import when
from bpnet.locks import take_lock
from bpnet.model.checkpoint import load_checkpoint
from bpnet.runs.ending import DIVERGED, Ending, write_ending
from bpnet.runs.entry import (
    DAMAGED,
    FINISHED,
    INTERRUPTED,
    RUNNING,
    RunEntry,
    best_of,
    number_of,
    read_entry,
)
from bpnet.runs.listing import sort_runs
from bpnet.training.run_dir import claimed_run_dir
from bpnet.training.saving import model_record, named_arrays, save_checkpoint
from tests.conftest import Run
from tests.helpers.run_folders import epoch_record, scored, write_run
from tests.helpers.tiny import after, read_config, train


def entry(path: Path) -> RunEntry:
    return read_entry(path, path.name)


def test_a_trained_run_tells_all(tiny_run: Run) -> None:
    run = entry(tiny_run.path)
    assert (run.state, run.problem) == (FINISHED, None)
    assert (run.config, run.seed, run.epochs, run.planned) == ("net", 1, 3, 3)
    assert run.dataset == f"idx {tiny_run.config.with_name('pictures')}"
    assert run.scores["test_accuracy"] == tiny_run.said["test_accuracy"]
    assert (run.test_samples, run.held_out) == (50, 20)
    assert run.seconds == tiny_run.said["seconds"]
    assert run.started is not None
    assert run.bytes == sum(path.stat().st_size for path in tiny_run.path.iterdir())
    lines = (tiny_run.path / "metrics.jsonl").read_text().splitlines()
    history = [json.loads(line) for line in lines]
    best = max(record["validation_accuracy"] for record in history)
    assert run.scores["validation_accuracy"] == best
    assert run.scores["train_loss"] == history[-1]["train_loss"]


def test_the_scores_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    run = entry(write_run(tmp_path / "a", [0.5, 0.9, 0.9]))
    assert (run.best_epoch, run.scores["validation_accuracy"]) == (2, 0.9)
    assert (run.seconds, "test_accuracy" in run.scores) == (6.0, False)


def test_equal_accuracies_are_decided_by_the_loss_and_then_by_the_epoch() -> None:
    assert best_of([epoch_record(1, 0.9, 0.3), epoch_record(2, 0.9, 0.2)]) == 2
    assert best_of([epoch_record(1, 0.9), epoch_record(2, 0.9)]) == 1
    assert best_of([epoch_record(1, None), epoch_record(2, None)]) == 2
    assert best_of([]) is None


def test_a_run_with_epochs_left_is_interrupted(tmp_path: Path) -> None:
    train(read_config(), tmp_path / "run", should_stop=after(7))
    (tmp_path / "run" / "config.ini").write_text("[train]\nepochs = 3\nseed = 1\n")
    run = entry(tmp_path / "run")
    assert (run.state, run.epochs, run.planned) == (INTERRUPTED, 1, 3)


def test_a_run_that_stopped_early_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["train.early_stopping=1"]
    path = write_run(tmp_path / "a", [0.9, 0.5], settings=settings, result=scored(0.8))
    assert entry(path).state == FINISHED
    (path / "result.json").unlink()
    record = {"progress": {"stopped_early": True}}
    monkeypatch.setattr("bpnet.model.checkpoint.load_record", lambda path: record)
    assert entry(path).state == FINISHED  # the checkpoint knows it
    record["progress"]["stopped_early"] = False
    assert entry(path).state == INTERRUPTED


def test_a_locked_run_is_running_even_while_files_are_missing(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a")
    with claimed_run_dir(path, resumes=True):
        assert entry(path).state == RUNNING
        (path / "metrics.jsonl").unlink()
        assert (entry(path).state, entry(path).problem) == (RUNNING, None)
    assert entry(path).state == DAMAGED


def test_looking_takes_no_lock_and_leaves_none(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a")
    before = {one: one.stat().st_mtime_ns for one in path.iterdir()}
    entry(path)
    assert {one: one.stat().st_mtime_ns for one in path.iterdir()} == before
    lock = take_lock(path / ".lock")
    assert lock is not None
    lock.close()  # as a killed process leaves it
    assert entry(path).state == FINISHED


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("config.ini", None, "config.ini cannot be read"),
        ("config.ini", b"\xff\xfe", "config.ini cannot be read"),
        ("config.ini", b"", "no settings"),
        ("config.ini", b"[train]\nepochs\n", "config.ini cannot be read"),
        ("metrics.jsonl", None, "metrics.jsonl cannot be read"),
        ("metrics.jsonl", b"{", "metrics cannot be read"),
        ("metrics.jsonl", b"[1]\n", "metrics cannot be read"),
        ("metrics.jsonl", b'{"epoch": 7}\n', "other numbers"),
        ("metrics.jsonl", b"[" * 100_000, "metrics cannot be read"),
        ("environment.json", b"[]", "environment.json cannot be read"),
        ("result.json", b"nonsense", "result.json cannot be read"),
        ("note.txt", b"\xff", "note.txt cannot be read"),
    ],
)
def test_what_cannot_be_read_makes_a_damaged_run(
    tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    path = write_run(tmp_path / "a", result=scored(0.9), environment={})
    (path / name).unlink(missing_ok=True)
    if content is not None:
        (path / name).write_bytes(content)
    run = entry(path)
    assert run.state == DAMAGED
    assert run.problem is not None
    assert problem in run.problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["config.ini", "metrics.jsonl", "result.json", "note.txt"])
def test_no_named_pipe_is_waited_for(tmp_path: Path, name: str) -> None:
    path = write_run(tmp_path / "a")
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)
    assert "a named pipe" in str(entry(path).problem)


def test_a_run_without_checkpoints_is_damaged(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a")
    for name in ("last.npz", "best.npz"):
        (path / name).unlink()
    assert (entry(path).state, entry(path).problem) == (DAMAGED, "it has no checkpoint")


def test_odd_values_count_as_unknown(tmp_path: Path) -> None:
    result = {"test_accuracy": "high", "test_loss": 1e999, "seconds": True, "test_samples": None}
    path = write_run(tmp_path / "a", result=result, environment={"config": 7, "started": "soon"})
    run = entry(path)
    assert {name for name in run.scores if name.startswith("test")} == set()
    assert (run.config, run.started, run.seconds) == (None, None, 6.0)
    assert [number_of(value) for value in (True, "1", 10**400, float("nan"), 2)] == [
        *(None, None, None, None, 2.0)
    ]


@pytest.mark.parametrize("zone", ["-14:00", "+00:00", "+14:00"])
@pytest.mark.parametrize("year", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_times_at_the_ends_of_the_calendar_do_no_harm(tmp_path: Path, year: str, zone: str) -> None:
    run = entry(write_run(tmp_path / "a", environment={"started": f"{year}{zone}"}))
    assert when(run.started)
    assert sort_runs([run, run], "started") == [run, run]


def test_the_name_of_a_directory_tells_what_older_runs_did_not_write(tmp_path: Path) -> None:
    run = entry(write_run(tmp_path / "lenet5-20260102-030405-2"))
    assert run.config == "lenet5"
    assert run.started is not None
    assert run.started.startswith("2026-01-02T03:04:05")
    odd = entry(write_run(tmp_path / "mlp-20269999-999999"))
    assert (odd.config, odd.started) == ("mlp", None)
    environment = {"config": "fast", "started": "2026-05-06T07:08:09+02:00"}
    known = entry(write_run(tmp_path / "mlp-20260102-030405", environment=environment))
    assert known.config == "fast"


def test_a_run_that_ended_for_good_says_why(tmp_path: Path) -> None:
    path = write_run(tmp_path / "a", [0.5])
    write_ending(path, Ending("diverged", "in epoch 2"))
    assert (entry(path).state, entry(path).problem) == (DIVERGED, "in epoch 2")
    with claimed_run_dir(path, resumes=True):
        assert entry(path).state == RUNNING
    for content in ("{", "{}", '{"state": "gone", "why": ""}', '{"state": "stopped", "why": 1}'):
        (path / "ending.json").write_text(content)
        assert entry(path).state == DAMAGED


def test_imported_weights_are_not_a_damaged_run(tiny_run: Run, tmp_path: Path) -> None:
    model = load_checkpoint(tiny_run.path / "best.npz").model()
    (tmp_path / "a").mkdir()
    arrays = named_arrays({"parameters": model.network.parameters, "state": model.network.state})
    save_checkpoint(tmp_path / "a" / "best.npz", model_record(model), arrays)
    run = entry(tmp_path / "a")
    assert (run.state, run.problem, run.planned) == ("imported", None, 3)
    shutil.copyfile(tiny_run.path / "best.npz", tmp_path / "a" / "best.npz")
    assert entry(tmp_path / "a").state == DAMAGED  # what is left of a run
