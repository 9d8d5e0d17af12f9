"""The results of a sweep: what is written reads the same, and nothing else is taken for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bpnet.errors import CheckpointError
from bpnet.sweep.journal import Journal, Row, best_epoch, with_history

ROW = with_history(
    Row(1, 7, {"train.epochs": "2"}, "finished", "trial001-seed7", seconds=1.5),
    [[0.5, 0.9], [0.75, 0.8]],
)


def journal(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Write the results of a run, and return where they are and what the line holds."""
    journal = Journal(folder)
    journal.add(ROW)
    return journal.path, json.loads(journal.path.read_text("utf-8"))


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    _, record = journal(tmp_path)
    assert Journal(tmp_path).rows == {(1, 7): ROW}
    assert (record["best_epoch"], record["validation_loss"]) == (2, 0.8)
    other = Row(1, 8, {}, "failed", "trial001-seed8", error="killed", history=[])
    again = Journal(tmp_path)
    again.add(other)
    again.add(ROW)
    assert Journal(tmp_path).rows == {(1, 7): ROW, (1, 8): other}
    assert len(again.path.read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize("end", ['{"trial": 2, "se', '{"trial": 2}', "\0\0"])
def test_a_torn_last_line_counts_as_missing(tmp_path: Path, end: str) -> None:
    path, _ = journal(tmp_path)
    path.write_text(path.read_text("utf-8") + end, "utf-8")
    found = Journal(tmp_path)
    assert (list(found.rows), found.is_torn) == ([(1, 7)], True)
    found.add(ROW)
    assert not Journal(tmp_path).is_torn


def test_a_whole_last_line_that_is_wrong_is_not_torn(tmp_path: Path) -> None:
    path, _ = journal(tmp_path)
    path.write_text(path.read_text("utf-8") + '{"trial": 2}\n', "utf-8")
    with pytest.raises(CheckpointError, match="not that of a sweep's run") as raised:
        Journal(tmp_path)
    assert raised.value.parts["where"] == f"{path}:2"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trial", "1"),
        ("seed", True),
        ("settings", {"train.epochs": 2}),
        ("state", "done"),
        ("run_dir", "../elsewhere"),
        ("error", 1),
        ("history", [[0.5]]),
        ("history", [[0.5, 0.9]]),
        ("history", [[0.5, 0.9], [float("nan"), 0.8]]),
        ("best_epoch", 1),
        ("seconds", 10**400),
        ("unknown", None),
    ],
)
def test_another_wrong_line_is_told_with_its_number(tmp_path: Path, key: str, value: Any) -> None:
    path, record = journal(tmp_path)
    whole = path.read_text("utf-8")
    path.write_text(json.dumps(record | {key: value}) + "\n" + whole, "utf-8")
    with pytest.raises(CheckpointError, match="not that of a sweep's run") as raised:
        Journal(tmp_path)
    assert raised.value.parts["where"] == f"{path}:1"


def test_the_epoch_that_counts_is_the_one_whose_weights_are_kept() -> None:
    assert best_epoch([[0.5, 0.1], [0.9, 0.3], [0.9, 0.2], [0.9, 0.2]]) == 3
    assert best_epoch([[None, 0.5], [None, 0.4]]) == 2
