"""`bpnet train` as a process: signals, the terminal, exit codes."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bpnet.cli.bars import RunDisplay
from bpnet.cli.signals import StopSignal, stop_request
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.score import Score
from bpnet.training.loop import Trainer
from tests.cli.test_train import KEYS
from tests.conftest import TINY
from tests.helpers.started import start_process
from tests.helpers.tiny import bpnet, command, fail, process_environment, succeed

MANY = 100_000  # epochs: a busy machine may keep a test waiting before it sends a signal
SETTINGS = (f"checkpoint.every={MANY}", "data.validation=0", "schedule.name=constant")
ENDLESS = ("--epochs", MANY, *(word for setting in SETTINGS for word in ("--set", setting)))


def start(folder: Path, *options: object) -> subprocess.Popen[str]:
    """Start a run that outlasts any test, and wait until its first epoch is over."""
    words = command("train", "--config", TINY, "--run-dir", "run", *ENDLESS, *options)
    process = start_process(words, folder)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("training ")
    assert process.stderr.readline().startswith(f"epoch 1/{MANY}")
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
    assert saved["step"] >= 7
    end = saved["epoch"] + 2
    done = subprocess.run(
        [*shlex.split(message.partition("try: ")[2]), "--epochs", str(end)],
        cwd=here,
        env=process_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    lines = [json.loads(line) for line in (here / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(7, 7 * end + 1, 7))


def test_a_signal_behind_the_last_step_is_heard_too(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses Ctrl-C does not want the next command of a script to run."""
    validate = Trainer.validate

    def interrupted(self: Trainer) -> Score | None:
        if self.progress.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return validate(self)

    monkeypatch.setattr(Trainer, "validate", interrupted)
    message = fail(130, "train", "--config", TINY, "--run-dir", "run")
    assert "bpnet: stopped at epoch 3, step 15; the run is saved" in message
    assert json.loads(succeed("train", "--resume", "run", "--json").out)["epochs"] == 3


def test_the_second_signal_does_not_wait() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(StopSignal), stop_request() as stop:  # noqa: PT012
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
    first, *epochs = done.stderr.splitlines()
    assert first.startswith("training ")
    assert [line[:9] for line in epochs] == [f"epoch {n}/3" for n in (1, 2, 3)]
    assert list(json.loads(done.stdout)) == KEYS


def test_a_process_ends_with_the_exit_code_and_no_traceback(here: Path) -> None:
    done = bpnet("train", "--config", "nothing", cwd=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    debugged = bpnet("train", "--config", "nothing", "--debug", cwd=here)
    assert debugged.returncode == 2
    assert "Traceback" in debugged.stderr
