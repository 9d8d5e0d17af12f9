"""Windows, as far as it can be pretended here."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bpnet import files
from bpnet.disk import DEVICE_NAME, what_is_at
from bpnet.files import OPEN_ELSEWHERE, write_text
from tests.conftest import TINY, Run
from tests.helpers.places import PROJECT
from tests.helpers.tiny import fail, process_environment, succeed

ASSETS = PROJECT / "bpnet" / "assets"


@pytest.mark.skipif(sys.platform == "win32", reason="pretends to be what this system is")
def test_everything_runs_without_what_windows_lacks(here: Path, tiny_run: Run) -> None:
    pictures = [str(path) for path in sorted(ASSETS.glob("*.jpg"))]
    words = [
        ["--help"],
        ["train", "--config", str(TINY), "--epochs", "2", "--run-dir", "run", "--workers", "2"],
        ["train", "--resume", "run", "--epochs", "+1"],
        ["eval", "run"],
        ["predict", *pictures],
        ["predict", "--segment", str(ASSETS / "year.jpg"), "--explain", "pages.png"],
        ["data", "info"],
        ["data", "import", "pictures", "--name", "mine"],
        ["data", "clean"],
        ["trace", "chain"],
        ["gradcheck", "chain"],
        ["summary", "run"],
        ["curves", "run"],
        ["bench", "--show-choices"],
        ["draw", "--no-open", "-o", "canvas.html"],
        ["verify-run", str(tiny_run.path)],
    ]
    (here / "data").mkdir()
    strict = [sys.executable, "-X", "warn_default_encoding"]
    done = subprocess.run(
        [*strict, "-m", "tests.helpers.as_windows", json.dumps(words)],
        cwd=here,
        env=process_environment(BPNET_DATA_DIR=str(here / "data"), XDG_CACHE_HOME=str(here)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "1998" in done.stdout
    assert not (here / "run" / ".lock").exists()
    assert (here / "canvas.html").exists()


class OpenElsewhere:
    """Refuse to rename a file a few times, as Windows does while another program has it open."""

    def __init__(self, times: int, number: int) -> None:
        self.times = times
        self.number = number
        self.really = Path.replace

    def __call__(self, path: Path, target: Path) -> Path:
        self.times -= 1
        if self.times < 0:
            return self.really(path, target)
        error = PermissionError(errno.EACCES, "Access is denied", str(target))
        error.winerror = self.number  # type: ignore[attr-defined]
        raise error


def test_a_file_that_is_open_elsewhere_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "INTERVAL", 0)
    path = tmp_path / "config.ini"
    write_text(path, "old")
    refusal = OpenElsewhere(3, number=32)
    monkeypatch.setattr(Path, "replace", lambda one, other: refusal(one, other))
    write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    monkeypatch.setattr(files, "PATIENCE", 0)
    refusal.times = 2
    with pytest.raises(PermissionError, match=OPEN_ELSEWHERE):
        write_text(path, "newer")
    refusal.times, refusal.number = 1, 1  # another reason
    with pytest.raises(PermissionError, match="denied"):
        write_text(path, "newer")
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("name", ["con.ini", "NUL", "com1", "aux.tar.gz", "lpt9 .txt"])
def test_names_of_devices_are_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert what_is_at(tmp_path / name) == DEVICE_NAME
    with pytest.raises(OSError, match="name of a device"):
        write_text(tmp_path / name, "lost")
    assert DEVICE_NAME in fail(2, "summary", name)
    assert what_is_at(tmp_path / f"x{name}") != DEVICE_NAME


def test_names_of_devices_are_names_elsewhere(tmp_path: Path) -> None:
    write_text(tmp_path / "con.ini", "kept")
    assert what_is_at(tmp_path / "con.ini") == "a file"


@pytest.mark.skipif(sys.platform == "win32", reason="pretends to be what this system is")
def test_ctrl_break_ends_a_command_as_sigterm_does() -> None:
    code = (
        "from tests.helpers.as_windows import pretend\n"
        "pretend()\n"
        "import signal\n"
        "from bpnet.cli.signals import StopAtOnce, StopSignal, handle_signals, stop_request\n"
        "handle_signals(StopAtOnce())\n"
        "with stop_request() as request:\n"
        "    signal.raise_signal(signal.SIGBREAK)\n"
        "    assert request() and request.error().exit_code == 143\n"
        "try:\n"
        "    signal.raise_signal(signal.SIGBREAK)\n"
        "except StopSignal as stop:\n"
        "    print(stop, stop.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=process_environment(), cwd=PROJECT, capture_output=True
    )
    assert done.stdout.decode().split() == ["terminated", "143"], done.stderr


def test_runs_have_names_for_every_file_system(here: Path) -> None:
    folder = json.loads(succeed("train", "--config", TINY, "--json").out)["run_dir"]
    assert not {*Path(folder).name} & {*'<>:"/\\|?*'}
    assert Path(folder).parent == here / "runs"
