"""`bpnet train`: what it says, what it leaves, how it is stopped, and how it goes on."""

import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MNIST, Run
from tiny import (
    NET,
    PROJECT,
    TABLE,
    TRAIN,
    bpnet,
    call,
    command,
    draw_dataset,
    fail,
    process_environment,
    succeed,
    write_idx_folder,
)

from bpnet.cli.bars import RunDisplay
from bpnet.cli.signals import stop_request
from bpnet.cli.train import _default_run_dir
from bpnet.training.checkpoint import load_checkpoint
from bpnet.training.loop import Trainer
from bpnet.training.metrics import Score

KEYS = [
    *("run_dir", "epochs", "steps", "seconds", "samples_per_second", "train_loss"),
    *("validation_accuracy", "test_loss", "test_accuracy", "test_errors"),
    *("best_checkpoint", "last_checkpoint"),
]
TINY = Path("tiny.ini")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with a config and its pictures."""
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    (tmp_path / TINY).write_text(NET + TRAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/opt/bpnet"])
    return tmp_path


# What it says and leaves


def test_the_json_document_has_these_keys_and_nothing_around_it(tiny_run: Run) -> None:
    said = tiny_run.said
    assert list(said) == KEYS
    assert said["run_dir"] == str(tiny_run.path)
    assert (said["epochs"], said["steps"]) == (3, 15)
    assert said["best_checkpoint"] == str(tiny_run.path / "best.npz")
    assert said["last_checkpoint"] == str(tiny_run.path / "last.npz")
    assert 0 <= said["test_accuracy"] <= 1
    assert said["test_errors"] == round(50 * (1 - said["test_accuracy"]))
    assert said["seconds"] > 0


def test_a_run_directory_holds_these_files(tiny_run: Run) -> None:
    assert {path.name for path in tiny_run.path.iterdir()} == {
        *("config.ini", "environment.json", "metrics.jsonl", "last.npz", "best.npz"),
    }
    environment = json.loads((tiny_run.path / "environment.json").read_text())
    assert {"python", "numpy", "cpu", "cores", "workers", "blas"} <= set(environment)


def test_the_effective_config_of_a_run_gives_the_same_run(tiny_run: Run, here: Path) -> None:
    again = tiny_run.path / "config.ini"
    said = json.loads(succeed("train", "--config", again, "--run-dir", "again", "--json").out)
    timed = {"run_dir", "best_checkpoint", "last_checkpoint", "seconds", "samples_per_second"}
    for key in set(KEYS) - timed:
        assert said[key] == tiny_run.said[key]
    assert (here / "again" / "config.ini").read_text() == again.read_text()


def test_a_reader_gets_the_score_and_commands_that_run_as_they_stand(here: Path) -> None:
    answer = succeed("train", "--config", TINY, "--run-dir", "run")
    assert "test accuracy" in answer.out
    assert len(answer.err.splitlines()) == 3
    assert answer.err.startswith("epoch 1/3  loss ")
    commands = answer.out.partition("next:\n")[2].splitlines()
    words = [shlex.split(line) for line in commands]
    assert [line[1] for line in words] == ["eval", "train"]  # and no predict: not 28×28
    for line in words:
        succeed(*line[1:])


@pytest.mark.usefixtures("here")
def test_the_suggested_commands_find_the_data_again(digit_run: Run) -> None:
    answer = succeed("train", "--resume", digit_run.path, "--data-dir", "/nowhere else")
    lines = [shlex.split(line) for line in answer.out.partition("next:\n")[2].splitlines()]
    assert [line[1] for line in lines if line[1] != "predict"] == ["eval", "train"]
    for line in lines:
        if line[1] == "predict":
            assert Path(line[-1]).is_file()
        else:
            assert line[-2:] == ["--data-dir", "/nowhere else"]


def test_the_run_directory_is_named_after_config_and_time(here: Path) -> None:
    for _ in range(2):
        succeed("train", "--config", TINY, "--epochs", 1)
    names = sorted(path.name for path in (here / "runs").iterdir())
    assert len(names) == 2
    assert all(name.startswith("tiny-20") for name in names)


def test_options_change_settings(here: Path) -> None:
    words = ("--epochs", "2", "--seed", "7", "--set", "train.batch_size=20", "--workers", "1")
    said = json.loads(succeed("train", "--config", TINY, "--run-dir", "run", "--json", *words).out)
    assert (said["epochs"], said["steps"]) == (2, 8)
    config = (here / "run" / "config.ini").read_text()
    assert "seed = 7\n" in config
    assert load_checkpoint(here / "run" / "last.npz").config().train.seed == 7


def test_the_number_of_workers_changes_no_bit(here: Path) -> None:
    for count in (1, 2):
        succeed("train", "--config", TINY, "--run-dir", count, "--workers", count)
    one, two = (load_checkpoint(here / name / "last.npz").arrays for name in ("1", "2"))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


def test_a_dry_run_shows_the_network_and_writes_nothing(here: Path) -> None:
    answer = succeed("train", "--config", TINY, "--dry-run")
    assert "1.conv" in answer.out
    assert "total" in answer.out
    assert set(here.iterdir()) == {here / "pictures", here / TINY}
    assert fail(
        2, "train", "--config", TINY, "--dry-run", "--set", "model.layers=flatten, linear 4"
    )


@pytest.mark.usefixtures("global_random_state")
def test_no_random_state_is_shared_with_anybody(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run", "--set", "augment.shift=1")


def test_a_table_of_numbers_is_trained_and_scored(here: Path) -> None:
    (here / "table.ini").write_text(TABLE)
    answer = succeed("train", "--config", "table.ini", "--run-dir", "run", "--json")
    said = json.loads(answer.out)
    assert list(said) == KEYS
    for key in ("validation_accuracy", "test_accuracy", "test_errors"):
        assert said[key] is None
    assert said["test_loss"] > 0
    assert "test loss" in succeed("train", "--resume", "run").out


# What it refuses


def test_errors_have_the_exit_codes_of_their_kind(here: Path) -> None:
    assert "no such config" in fail(2, "train", "--config", "lenet")
    assert "did you mean" in fail(2, "train", "--config", TINY, "--set", "train.epoch=3")
    assert "--config" in fail(2, "train")
    assert "No such option" in fail(2, "train", "--nonsense")
    assert "lacks files" in fail(3, "train", "--config", TINY, "--set", "data.path=nowhere")
    assert "leave no sample" in fail(3, "train", "--config", TINY, "--set", "data.validation=999")
    assert "there is no checkpoint" in fail(4, "train", "--resume", "nothing.npz")
    assert "holds no checkpoint" in fail(4, "train", "--resume", "pictures")
    (here / "file").touch()
    assert "cannot be made" in fail(4, "train", "--config", TINY, "--run-dir", "file/run")
    diverging = ("--set", "optimizer.learning_rate=1e30", "--run-dir", "diverged")
    message = fail(5, "train", "--config", TINY, *diverging)
    assert "epoch 1, step 2, layer 5.linear" in message or "layer 1.conv" in message
    load_checkpoint(here / "diverged" / "last.npz")


def test_every_error_is_one_message_on_standard_error(here: Path) -> None:
    for words in (["train", "--config", "x"], ["train", "--resume", "x"], ["eval", "x"]):
        answer = call(*words)
        assert answer.out == ""
        assert answer.err.count("bpnet: ") == 1
        assert "try: " in answer.err or "expected: " in answer.err


def test_a_class_that_the_network_does_not_answer_is_a_config_error(here: Path) -> None:
    message = fail(2, "train", "--config", TINY, "--set", "model.layers=flatten, linear 4")
    assert "must give (3,), found (4,)" in message


def test_a_run_directory_with_another_run_is_refused(tiny_run: Run, here: Path) -> None:
    before = (tiny_run.path / "last.npz").read_bytes()
    message = fail(4, "train", "--config", TINY, "--run-dir", tiny_run.path)
    assert "holds a run already" in message
    assert f"--resume {tiny_run.path}" in message
    assert (tiny_run.path / "last.npz").read_bytes() == before


def test_plus_needs_a_run_to_extend(here: Path) -> None:
    assert "--resume" in fail(2, "train", "--config", TINY, "--epochs", "+2")
    assert "does not understand" in fail(2, "train", "--config", TINY, "--epochs", "some")


def test_resuming_on_other_data_changes_nothing(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    before = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
    write_idx_folder(here / "pictures", draw_dataset(train=110))
    assert "other data" in fail(4, "train", "--resume", "run", "--epochs", "+2")
    assert {path.name: path.read_bytes() for path in (here / "run").iterdir()} == before


def test_runs_that_start_side_by_side_get_directories_of_their_own(here: Path) -> None:
    paths = {_default_run_dir("configs/a.ini") for _ in range(5)}
    assert len(paths) == 5
    assert all(path.is_dir() and path.name.startswith("a-20") for path in paths)
    (here / "other").symlink_to(here / "nowhere")
    shutil.rmtree(here / "runs")
    (here / "other").rename(here / "runs")
    assert "cannot be written" in fail(4, "train", "--config", TINY)


# How it goes on


def test_a_finished_run_is_scored_again_and_extended_in_place(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    again = json.loads(succeed("train", "--resume", "run", "--json").out)
    assert again["epochs"] == 3
    longer = json.loads(succeed("train", "--resume", "./run", "--epochs", "+2", "--json").out)
    assert (longer["epochs"], longer["run_dir"]) == (5, str(here / "run"))
    assert len((here / "run" / "metrics.jsonl").read_text().splitlines()) == 5
    assert "epochs = 5\n" in (here / "run" / "config.ini").read_text()
    assert fail(2, "train", "--resume", "run", "--epochs", "2")


def test_a_contradicting_setting_is_refused(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    message = fail(2, "train", "--resume", "run", "--seed", "5")
    assert "train.seed is 1 in the checkpoint, but 5 was asked for" in message
    succeed("train", "--resume", "run", "--seed", "1", "--config", TINY)


def test_a_checkpoint_resumed_elsewhere_leaves_the_old_run_alone(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    before = (here / "run" / "last.npz").read_bytes()
    words = ("--resume", "run/last.npz", "--run-dir", "new", "--epochs", "+1", "--json")
    assert json.loads(succeed("train", *words).out)["epochs"] == 4
    assert (here / "run" / "last.npz").read_bytes() == before


# Processes of its own


def start(folder: Path, *options: object) -> subprocess.Popen[str]:
    """Start a run of many epochs, and wait until the first of them is over."""
    many = ("--epochs", 200, "--set", "checkpoint.every=1000", "--set", "data.validation=0")
    process = subprocess.Popen(
        command("train", "--config", TINY, "--run-dir", "run", *many, *options),
        cwd=folder,
        env=process_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1/200")
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_run_and_the_printed_command_goes_on(
    here: Path, number: signal.Signals, code: int
) -> None:
    process = start(here, "--json")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    message = err.partition("bpnet: ")[2]
    assert message.startswith("stopped at epoch ")
    saved = load_checkpoint(here / "run" / "last.npz").record["progress"]
    assert 7 <= saved["step"] < 1400
    line = message.partition("try: ")[2].strip()
    done = subprocess.run(
        shlex.split(line), cwd=here, env=process_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    lines = [json.loads(line) for line in (here / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(7, 1401, 7))


def test_a_signal_behind_the_last_step_is_heard_too(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses Ctrl-C does not want the next command of a script to run."""
    validate = Trainer._validate

    def interrupted(self: Trainer) -> Score | None:
        if self.progress.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return validate(self)

    monkeypatch.setattr(Trainer, "_validate", interrupted)
    message = fail(130, "train", "--config", TINY, "--run-dir", "run")
    assert "bpnet: stopped at epoch 3, step 15; the run is saved" in message
    assert json.loads(succeed("train", "--resume", "run", "--json").out)["epochs"] == 3


