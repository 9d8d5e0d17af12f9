"""Checkpoint files: written whole or not at all, and found by their run directory."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from bpnet.errors import CheckpointError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import checkpoint_path
from bpnet.training import saving
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.tiny import draw_dataset, read_config, train

# Writing


@pytest.mark.parametrize("failing", ["fsync", "write", "replace"])
def test_a_full_disk_leaves_the_old_file_whole(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "last.npz"
    path.write_bytes((tiny_run.path / "last.npz").read_bytes())
    before = path.read_bytes()
    checkpoint = load_checkpoint(path)

    def fail(*args: object, **options: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {
        "fsync": (os, "fsync"),
        "write": (saving, "write_archive"),
        "replace": (Path, "replace"),
    }
    monkeypatch.setattr(*target[failing], fail)
    with pytest.raises(CheckpointError, match="No space left on device") as caught:
        save_checkpoint(path, checkpoint.record, {"parameters/1.weight": np.zeros(3)})
    assert caught.value.exit_code == 4
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_that_is_gone_is_one_error(tmp_path: Path, tiny_run: Run) -> None:
    record = load_checkpoint(tiny_run.path / "last.npz").record
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "gone" / "last.npz", record, {})


def test_what_could_not_be_read_again_replaces_nothing(tmp_path: Path, tiny_run: Run) -> None:
    path = tmp_path / "last.npz"
    path.write_bytes((tiny_run.path / "last.npz").read_bytes())
    checkpoint = load_checkpoint(path)
    checkpoint.record["progress"]["ends"] = list(range(1, 2001))
    with pytest.raises(CheckpointError, match=r"no usable progress\.ends"):
        save_checkpoint(path, checkpoint.record, checkpoint.arrays)
    assert load_checkpoint(path).record["progress"]["ends"] == [3]


def test_a_full_disk_while_metrics_are_written_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, text: str) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bpnet.training.saving.write_text", fail)
    with pytest.raises(CheckpointError, match=r"metrics cannot be written[\s\S]*No space left"):
        train(read_config(), tmp_path)


def test_no_number_that_json_does_not_know_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path / "a.npz", {"loss": float("nan")}, {})
    assert not list(tmp_path.iterdir())


# Which file of a run


def test_a_run_directory_stands_for_its_best_checkpoint(tiny_run: Run, tmp_path: Path) -> None:
    run_dir = tiny_run.path
    assert checkpoint_path(run_dir) == run_dir / "best.npz"
    assert checkpoint_path(run_dir, "last.npz") == run_dir / "last.npz"
    assert checkpoint_path(run_dir / "last.npz") == run_dir / "last.npz"
    (tmp_path / "last.npz").touch()
    assert checkpoint_path(tmp_path) == tmp_path / "last.npz"


def test_a_directory_without_checkpoints_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        checkpoint_path(tmp_path)


def test_the_fingerprint_tells_data_sets_apart() -> None:
    assert draw_dataset().fingerprint() == draw_dataset().fingerprint()
    assert draw_dataset().fingerprint() != draw_dataset(train=99).fingerprint()


# What is read


@pytest.mark.parametrize("left_out", ["record", "sha256"])
def test_an_archive_without_record_or_digest_is_no_checkpoint(
    tmp_path: Path, left_out: str
) -> None:
    path = tmp_path / "half.npz"
    entries = {"record": np.frombuffer(b"{}", np.uint8), "sha256": np.zeros(32, np.uint8)}
    del entries[left_out]
    np.savez(path, **entries)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match=r"half\.npz"):
        load_checkpoint(path)


def test_a_file_that_was_cut_off_is_called_damaged(tiny_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    path.write_bytes((tiny_run.path / "last.npz").read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged content: "):
        load_checkpoint(path)
