"""Runs trained anew: equal to what was stored, and every change found where it is."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.errors import CheckpointError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import BEST, CONFIG, ENVIRONMENT, LAST, METRICS
from bpnet.model.workers import Workers
from bpnet.training.differences import Difference
from bpnet.training.loop import Trainer
from bpnet.training.run import prepare_model
from bpnet.training.saving import save_checkpoint
from bpnet.training.stored_run import machine_differences, read_run, stored_config_differences
from bpnet.training.verify import Replay, replay
from tests.helpers.runs import RICH, STEPS, resume, scripted
from tests.helpers.tiny import after, draw_dataset, read_config, train


def differences(
    run_dir: Path,
    *,
    to_the_end: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Difference]:
    """Train a run anew, and compare."""
    stored, dataset = read_run(run_dir), draw_dataset()
    with Workers(1) as workers:
        model = prepare_model(stored.config, dataset)
        trainer = Replay(model, dataset, workers, stored, to_the_end=to_the_end)
        return replay(trainer, should_stop)


def change_record(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a checkpoint says about its run, and sign it again."""
    checkpoint = load_checkpoint(path)
    change(checkpoint.record)
    save_checkpoint(path, checkpoint.record, checkpoint.arrays)


def change_metrics(run_dir: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the lines of `metrics.jsonl`."""
    path = run_dir / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


# Nothing differs


@pytest.mark.parametrize("stop", [1, STEPS - 1, STEPS, STEPS + 2, 3 * STEPS, 99])
def test_a_run_is_verified_as_far_as_it_came(tmp_path: Path, stop: int) -> None:
    train(read_config(RICH), tmp_path, should_stop=after(stop), workers=2)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert differences(tmp_path) == []
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("steps", "epoch"), [(1, 0), (STEPS + 1, 0), (2 * STEPS + 1, 2)])
def test_a_killed_run_is_verified_up_to_its_last_checkpoint(
    tmp_path: Path, steps: int, epoch: int
) -> None:
    stops = after(steps)

    def killed() -> bool:
        if stops():
            raise KeyboardInterrupt
        return False

    config = read_config(RICH, "checkpoint.every=2", "train.batch_size=20", "data.validation=0")
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path, should_stop=killed)
    assert read_run(tmp_path).progress.epoch == epoch
    assert differences(tmp_path) == []


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "constant", "step"])
def test_a_run_is_extended_as_the_stored_one_was(tmp_path: Path, schedule: str) -> None:
    train(read_config(RICH, f"schedule.name={schedule}"), tmp_path)
    for epochs in ("+2", "6"):
        resume(tmp_path, epochs=epochs)
    assert read_run(tmp_path).progress.ends == [3, 5, 6]
    assert differences(tmp_path) == []


def test_a_run_that_stopped_early_and_was_extended_is_verified_with_its_first_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [0.5, 0.9, 0.7, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1]
    config = read_config(RICH, "train.epochs=9", "train.early_stopping=2")
    scripted(monkeypatch, scores)
    train(config, tmp_path)
    resume(tmp_path, epochs="+5")
    progress = read_run(tmp_path).progress
    assert (progress.ends, progress.planned) == ([4, 9], [9, 9])
    assert 4 < progress.epoch < 9
    scripted(monkeypatch, scores)
    assert differences(tmp_path) == []
    change_record(tmp_path / "last.npz", lambda record: record["progress"].pop("planned"))
    scripted(monkeypatch, scores)
    assert differences(tmp_path)[0].key == "learning_rate"  # an earlier version forgot the 9


def test_what_an_earlier_version_did_not_record_makes_no_difference(run_dir: Path) -> None:
    def forget(record: dict[str, Any]) -> None:
        del record["temperature"]
        for key in ("first_loss", "patience_score", "patience_from", "planned"):
            del record["progress"][key]
        del record["preparation"]

    for name in ("last.npz", "best.npz"):
        change_record(run_dir / name, forget)
    assert differences(run_dir) == []
    change_record(run_dir / "last.npz", lambda record: record["progress"].update(first_loss=None))
    assert [one.key for one in differences(run_dir)] == ["progress.first_loss"]
    change_record(run_dir / "last.npz", lambda record: record.update(temperature=0.5))
    assert differences(run_dir)[0].key == "temperature"


def test_a_run_that_goes_on_elsewhere_is_verified_from_its_seed(tmp_path: Path) -> None:
    train(read_config(RICH), tmp_path / "old", should_stop=after(STEPS + 1))
    resume(tmp_path / "new", source=tmp_path / "old", workers=2)
    assert differences(tmp_path / "new") == []


# What differs is found where it is


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    train(read_config(RICH), tmp_path)
    return tmp_path


@pytest.mark.parametrize("key", ["train_loss", "validation_accuracy", "learning_rate", "step"])
def test_changed_metrics_are_found(run_dir: Path, key: str) -> None:
    changed: list[float] = []

    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines[1:]:
            changed.append(line[key])
            line[key] = float(np.nextafter(line[key], 9))

    change_metrics(run_dir, change)
    first = differences(run_dir)[0]
    assert (first.epoch, first.file, first.key, first.found) == (
        2,
        "metrics.jsonl",
        key,
        changed[0],
    )


def test_times_play_no_part(run_dir: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[0] |= {"seconds": 1e9, "samples_per_second": 1}

    change_metrics(run_dir, change)
    assert differences(run_dir) == []


@pytest.mark.parametrize(
    ("place", "epoch", "key"), [(0, 1, "epoch"), (1, 2, "epoch"), (2, 3, "lines")]
)
def test_a_missing_line_is_found(run_dir: Path, place: int, epoch: int, key: str) -> None:
    change_metrics(run_dir, lambda lines: lines.pop(place))
    first = differences(run_dir)[0]
    assert (first.epoch, first.file, first.key) == (epoch, "metrics.jsonl", key)


def test_a_line_too_many_is_found(run_dir: Path) -> None:
    change_metrics(run_dir, lambda lines: lines.append(lines[-1]))
    assert differences(run_dir) == [Difference(4, "metrics.jsonl", "lines", 4, 3)]


@pytest.mark.parametrize("name", ["last.npz", "best.npz"])
@pytest.mark.parametrize("group", ["parameters", "state", "optimizer", "averaged"])
def test_one_changed_bit_is_found_although_it_was_signed(
    run_dir: Path, name: str, group: str
) -> None:
    checkpoint = load_checkpoint(run_dir / name)
    key = next(key for key in checkpoint.arrays if key.startswith(group))
    array = checkpoint.arrays[key] = checkpoint.arrays[key].copy()
    array.view(np.uint8).reshape(-1)[-array.itemsize] ^= 1
    save_checkpoint(run_dir / name, checkpoint.record, checkpoint.arrays)
    (found,) = differences(run_dir)
    last = ", ".join(str(size - 1) for size in array.shape)
    assert (found.file, found.key) == (name, f"{key}[{last}]")
    assert found.stored == array.flat[-1]
    assert found.found != found.stored
    assert found.relative is not None
    assert 0 < found.relative < 1e-4


def test_a_changed_history_or_record_is_found(run_dir: Path) -> None:
    def change_history(record: dict[str, Any]) -> None:
        record["progress"]["history"][1]["train_loss"] = 0.1

    def change_names(record: dict[str, Any]) -> None:
        record["class_names"][0] = "zero"

    change_record(run_dir / "best.npz", change_names)
    change_record(run_dir / "last.npz", change_history)
    found = differences(run_dir, to_the_end=True)
    assert (found[0].epoch, found[0].file, found[0].key) == (2, "last.npz", "train_loss")
    assert "class_names[0]" in [one.key for one in found]


def test_another_seed_in_the_checkpoint_is_found_in_the_first_epoch(run_dir: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["config"] = record["config"].replace("seed = 1", "seed = 2")

    change_record(run_dir / "last.npz", change)
    first = differences(run_dir)[0]
    assert (first.epoch, first.file, first.key) == (1, "metrics.jsonl", "train_loss")


def test_a_changed_config_file_is_found_before_any_step(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = load_checkpoint(run_dir / "last.npz").record["config"]
    changes = text.replace("momentum = 0.9", "momentum = 0.8").replace(
        "workers = auto", "workers = 1"
    )
    (run_dir / "config.ini").write_text(changes)
    monkeypatch.setattr(Trainer, "step", None)
    expected = Difference(0, "config.ini", "optimizer.momentum", 0.8, 0.9)
    assert differences(run_dir) == [expected]


def test_a_lost_best_is_found(run_dir: Path) -> None:
    (run_dir / "best.npz").unlink()
    (found,) = differences(run_dir)
    assert (found.file, found.key) == ("best.npz", "file")


def test_a_place_that_the_run_never_was_at_is_found(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["progress"]["batch"] += 70
        record["progress"]["step"] += 70

    train(read_config(RICH), tmp_path, should_stop=after(STEPS + 2))
    change_record(tmp_path / "last.npz", change)
    (found,) = differences(tmp_path)
    assert (found.epoch, found.file, found.key) == (2, "last.npz", "progress")
    assert found.stored == "epoch 2, 72 steps done"


def test_a_run_anew_that_diverges_is_a_difference(run_dir: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["config"] = record["config"].replace("learning_rate = 0.05", "learning_rate = 1e30")
        record["config"] = record["config"].replace("grad_clip = 1.0", "grad_clip = 0.0")

    change_record(run_dir / "last.npz", change)
    (found,) = differences(run_dir)
    assert (found.epoch, found.file, found.key) == (1, "last.npz", "course")
    assert "diverged" in found.found
    assert "\n" not in found.found


# To the end, or until a signal


def test_training_stops_at_the_first_difference_unless_it_is_expected(run_dir: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            line["train_loss"] *= 1.01

    change_metrics(run_dir, change)
    assert [one.epoch for one in differences(run_dir)] == [1]
    found = differences(run_dir, to_the_end=True)
    assert [one.epoch for one in found] == [1, 2, 3]
    assert found[0].relative == pytest.approx(0.01, rel=0.02)


def test_a_signal_ends_the_comparison_without_a_verdict_on_the_rest(run_dir: Path) -> None:
    stops = after(STEPS + 1)
    asked: list[bool] = []

    def should_stop() -> bool:
        asked.append(bool(asked and asked[-1]) or stops())
        return asked[-1]

    change_metrics(run_dir, lambda lines: lines[2].update(train_loss=0))
    assert differences(run_dir, should_stop=should_stop) == []


# What cannot be verified


def test_what_is_no_run_is_refused(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (run_dir / "none", run_dir / "last.npz"):
        with pytest.raises(CheckpointError, match="no run directory"):
            read_run(path)
    for text in ("{", "[1]\n", "[" * 100_000):
        (run_dir / "metrics.jsonl").write_text(text)
        with pytest.raises(CheckpointError, match="metrics cannot be read"):
            read_run(run_dir)
    (run_dir / "metrics.jsonl").unlink()
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl cannot be read"):
        read_run(run_dir)


@pytest.mark.parametrize("name", ["n" * 300, "a\0b"])
def test_a_name_that_no_directory_has_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"found: (File name too long|a name with a NUL)"):
        read_run(tmp_path / name)


def test_a_best_checkpoint_without_a_run_is_refused(run_dir: Path) -> None:
    change_record(run_dir / "best.npz", lambda record: record.pop("progress"))
    with pytest.raises(CheckpointError, match=r"weights only.*\n.*best\.npz"):
        read_run(run_dir)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_no_named_pipe_is_waited_for(run_dir: Path) -> None:
    for name in (CONFIG, ENVIRONMENT, METRICS, LAST, BEST):  # the others are not compared
        content = (run_dir / name).read_bytes() if (run_dir / name).exists() else None
        (run_dir / name).unlink(missing_ok=True)
        os.mkfifo(run_dir / name)
        if name == ENVIRONMENT:
            assert machine_differences(run_dir) is None
        else:
            with pytest.raises(CheckpointError, match=r"a named pipe|no checkpoint"):
                stored_config_differences(read_run(run_dir))
        (run_dir / name).unlink()
        if content is not None:
            (run_dir / name).write_bytes(content)


def test_no_more_is_read_than_a_run_can_have_written(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (run_dir / "metrics.jsonl").stat().st_size
    monkeypatch.setattr("bpnet.model.run_files.MOST_BYTES", size)
    read_run(run_dir)
    monkeypatch.setattr("bpnet.model.run_files.MOST_BYTES", size - 1)
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl cannot be read"):
        read_run(run_dir)


def test_other_data_are_refused(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpnet.data.dataset.Dataset.fingerprint", lambda self: "another")
    with pytest.raises(CheckpointError, match="trained on other data"):
        differences(run_dir)
