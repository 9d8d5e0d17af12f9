"""Other systems: Windows and macOS, as far as they can be pretended here; and closed pipes."""

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bpnet import files, machine
from bpnet.cli import shell_words
from bpnet.cli.options import as_on, command_line
from bpnet.cli.shell_words import Shell, expanded, quoted, shell_at_hand
from bpnet.disk import DEVICE_NAME, what_is_at
from bpnet.files import OPEN_ELSEWHERE, write_text
from bpnet.model.forks import CAN_FORK
from tests.cli.test_encodings import HELP
from tests.conftest import TINY, Run
from tests.helpers.places import PROJECT, needs_utf8
from tests.helpers.streams import call_unread
from tests.helpers.tiny import fail, process_environment, succeed

ASSETS = PROJECT / "bpnet" / "assets"
POWERSHELL_MODULES = r"C:\Users\me\Modules;C:\Program Files\Modules;C:\Windows\Modules"


# Windows


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


@pytest.fixture
def _windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delenv("SHELL", raising=False)
    monkeypatch.delenv("PSMODULEPATH", raising=False)


@pytest.mark.usefixtures("_windows")
def test_the_shell_is_told_by_what_it_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell_at_hand() is Shell.CMD
    monkeypatch.setenv("PSMODULEPATH", r"C:\Program Files\Modules;C:\Windows\Modules")
    assert shell_at_hand() is Shell.CMD
    monkeypatch.setenv("PSMODULEPATH", POWERSHELL_MODULES)
    assert shell_at_hand() is Shell.POWERSHELL
    monkeypatch.setenv("SHELL", "/usr/bin/bash")  # of Git for Windows
    assert shell_at_hand() is Shell.POSIX
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("SHELL")
    assert shell_at_hand() is Shell.POSIX


@pytest.mark.parametrize(
    ("word", "cmd", "powershell"),
    [
        ("runs\\mlp-1", "runs\\mlp-1", "runs\\mlp-1"),
        ("C:\\my runs\\1", '"C:\\my runs\\1"', "'C:\\my runs\\1'"),
        ("C:\\my runs\\", '"C:\\my runs\\\\"', "'C:\\my runs\\'"),
        ("a&b", '"a&b"', "'a&b'"),
        ("it's", '"it\'s"', "'it''s'"),
        ("100%", '"100"^%""', "'100%'"),
        ('say "a"', '"say \\"a\\""', "'say \"a\"'"),
        ("$home", '"$home"', "'$home'"),
        ("a,b", "a,b", "'a,b'"),
        ("-a.b", "-a.b", "'-a.b'"),
        ("--epochs", "--epochs", "--epochs"),
        ("+2", "+2", "+2"),
        ("", '""', "''"),
    ],
)
@pytest.mark.usefixtures("_windows")
def test_words_are_quoted_for_the_shell_at_hand(
    word: str, cmd: str, powershell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quoted(word) == cmd
    monkeypatch.setenv("PSMODULEPATH", POWERSHELL_MODULES)
    assert quoted(word) == powershell
    monkeypatch.setattr(sys, "platform", "linux")
    assert shlex.split(quoted(word)) == [word]


@pytest.mark.usefixtures("_windows")
def test_suggested_commands_run_in_the_shell_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["C:/my programs/bpnet.exe"])
    assert command_line("eval", "my run") == '"C:/my programs/bpnet.exe" eval "my run"'
    sizes = 'set "OPENBLAS_CORETYPE=Haswell" && set "BPNET_PROCESSOR=Haswell 512K" &&'
    assert as_on("Haswell 512K") == sizes
    monkeypatch.setenv("PSMODULEPATH", POWERSHELL_MODULES)
    assert command_line("eval", "my run") == "& 'C:/my programs/bpnet.exe' eval 'my run'"
    sizes = "$env:OPENBLAS_CORETYPE='Haswell'; $env:BPNET_PROCESSOR='Haswell 512K';"
    assert as_on("Haswell 512K") == sizes


@needs_utf8
def test_a_word_that_the_terminal_cannot_show_is_spelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_words, "shown", lambda word: word.encode("ascii", "replace").decode())
    word = quoted("δ.png")
    assert word.isascii()
    done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True)
    assert done.stdout == "δ.png".encode()


