"""Words for the shell at hand: cmd and PowerShell, as far as they can be pretended, and POSIX."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bpnet.cli import shell_words
from bpnet.cli.options import as_on, command_line
from bpnet.cli.shell_words import Shell, expanded, quoted, shell_at_hand
from tests.helpers.places import needs_utf8
from tests.helpers.tiny import process_environment

POWERSHELL_MODULES = r"C:\Users\me\Modules;C:\Program Files\Modules;C:\Windows\Modules"


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
