"""TensorBoard's event files, read back by TensorBoard's own reader."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpnet.errors import CheckpointError, ConfigError, DataError
from bpnet.model.workers import Workers
from bpnet.runs.events import EventWriter, demand_events, event_files
from bpnet.training.resume import load_for_resume
from bpnet.training.run import build_trainer
from tests.helpers.tiny import NET, TRAIN, after, draw_dataset, new_trainer, read_config

pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")
TEXT = NET + TRAIN.replace("epochs = 3", "epochs = 4")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the points that TensorBoard shows of every curve."""
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
    )
    events = reader.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def train(
    folder: Path, *, resumes: bool = False, stop: Callable[[], bool] = lambda: False
) -> list[dict[str, Any]]:
    """Train in `run`, or go on there, with events in `events`; return the run's history."""
    config, dataset = read_config(TEXT), draw_dataset()
    run_dir = folder / "run"
    with Workers(1, "auto") as pool:
        trainer = new_trainer(config, dataset, run_dir, pool)
        if resumes:
            _, saved, progress = load_for_resume(run_dir, None, (), None)
            trainer = build_trainer(trainer.model, dataset, run_dir, pool, saved, progress)
        events = EventWriter(folder / "events", trainer)
        trainer.observer = events
        trainer.run(stop)
        events.close()
    return trainer.progress.history


def test_every_epoch_and_batch_is_there(tmp_path: Path) -> None:
    history = train(tmp_path)
    found = scalars(tmp_path / "events")
    assert [step for step, _ in found["loss/batch"]] == list(range(1, 21))
    for tag, key in (
        ("loss/train", "train_loss"),
        ("accuracy/train", "train_accuracy"),
        ("loss/validation", "validation_loss"),
        ("accuracy/validation", "validation_accuracy"),
        ("learning_rate", "learning_rate"),
        ("samples_per_second", "samples_per_second"),
        ("epoch", "epoch"),
    ):
        assert [step for step, _ in found[tag]] == [record["step"] for record in history], tag
        values = [value for _, value in found[tag]]
        assert values == pytest.approx([record[key] for record in history]), tag


def test_a_resumed_run_goes_on_and_takes_back_what_was_not_saved(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = train(tmp_path / "whole")
    train(tmp_path, stop=after(7))
    saved = (tmp_path / "run" / "last.npz").read_bytes()
    train(tmp_path, resumes=True, stop=after(8))
    (tmp_path / "run" / "last.npz").write_bytes(saved)  # the second start is lost, events stay
    train(tmp_path, resumes=True)
    assert len(event_files(tmp_path / "events")) == 3
    found = scalars(tmp_path / "events")
    assert [step for step, _ in found["loss/batch"]] == list(range(1, 21))
    assert [step for step, _ in found["loss/train"]] == [record["step"] for record in whole]
    for point, record in zip(found["loss/train"], whole, strict=True):
        assert point[1] == pytest.approx(record["train_loss"])


def test_a_run_resumed_into_an_empty_folder_brings_its_history(tmp_path: Path) -> None:
    train(tmp_path, stop=after(12))
    for path in event_files(tmp_path / "events"):
        path.unlink()
    history = train(tmp_path, resumes=True)
    found = scalars(tmp_path / "events")
    assert [step for step, _ in found["loss/train"]] == [record["step"] for record in history]


def test_the_result_and_the_settings_stand_beside_the_curves(tmp_path: Path) -> None:
    with Workers(1, "auto") as pool:
        trainer = new_trainer(read_config(), draw_dataset(), tmp_path / "run", pool)
        events = EventWriter(tmp_path / "events", trainer)
        events.write_result({"test_loss": 0.5, "test_accuracy": 0.75, "test_mae": None})
        events.close()
    assert scalars(tmp_path / "events") == {
        "loss/test": [(0, 0.5)],
        "accuracy/test": [(0, 0.75)],
    }
    (path,) = event_files(tmp_path / "events")
    content = path.read_bytes()
    for part in (b"config/text_summary", b"batch_size = 16", b"_hparams_/session_start_info"):
        assert part in content


def test_without_tensorboardx_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ConfigError, match="pip install tensorboardX"):
        demand_events(tmp_path / "events", None, resumes=False)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_hold_events_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="no event files here"):
        demand_events(tmp_path / "file", None, resumes=False)
    with Workers(1, "auto") as pool:
        trainer = new_trainer(read_config(), draw_dataset(), tmp_path / "run", pool)
        with pytest.raises(DataError, match="the event file cannot be written"):
            EventWriter(tmp_path / "file" / "events", trainer)


def test_the_curves_of_another_run_are_not_mixed_with(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events.out.tfevents.1.host").write_bytes(b"")
    with pytest.raises(CheckpointError, match="curves of another run"):
        demand_events(tmp_path, Path("study/run"), resumes=False)
    demand_events(tmp_path, Path("study/run"), resumes=True)
    demand_events(tmp_path, Path("study/other"), resumes=False)