def test_patterns_that_the_shell_leaves_are_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("b1.png", "a1.png", "[x].png", ".hidden.png", "deep/c1.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    words = ["predict", "*1.png", "[x].png", "--top", "2", "*.jpg", "-*1.png"]
    assert expanded(words) == [
        *("predict", "a1.png", "b1.png", "[x].png", "--top", "2", "*.jpg", "-*1.png")
    ]
    assert expanded(["**/c1.png"]) == [os.path.join("deep", "c1.png")]  # noqa: PTH118
    assert expanded([f"~{os.sep}a*.png", "~other"]) == [str(tmp_path / "a1.png"), "~other"]


@pytest.mark.skipif(sys.platform == "win32", reason="pretends to be what this system is")
def test_the_command_expands_patterns_on_windows_alone(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        (tmp_path / name).touch()
    code = (
        "import sys\n"
        "from tests.helpers.as_windows import pretend\n"
        "pretend()\n"
        "import bpnet.cli.main as main\n"
        "main.run = lambda arguments, debug: print(*arguments) or 0\n"
        "sys.argv = ['bpnet', 'eval', '*.npz']\n"
        "main.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=process_environment(), capture_output=True
    )
    assert done.stdout.decode().split() == ["eval", "a.npz", "b.npz"], done.stderr


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


@pytest.mark.usefixtures("_windows")
@pytest.mark.parametrize("name", ["con.ini", "NUL", "com1", "aux.tar.gz", "lpt9 .txt"])
def test_names_of_devices_are_no_files(tmp_path: Path, name: str) -> None:
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


@pytest.mark.skipif(sys.platform != "linux", reason="the cache is told by XDG_CACHE_HOME")
def test_nothing_is_kept_but_runs_and_a_cache_that_can_be_cleaned(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in {"XDG_CACHE_HOME": "cache", "HOME": "home", "TMPDIR": "tmp"}.items():
        (here / folder).mkdir()
        monkeypatch.setenv(name, str(here / folder))
    before = {*here.rglob("*")}
    sizes = ("data.synthetic_train=100", "data.synthetic_test=20", "data.validation=20")
    small = [word for size in sizes for word in ("--set", size)]
    for words in (
        ("train", "--config", "quickstart", "--epochs", "1", *small),
        ("predict", ASSETS / "seven.jpg"),
        ("draw", "--no-open"),
        ("trace", "chain"),
        ("curves", "chain"),
    ):
        succeed(*words)
    kept = {path for path in {*here.rglob("*")} - before if path.is_file()}
    assert {path.relative_to(here).parts[0] for path in kept} == {"runs", "cache"}
    assert str(here / "cache" / "bpnet") in succeed("data", "info").out
    succeed("data", "clean")
    assert not [path for path in (here / "cache").rglob("*") if path.is_file()]


# macOS


def test_accelerate_gets_one_thread_before_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.ACCELERATE_THREADS, "kept")
    monkeypatch.delenv(machine.ACCELERATE_THREADS)
    machine.limit_accelerate()
    assert (machine.ACCELERATE_THREADS in os.environ) == (sys.platform == "darwin")
    monkeypatch.setattr(sys, "platform", "darwin")
    machine.limit_accelerate()
    assert os.environ[machine.ACCELERATE_THREADS] == "1"
    monkeypatch.setenv(machine.ACCELERATE_THREADS, "4")
    machine.limit_accelerate()
    assert os.environ[machine.ACCELERATE_THREADS] == "4"


def test_a_blas_that_nobody_can_ask_is_named_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    class Nothing:
        def info(self) -> list[dict[str, object]]:
            return []

    built = {"Build Dependencies": {"blas": {"name": "accelerate", "version": "unknown"}}}
    monkeypatch.setattr(machine, "_blas", Nothing)
    monkeypatch.setattr(np, "show_config", lambda mode: built)
    monkeypatch.setenv(machine.ACCELERATE_THREADS, "1")
    assert machine.blas_kernel() == machine.UNKNOWN
    assert machine.blas_description() == [
        {
            "internal_api": "accelerate",
            "version": "unknown",
            "architecture": None,
            "num_threads": 1,
        }
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="pretends to be what this system is")
@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_compute_in_threads(system: str) -> None:
    code = (
        f"import sys; sys.platform = {system!r}\n"
        "from bpnet.model.forks import CAN_FORK\n"
        "print(CAN_FORK)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=process_environment(), cwd=PROJECT, capture_output=True
    )
    assert done.stdout.decode().strip() == "False", done.stderr
    assert CAN_FORK in (True, False)


# Closed pipes


def results(run: Run) -> list[tuple[object, ...]]:
    """Return commands that write results."""
    return [
        ("--help",),
        ("--version",),
        *HELP,
        ("train", "--config", TINY, "--epochs", "1", "--run-dir", "new"),
        ("eval", run.path),
        ("predict", ASSETS / "seven.jpg"),
        ("predict", ASSETS / "seven.jpg", ASSETS / "nine.jpg", "--jsonl"),
        ("predict", ASSETS / "seven.jpg", "--csv"),
        ("draw", "--no-open", "-o", "canvas.html"),
        ("data", "info", "--data-dir", "."),
        ("summary", "mlp"),
        ("trace", "chain"),
        ("trace", "chain", "--json"),
        ("trace", "chain", "--latex"),
        ("gradcheck", "chain", "--json"),
        ("curves", run.path),
        ("bench", "--show-choices"),
        ("verify-run", run.path),
    ]


def test_a_closed_pipe_ends_every_command_quietly(here: Path, tiny_run: Run) -> None:
    for words in results(tiny_run):
        answer = call_unread(*words)
        assert answer.code == 141, words
        assert "bpnet: " not in answer.err, words
    assert (here / "new" / "best.npz").exists()


def test_windows_tells_of_a_closed_pipe_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call_unread("trace", "chain", number=errno.EINVAL).code == 1
    monkeypatch.setattr(sys, "platform", "win32")
    for words in (["trace", "chain"], ["--help"]):
        answer = call_unread(*words, number=errno.EINVAL)
        assert (answer.code, answer.err) == (141, "")


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs a POSIX shell")
@pytest.mark.parametrize("words", ["trace chain", "--help"])
def test_head_ends_a_command_quietly(words: str) -> None:
    line = f"{shlex.quote(sys.executable)} -m bpnet {words} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], env=process_environment(), cwd=PROJECT, capture_output=True, text=True
    )
    assert done.stderr == ""
    first, code = done.stdout.splitlines()
    assert first
    assert code in ("0", "141")  # it may have written all before its reader went
