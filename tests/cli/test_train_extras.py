"""What `bpnet train` leaves besides checkpoints: result, note, metrics.csv, event files."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bpnet.cli.bars import RunDisplay
from bpnet.errors import CheckpointError
from bpnet.files import write_text
from tests.conftest import TINY, Run
from tests.helpers.tiny import NET, TRAIN, fail, succeed


@pytest.fixture(autouse=True)
def _one_worker(here: Path) -> None:
    """Start no processes: most of these runs take milliseconds."""
    (here / TINY).write_text(f"{NET}{TRAIN}workers = 1\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# The result


def test_the_result_is_what_train_said(tiny_run: Run) -> None:
    result = read(tiny_run.path / "result.json")
    moved = {"run_dir", "best_checkpoint", "last_checkpoint", "report"}
    assert {key: value for key, value in tiny_run.said.items() if key not in moved} == {
        key: result[key] for key in tiny_run.said if key not in moved
    }
    assert (result["test_samples"], result["test_mae"]) == (50, None)


def test_an_extension_has_no_result_until_it_ends(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed("train", TINY, "--run-dir", "run")
    with monkeypatch.context() as patch:

        def stopped(*arguments: object) -> None:
            raise CheckpointError("the disk is full")

        patch.setattr(RunDisplay, "epoch_ended", stopped)
        fail(4, "train", "--resume", "run", "--epochs", "+2")
    assert not (here / "run" / "result.json").exists()
    succeed("train", "--resume", "run")
    assert read(here / "run" / "result.json")["epochs"] == 5


def test_a_run_that_ended_before_its_test_gets_its_result_when_it_is_resumed(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run")
    whole = read(here / "run" / "result.json")
    (here / "run" / "result.json").unlink()
    succeed("train", "--resume", "run")
    again = read(here / "run" / "result.json")
    assert {key: again[key] for key in whole if key != "seconds"} == {
        key: value for key, value in whole.items() if key != "seconds"
    }


@pytest.mark.parametrize("name", ["result.json", "metrics.csv", "note.txt"])
def test_a_file_of_the_users_is_not_replaced(here: Path, name: str) -> None:
    (here / "run").mkdir()
    (here / "run" / name).write_text("mine")
    message = fail(4, "train", TINY, "--run-dir", "run")
    assert name in message
    assert (here / "run" / name).read_text() == "mine"


def test_a_result_that_cannot_be_written_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        if path.name == "result.json":
            raise OSError(28, "No space left on device")
        write_text(path, text)

    monkeypatch.setattr("bpnet.training.run.write_text", full)
    message = fail(4, "train", TINY, "--run-dir", "run")
    assert "the result cannot be written" in message
    assert "free some disk space" in message


# A finished run


def test_resuming_a_finished_run_says_how_to_extend_it(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run")
    answer = succeed("train", "--resume", "run", "--data-dir", here)
    first, second = answer.err.splitlines()
    assert first.startswith("finished after epoch 3: ")
    command = f"/opt/bpnet train --resume {here / 'run'} --epochs +2 --data-dir {here}"
    assert second == f"nothing is left to train; to extend the run: {command}"
    assert "test accuracy" in answer.out
    succeed(*command.split()[1:])


# Name, beginning and note


def test_name_beginning_and_note_stay_those_of_the_run(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run", "--note", "first try", "--epochs", 1)
    before = read(here / "run" / "environment.json")
    assert before["config"] == "tiny"
    (here / "run" / "environment.json").write_text(
        json.dumps(before | {"started": "2026-01-01T00:00:00+00:00"})
    )
    succeed("train", "--resume", "run", "--epochs", "+1")
    after = read(here / "run" / "environment.json")
    assert (after["config"], after["started"]) == ("tiny", "2026-01-01T00:00:00+00:00")
    succeed("train", "--resume", "run", "--run-dir", "copy", "--epochs", "+1")
    assert read(here / "copy" / "environment.json")["started"] == "2026-01-01T00:00:00+00:00"
    for folder in ("run", "copy"):
        assert (here / folder / "note.txt").read_text() == "first try\n"
    succeed("train", "--resume", "run", "--note", "second")
    assert (here / "run" / "note.txt").read_text() == "second\n"


def test_a_run_of_another_runs_config_has_its_name(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run", "--epochs", 1)
    succeed("train", "run/config.ini", "--run-dir", "again")
    succeed("train", "--from", "run", "--run-dir", "from")
    for folder in ("again", "from"):
        assert read(here / folder / "environment.json")["config"] == "tiny"


def test_a_run_of_an_earlier_version_has_neither_name_nor_beginning(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run", "--epochs", 1)
    (here / "run" / "environment.json").unlink()
    succeed("train", "--resume", "run", "--epochs", "+1")
    environment = read(here / "run" / "environment.json")
    assert (environment["config"], environment["started"]) == (None, None)


def test_a_note_that_is_too_long_is_refused_before_training(here: Path) -> None:
    assert "the note is too long" in fail(2, "train", TINY, "--note", "x" * 10_001)
    assert not (here / "runs").exists()


# metrics.csv


def test_the_table_holds_what_metrics_jsonl_does_also_after_a_resumption(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run", "--csv", "--epochs", 2)
    succeed("train", "--resume", "run", "--epochs", "+2")
    lines = (here / "run" / "metrics.jsonl").read_text().splitlines()
    rows = table(here / "run" / "metrics.csv")
    assert len(rows) == len(lines) == 4
    for row, line in zip(rows, lines, strict=True):
        record = json.loads(line)
        assert list(row) == list(record)
        assert {key: json.loads(value) for key, value in row.items()} == record
    succeed("train", "--resume", "run", "--run-dir", "copy", "--epochs", "+1")
    assert len(table(here / "copy" / "metrics.csv")) == 5


def test_values_that_do_not_apply_are_empty(here: Path) -> None:
    succeed("train", "keras", "--epochs", 2, "--run-dir", "run", "--csv")
    rows = table(here / "run" / "metrics.csv")
    assert rows[0]["validation_accuracy"] == ""
    assert float(rows[1]["train_mse"]) > 0


def test_a_finished_run_gets_its_table_at_once(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run")
    assert not (here / "run" / "metrics.csv").exists()
    succeed("train", "--resume", "run", "--csv")
    assert len(table(here / "run" / "metrics.csv")) == 3


# Event files


def test_event_files_of_each_run_lie_in_a_folder_of_its_name(here: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")
    answer = succeed("train", TINY, "--run-dir", "run", "--tensorboard", "events", "--json")
    assert f"TensorBoard: {here / 'events' / 'run'}" in answer.err
    (file,) = (here / "events" / "run").iterdir()
    assert b"accuracy/test" in file.read_bytes()
    succeed("train", "--resume", "run", "--epochs", "+1", "--tensorboard", "events")
    assert len(list((here / "events" / "run").iterdir())) == 2
    (here / "run").rename(here / "older")
    words = ("train", TINY, "--run-dir", "run", "--tensorboard", "events")
    assert "curves of another run" in fail(4, *words)
    assert not (here / "run").exists()


def test_without_tensorboardx_nothing_is_trained(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    message = fail(2, "train", TINY, "--tensorboard", "events")
    assert "pip install tensorboardX" in message
    assert set(here.iterdir()) == {here / "pictures", here / TINY}