def test_the_second_signal_does_not_wait() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_request() as stop:  # noqa: PT012
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        assert stop.error().exit_code == 143
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    display = RunDisplay(3)
    display.epoch_started(2, 5, 1)
    display.step_done(0.5)
    display.close()
    assert "epoch 2/3" in terminal.getvalue()
    assert "1/5" in terminal.getvalue()


def test_without_a_terminal_there_is_no_bar_and_one_line_per_epoch(here: Path) -> None:
    done = bpnet("train", "--config", TINY, "--run-dir", "run", "--json", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr
    assert [line[:9] for line in done.stderr.splitlines()] == [f"epoch {n}/3" for n in (1, 2, 3)]
    assert list(json.loads(done.stdout)) == KEYS


def test_a_process_ends_with_the_exit_code_and_no_traceback(here: Path) -> None:
    done = bpnet("train", "--config", "nothing", cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    debugged = bpnet("train", "--config", "nothing", "--debug", cwd=here)
    assert debugged.returncode == 2
    assert "Traceback" in debugged.stderr


# Real pictures


def test_mnist_is_learnt_in_one_short_epoch(mnist_run: Run) -> None:
    assert mnist_run.said["test_accuracy"] > 0.85
    assert mnist_run.said["validation_accuracy"] > 0.85
    assert mnist_run.said["steps"] == 79


def test_mnist_may_be_named_as_an_option(mnist_run: Run, here: Path) -> None:
    answer = succeed("train", "--resume", mnist_run.path, "--data-dir", MNIST, "--json")
    assert json.loads(answer.out)["test_accuracy"] == mnist_run.said["test_accuracy"]


def test_every_preset_describes_a_network(here: Path) -> None:
    for path in sorted((PROJECT / "configs").rglob("*.ini")):
        succeed("summary", path)
