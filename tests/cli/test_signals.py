"""Signals end every command with one message and its own code; what is ignored stays ignored."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpnet.cli.signals import ONE_WISH, StopAtOnce, StopRequest, StopSignal, undivided
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.forks import CAN_FORK
from bpnet.training import run as runs
from tests.cli.test_train_process import start
from tests.conftest import TINY
from tests.helpers.process_cases import children_of, eventually, lives
from tests.helpers.started import start_process
from tests.helpers.tiny import command, fail, process_environment, succeed

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")

CASES = [
    (signal.SIGINT, 130, "interrupted\n"),
    (signal.SIGTERM, 143, "terminated\n"),
    (signal.SIGHUP, 129, "the terminal was closed\n"),
]


def wait_for_standard_input(folder: Path, *prefix: str) -> subprocess.Popen[str]:
    """Start a command that waits, and return it once it does."""
    process = start_process([*prefix, *command("predict", "-")], folder, reads=True)
    reading = Path(f"/proc/{process.pid}/wchan")
    if reading.exists():
        waits = ("pipe", "poll", "select")  # whatever the system calls it
        assert eventually(
            lambda: any(word in reading.read_text(encoding="utf-8") for word in waits), seconds=60
        )
    else:
        time.sleep(5)
    return process


@pytest.mark.parametrize(("number", "code", "words"), CASES)
def test_a_signal_ends_any_command(
    tmp_path: Path, number: signal.Signals, code: int, words: str
) -> None:
    process = wait_for_standard_input(tmp_path)
    process.send_signal(number)
    assert process.communicate(timeout=60) == ("", words)
    assert process.returncode == code


def test_what_was_ignored_from_the_start_stays_ignored(tmp_path: Path) -> None:
    process = wait_for_standard_input(tmp_path, "nohup")
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "a picture file is empty" in err


def test_a_closed_terminal_saves_the_run(here: Path) -> None:
    process = start(here)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 129
    assert "bpnet: stopped at epoch " in err
    assert load_checkpoint(here / "run" / "last.npz").record["progress"]["step"] >= 7


def test_a_signal_is_obeyed_when_nobody_reads_the_message(here: Path) -> None:
    process = start(here)
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert load_checkpoint(here / "run" / "last.npz").record["progress"]["step"] >= 7


def test_a_signal_before_the_test_score_says_that_the_run_is_saved(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise StopSignal(signal.SIGTERM)

    monkeypatch.setattr(runs, "final_score", interrupted)
    message = fail(143, "train", "--config", TINY, "--run-dir", "run")
    assert "terminated before the test score was known; the run is finished and saved" in message
    assert f"eval {here / 'run'}" in message
    assert json.loads(succeed("eval", "run", "--json").out)["samples"] == 30


def test_one_wish_may_come_as_two_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """`timeout` tells its child and then its group; so does a closing terminal."""
    now = [1000.0]
    monkeypatch.setattr("bpnet.cli.signals.time.monotonic", lambda: now[0])
    request = StopRequest()
    request.receive(signal.SIGTERM, None)
    now[0] += 0.9 * ONE_WISH
    request.receive(signal.SIGTERM, None)
    now[0] += 0.2 * ONE_WISH
    with pytest.raises(StopSignal):
        request.receive(signal.SIGTERM, None)
    at_once = StopAtOnce()
    with pytest.raises(StopSignal):
        at_once(signal.SIGTERM, None)
    now[0] += 0.9 * ONE_WISH
    at_once(signal.SIGTERM, None)


# Workers


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_worker_is_stopped(here: Path, number: signal.Signals) -> None:
    process = start(here, "--workers", "2 processes")
    (worker,) = children_of(process.pid)
    os.kill(worker, signal.SIGSTOP)
    time.sleep(0.2)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "ended in the middle of a step: a worker process has been stopped" in err
    assert "the last checkpoint stays as it was" in err
    assert not lives(worker)
    assert load_checkpoint(here / "run" / "last.npz").record["progress"]["step"] == 0


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
def test_a_run_goes_on_after_it_was_stopped_as_a_whole(here: Path) -> None:
    """This is what Ctrl-Z and `fg` do."""
    process = start(here, "--workers", "2 processes")
    members = [process.pid, *children_of(process.pid)]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for member in members:
            os.kill(member, number)
        time.sleep(0.3)
    assert process.stderr is not None
    assert "samples/s" in process.stderr.readline()
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the run is saved" in err


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_signal_during_the_start_has_no_traceback_once_bpnet_runs(tmp_path: Path) -> None:
    """Ctrl-C while modules are imported: the slowest part of a short command."""
    code = (
        "import os, signal, sys\n"
        "from bpnet.cli.main import main\n"
        "import importlib._bootstrap as machinery\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'bpnet.cli.summary':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['bpnet', 'summary', 'mlp']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=process_environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_what_is_undivided_ends_before_the_signal_is_obeyed() -> None:
    done = []

    def work(signals: list[signal.Signals]) -> None:
        with undivided():
            for number in signals:
                signal.raise_signal(number)
            done.append(signals)

    before = signal.getsignal(signal.SIGINT)
    work([])
    with pytest.raises(StopSignal, match="interrupted"):
        work([signal.SIGINT])
    with pytest.raises(StopSignal, match="terminated"):
        work([signal.SIGINT, signal.SIGTERM])  # whoever insists is obeyed at once
    assert done == [[], [signal.SIGINT]]
    assert signal.getsignal(signal.SIGINT) == before
