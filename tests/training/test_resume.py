"""Runs that go on: until when, and with which settings."""

import time
from pathlib import Path

import pytest

from bpnet.data.dataset import Dataset
from bpnet.errors import CheckpointError, ConfigError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.training.progress import Progress
from bpnet.training.resume import extend, load_for_resume
from bpnet.training.saving import save_checkpoint
from tests.helpers.runs import RICH, STEPS, assert_same_run, resume, scripted
from tests.helpers.tiny import NET, TRAIN, after, read_config, train, with_settings

# How long a run goes on


def progress(epoch: int, *ends: int, batch: int = 0) -> Progress:
    return Progress(list(ends), epoch=epoch, batch=batch)


def test_a_finished_run_is_extended() -> None:
    assert extend(progress(4, 4), read_config(), "+3").ends == [4, 7]
    assert extend(progress(4, 4), read_config(), "7").ends == [4, 7]
    assert extend(progress(7, 4, 7), read_config(), "+1").ends == [4, 7, 8]


def test_a_run_that_stopped_early_is_extended_from_where_it_stopped() -> None:
    stopped = progress(4, 10)
    stopped.stopped_early = True
    extended = extend(stopped, read_config(), "+2")
    assert (extended.ends, extended.stopped_early, extended.patience_from) == ([4, 6], False, 4)
    with pytest.raises(ConfigError, match="the run has 4 epochs"):
        extend(stopped, read_config(), "4")


def test_no_epochs_or_the_same_change_nothing() -> None:
    for epochs in (None, "4"):
        assert extend(progress(2, 4), read_config(), epochs) == progress(2, 4)


@pytest.mark.parametrize("schedule", ["constant", "step"])
def test_a_run_under_way_may_end_elsewhere_where_that_changes_no_rate(schedule: str) -> None:
    config = with_settings(read_config(), "schedule", name=schedule)
    assert extend(progress(2, 4), config, "3").ends == [3]
    assert extend(progress(2, 4), config, "9").ends == [9]
    with pytest.raises(ConfigError, match="epoch 3 of 4"):
        extend(progress(2, 4), config, "2")
    with pytest.raises(ConfigError, match=f"its {schedule} schedule is fitted"):
        extend(progress(2, 4), with_settings(config, "schedule", warmup=0.1), "9")


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_the_end_of_an_unfinished_cosine_stays(schedule: str) -> None:
    config = with_settings(read_config(), "schedule", name=schedule)
    for epochs in ("3", "5"):
        with pytest.raises(ConfigError, match=f"its {schedule} schedule is fitted") as caught:
            extend(progress(2, 4), config, epochs)
        assert caught.value.exit_code == 2


@pytest.mark.parametrize("epochs", ["0", "+0", "-1", "x", "", "1.5", "++1", "+", "1_0", "٣"])
def test_what_is_no_number_of_epochs_is_refused(epochs: str) -> None:
    with pytest.raises(ConfigError, match="does not understand"):
        extend(progress(4, 4), read_config(), epochs)


def test_plus_extends_finished_runs_alone_and_nothing_shortens_them() -> None:
    with pytest.raises(ConfigError, match=r"\+N extends a finished run"):
        extend(progress(2, 4), read_config(), "+1")
    with pytest.raises(ConfigError, match="the run has 4 epochs"):
        extend(progress(4, 4), read_config(), "3")


