"""Results that nobody reads: every command ends quietly once its pipe is closed."""

import errno
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_encodings import HELP
from tests.conftest import TINY, Run
from tests.helpers.places import PROJECT
from tests.helpers.streams import call_unread
from tests.helpers.tiny import process_environment

ASSETS = PROJECT / "bpnet" / "assets"


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
