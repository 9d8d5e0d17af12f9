"""The files of a run, early stopping, and the test set that nobody touches."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bpnet.data.dataset import Dataset
from bpnet.errors import DataError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.score import evaluate
from bpnet.model.workers import Workers
from bpnet.training.loop import Trainer
from bpnet.training.progress import Progress
from bpnet.training.run import final_score, result, warnings
from bpnet.training.saving import save_checkpoint
from tests.helpers.runs import RICH, STEPS, assert_same_run, resume, scripted
from tests.helpers.tiny import NET, TRAIN, after, draw_dataset, read_config, train

# Files


def test_a_run_leaves_its_metrics_and_checkpoints(tmp_path: Path) -> None:
    trainer = train(read_config(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"last.npz", "best.npz", "metrics.jsonl"}
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == trainer.progress.history
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["step"] for line in lines] == [5, 10, 15]
    for line in lines:
        assert list(line) == [
            *("epoch", "step", "learning_rate", "train_loss", "train_accuracy"),
            *("validation_loss", "validation_accuracy", "seconds", "samples_per_second"),
        ]
        assert line["learning_rate"] == trainer.schedule.rate(line["step"] - 1)


def test_a_run_killed_between_its_files_gets_its_last_line_back(tmp_path: Path) -> None:
    """The metrics are written last, so a killed run can lack the line of its last epoch."""
    train(read_config(), tmp_path)
    metrics = tmp_path / "metrics.jsonl"
    whole = metrics.read_text()
    metrics.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    resume(tmp_path)
    assert metrics.read_text() == whole


def test_checkpoints_come_as_often_as_asked_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[int, bool]] = []
    save = Trainer.save

    def watched(self: Trainer, *, best: bool = False) -> None:
        saved.append((self.progress.epoch, best))
        save(self, best=best)

    monkeypatch.setattr(Trainer, "save", watched)
    train(
        read_config(NET + TRAIN, "checkpoint.every=3", "train.epochs=8", "data.validation=0"),
        tmp_path,
    )
    assert saved == [(0, False), (3, False), (6, False), (8, False)]


def test_without_validation_the_best_is_the_last(tmp_path: Path) -> None:
    train(read_config(NET + TRAIN, "data.validation=0", "train.ema=0.9"), tmp_path)
    assert (tmp_path / "best.npz").read_bytes() == (tmp_path / "last.npz").read_bytes()
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["best_score"] is None


def test_the_best_is_the_best_by_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.9, 0.7, 0.9])
    train(read_config(NET + TRAIN, "train.epochs=4"), tmp_path)
    best = load_checkpoint(tmp_path / "best.npz").record["progress"]
    last = load_checkpoint(tmp_path / "last.npz").record["progress"]
    assert (best["epoch"], best["best_epoch"], best["best_score"]) == (2, 2, [0.9, -1.0])
    assert (last["epoch"], last["best_epoch"]) == (4, 2)


def test_equal_accuracy_is_decided_by_the_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.9, 0.9, 0.9], [0.3, 0.2, 0.25])
    train(read_config(), tmp_path)
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 2


def test_a_better_epoch_is_saved_between_checkpoints_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.9, 0.7, 0.6])
    train(read_config(NET + TRAIN, "train.epochs=4", "checkpoint.every=4"), tmp_path)
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 2


def test_a_run_killed_between_its_two_files_finds_its_best_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(read_config(), tmp_path / "whole")
    written: list[str] = []

    def killed(path: Path, *content: Any) -> None:
        if len(written) == 2:  # the start, the best of epoch 1, and no more
            raise SystemError
        written.append(path.name)
        save_checkpoint(path, *content)

    with monkeypatch.context() as patch:
        patch.setattr("bpnet.training.loop.save_checkpoint", killed)
        with pytest.raises(SystemError):
            train(read_config(), tmp_path / "parts")
    assert written == ["last.npz", "best.npz"]
    resume(tmp_path / "parts")
    for name in ("last.npz", "best.npz"):
        assert_same_run(tmp_path / "whole", tmp_path / "parts", name)


# Early stopping


def test_early_stopping_waits_as_long_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.6, 0.6, 0.55, 0.9])
    config = read_config(NET + TRAIN, "train.epochs=9", "train.early_stopping=2")
    trainer = train(config, tmp_path)
    assert trainer.progress.epoch == 4
    assert trainer.progress.stopped_early
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 2


def test_early_stopping_keeps_its_count_over_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.6, 0.6, 0.55, 0.9])
    config = read_config(NET + TRAIN, "train.epochs=9", "train.early_stopping=2")
    train(config, tmp_path, should_stop=after(3 * STEPS + 2))
    assert resume(tmp_path).progress.epoch == 4


def test_a_run_that_stopped_early_is_finished_and_can_be_extended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.4, 0.3, 0.2, 0.1])
    config = read_config(NET + TRAIN, "train.epochs=9", "train.early_stopping=1")
    assert train(config, tmp_path).progress.epoch == 2
    assert resume(tmp_path).progress.epoch == 2
    assert resume(tmp_path, epochs="+1").progress.epoch == 3


def test_an_extension_starts_its_patience_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.9, 0.1, 0.1, 0.2, 0.3, 0.3, 0.25, 0.4])
    config = read_config(NET + TRAIN, "train.epochs=9", "train.early_stopping=2")
    assert train(config, tmp_path).progress.epoch == 3
    progress = resume(tmp_path, epochs="+9").progress
    assert (progress.epoch, progress.stopped_early) == (7, True)  # 0.3 is its best, 2 epochs before
    assert (progress.best_epoch, progress.best_score) == (1, [0.9, -1.0])
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 1


def test_a_run_of_an_earlier_version_keeps_its_patience() -> None:
    before = Progress([9], epoch=4, best_score=[0.9, -1.0], patience_from=3).record()
    for newer in ("patience_score", "first_loss"):
        del before[newer]
    progress = Progress.from_record(before)
    assert (progress.patience_score, progress.first_loss) == ([0.9, -1.0], None)


# A loss that rose


def test_a_run_that_learns_has_no_warnings(tmp_path: Path) -> None:
    for text in (RICH, NET + TRAIN):
        trainer = train(read_config(text, "train.epochs=5"), tmp_path)
        assert warnings(trainer) == []
        assert trainer.progress.first_loss is not None
        assert trainer.last_loss is not None
        assert trainer.last_loss < trainer.progress.first_loss


def test_the_loss_before_the_first_step_is_kept_over_interruptions(tmp_path: Path) -> None:
    whole = train(read_config(RICH), tmp_path / "whole")
    train(read_config(RICH), tmp_path / "parts", should_stop=after(STEPS + 2))
    parts = resume(tmp_path / "parts")
    assert parts.progress.first_loss == whole.progress.first_loss
    assert parts.last_loss == whole.last_loss


def test_a_loss_that_ends_above_its_beginning_is_a_warning(tmp_path: Path) -> None:
    trainer = train(read_config(), tmp_path)
    for last, expected in ((3.1, 1), (math.nan, 1), (3.0, 0), (3.001, 0), (2.9, 0)):
        trainer.progress.first_loss, trainer.last_loss = 3.0, last
        assert len(warnings(trainer)) == expected


def test_validation_must_leave_samples_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leave no sample to train on"):
        train(read_config(NET + TRAIN, "data.validation=100"), tmp_path)


# The test set


class Forbidden:
    """Raise at every touch."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"training looked at the test set: {name}")

    def __len__(self) -> int:
        raise AssertionError("training looked at the test set")


def test_training_never_looks_at_the_test_set(tmp_path: Path) -> None:
    dataset = draw_dataset()
    unseen: Any = Forbidden()
    forbidden = Dataset("idx", dataset.train, unseen, dataset.class_names)
    train(read_config(RICH), tmp_path, forbidden)
    with Workers(1) as workers, pytest.raises(AssertionError, match="looked at the test set"):
        final_score(tmp_path / "best.npz", forbidden, workers)


def test_the_scores_are_those_of_the_test_set(tmp_path: Path) -> None:
    dataset = draw_dataset()
    trainer = train(read_config(), tmp_path, dataset)
    with Workers(1) as workers:
        told = result(trainer, final_score(tmp_path / "best.npz", dataset, workers))
        best = load_checkpoint(tmp_path / "best.npz").model()
        expected = evaluate(best, dataset.test, workers)
    assert told["test_accuracy"] == expected.accuracy
    assert told["test_loss"] == expected.loss
    assert told["test_errors"] == expected.errors