def test_an_extended_run_keeps_its_best_and_goes_on_falling(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    before = load_checkpoint(tmp_path / "last.npz").record["progress"]
    trainer = resume(tmp_path, epochs="+2")
    assert trainer.progress.epoch == 5
    assert trainer.config.train.epochs == 5
    assert trainer.progress.history[:3] == before["history"]
    assert trainer.progress.best_score is not None
    assert trainer.progress.best_score >= before["best_score"]
    tenth = 0.1 * trainer.config.optimizer.learning_rate
    assert trainer.schedule.rate(3 * STEPS) == pytest.approx(tenth)
    assert trainer.schedule.rate(5 * STEPS - 1) < 0.3 * tenth


def test_a_constant_run_extended_is_the_longer_run(tmp_path: Path) -> None:
    config = read_config(RICH, "schedule.name=constant")
    train(with_settings(config, "train", epochs=5), tmp_path / "long")
    train(config, tmp_path / "parts")
    resume(tmp_path / "parts", epochs="+2")
    one, other = (load_checkpoint(tmp_path / name / "last.npz") for name in ("long", "parts"))
    for key, array in one.arrays.items():
        assert array.tobytes() == other.arrays[key].tobytes()


# Resuming


def test_settings_that_contradict_the_checkpoint_are_refused_all_at_once(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    overrides = ("train.seed=2", "optimizer.learning_rate=0.05", "model.layers=flatten, linear 3")
    with pytest.raises(ConfigError) as caught:
        load_for_resume(tmp_path, None, overrides, None)
    message = str(caught.value)
    assert "--set: train.seed is 1 in the checkpoint, but 2 was asked for" in message
    assert "model.layers is" in message
    assert "learning_rate" not in message


def test_settings_that_agree_with_the_checkpoint_are_accepted(tmp_path: Path) -> None:
    train(read_config(), tmp_path / "run")
    path = tmp_path / "same.ini"
    path.write_text((NET + TRAIN).replace("path = pictures", ""))
    with pytest.raises(ConfigError, match="needs `path`"):
        load_for_resume(tmp_path / "run", str(path), (), None)
    path.write_text((NET + TRAIN).replace("path = pictures", f"path = {read_config().data.path}"))
    config, _, _ = load_for_resume(tmp_path / "run", str(path), ("train.seed=1",), None)
    assert config == read_config()


def test_epochs_of_an_earlier_end_are_no_contradiction(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    resume(tmp_path, epochs="+2")
    load_for_resume(tmp_path, None, ("train.epochs=3",), None)
    load_for_resume(tmp_path, None, ("train.epochs=5",), None)
    with pytest.raises(ConfigError, match=r"train\.epochs is 5"):
        load_for_resume(tmp_path, None, ("train.epochs=4",), None)


def test_other_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(read_config(), tmp_path, should_stop=after(2))
    monkeypatch.setattr(Dataset, "fingerprint", lambda self: "another")
    with pytest.raises(CheckpointError, match="trained on other data"):
        resume(tmp_path)


def test_weights_alone_are_no_run(tmp_path: Path) -> None:
    train(read_config(), tmp_path)
    checkpoint = load_checkpoint(tmp_path / "last.npz")
    del checkpoint.record["progress"]
    save_checkpoint(tmp_path / "last.npz", checkpoint.record, checkpoint.arrays)
    checkpoint.model()
    with pytest.raises(CheckpointError, match="weights only"):
        load_for_resume(tmp_path, None, (), None)


def test_a_run_resumed_elsewhere_takes_its_best_along(tmp_path: Path) -> None:
    train(read_config(), tmp_path / "old")
    resume(tmp_path / "new", source=tmp_path / "old")
    assert (tmp_path / "new" / "best.npz").read_bytes() == (
        tmp_path / "old" / "best.npz"
    ).read_bytes()


def test_a_lost_best_is_replaced_by_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.9, 0.7, 0.1, 0.2])
    train(read_config(), tmp_path)
    (tmp_path / "best.npz").unlink()
    resume(tmp_path)
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 3
    (tmp_path / "best.npz").unlink()
    resume(tmp_path, epochs="+2")
    assert load_checkpoint(tmp_path / "best.npz").record["progress"]["epoch"] == 5


# Runs that an earlier version began


def without_newer_settings(path: Path) -> None:
    """Make a checkpoint look as if it was written when there was no `rho`."""
    checkpoint = load_checkpoint(path)
    lines = checkpoint.record["config"].splitlines()
    assert any(line.startswith("rho = ") for line in lines)
    config = "\n".join(line for line in lines if not line.startswith("rho = "))
    save_checkpoint(path, checkpoint.record | {"config": config}, checkpoint.arrays)


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    now, before = tmp_path / "now", tmp_path / "before"
    for run_dir in (now, before):
        train(read_config(RICH), run_dir, should_stop=after(STEPS + 2))
    for name in ("last.npz", "best.npz"):
        without_newer_settings(before / name)
        assert "rho" not in load_checkpoint(before / name).record["config"]
        load_checkpoint(before / name).model()
    for run_dir in (now, before):
        resume(run_dir)
    assert_same_run(now, before)


# Time


def test_the_time_of_a_run_adds_up_over_its_parts(tmp_path: Path) -> None:
    began = time.perf_counter()
    first = train(read_config(), tmp_path / "run", should_stop=after(STEPS + 1)).progress
    spent = time.perf_counter() - began
    assert 0 < first.history[0]["seconds"] <= first.seconds <= spent
    both = resume(tmp_path / "run").progress
    assert first.seconds < both.seconds <= time.perf_counter() - began
    assert sum(epoch["seconds"] for epoch in both.history) <= both.seconds
