"""The directory of a run: nothing of the user's is replaced, and one process trains in it."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpnet.errors import CheckpointError
from bpnet.model.run_files import LOCK, RUN_FILES
from bpnet.training.run_dir import claimed_run_dir, demand_free
from tests.helpers.started import start_process
from tests.helpers.tiny import bpnet, command, fail, process_environment, succeed

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


def claim(path: Path, *, resumes: bool = False) -> None:
    with claimed_run_dir(path, resumes=resumes):
        pass


# What the user has in it


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_directory_with_any_file_of_a_run_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(CheckpointError, match="would be overwritten") as caught:
        claim(tmp_path)
    assert name in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    claim(tmp_path, resumes=True)
    assert (tmp_path / name).read_text() == "mine"


@posix_only
def test_a_link_to_nothing_counts_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl"):
        demand_free(tmp_path)


def test_other_files_of_the_user_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    claim(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_the_config_of_the_user_is_not_replaced(here: Path) -> None:
    folder = here / "exp"
    folder.mkdir()
    text = (here / "tiny.ini").read_text().replace("pictures", "../pictures") + "; my notes\n"
    (folder / "config.ini").write_text(text)
    for more in ((), ("--dry-run",)):
        told = fail(4, "train", "--config", folder / "config.ini", "--run-dir", folder, *more)
        assert "config.ini" in told
        assert "choose another --run-dir" in told
    assert [path.name for path in folder.iterdir()] == ["config.ini"]
    assert (folder / "config.ini").read_text() == text


@posix_only
def test_where_no_directory_can_be_the_message_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / "pipe")
    places = {
        "file": "a file",
        "file/run": "Not a directory",
        "link": "a symbolic link to nothing",
        "circle": "symbolic links",
        "pipe": "a named pipe",
        "n" * 300: "File name too long",
        "a\0b": "NUL",
    }
    for name, found in places.items():
        with pytest.raises(CheckpointError, match="cannot be made") as caught:
            claim(tmp_path / name)
        assert f"found: {found}" in str(caught.value) or found in str(caught.value), name


# The lock


def test_the_second_trainer_learns_who_the_first_is(tmp_path: Path) -> None:
    with claimed_run_dir(tmp_path, resumes=True):
        for _ in range(2):
            with pytest.raises(CheckpointError, match=f"process {os.getpid()} on ") as caught:
                claim(tmp_path, resumes=True)
            assert caught.value.exit_code == 4
    claim(tmp_path, resumes=True)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_a_killed_process_left_is_taken(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("process 1 on some-other-host\n")
    claim(tmp_path)
    assert list(tmp_path.iterdir()) == []


def start_training(here: Path, *words: object) -> subprocess.Popen[str]:
    """Start a run that takes long, and wait until it holds its directory and has been saved."""
    words = ("train", "--config", "tiny.ini", "--run-dir", "run", "--epochs", 100000, *words)
    process = start_process(command(*words), here, is_silent=True)
    end = time.monotonic() + 60
    while not (here / "run" / "best.npz").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


@posix_only
@pytest.mark.parametrize("workers", ["1", "2"])
def test_one_process_trains_in_a_directory_at_a_time(here: Path, workers: str) -> None:
    process = start_training(here, "--workers", workers)
    try:
        second = bpnet("train", "--resume", "run", cwd=here)
        assert second.returncode == 4
        assert f"process {process.pid} on " in second.stderr
        succeed("eval", here / "run" / "best.npz")
        succeed("train", "--resume", here / "run", "--dry-run")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (here / "run" / LOCK).exists()
    claim(here / "run", resumes=True)  # at once, whatever its workers are still doing


def test_a_lock_that_cannot_be_signed_is_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("bpnet.locks.os.write", full)
        with (
            pytest.raises(CheckpointError, match="No space left"),
            claimed_run_dir(tmp_path, resumes=False),
        ):
            pass
    assert not list(tmp_path.iterdir())
    with claimed_run_dir(tmp_path, resumes=False):
        assert (tmp_path / LOCK).exists()


@posix_only
def test_a_forked_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from pathlib import Path\n"
        "from bpnet.training.run_dir import claimed_run_dir\n"
        f"with claimed_run_dir(Path({str(tmp_path)!r}), resumes=True):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        print(os.getpid(), flush=True)\n"
        "        time.sleep(60)\n"
        "        os._exit(0)\n"
        "    time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, env=process_environment(), stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            with pytest.raises(CheckpointError, match=f"process {parent.pid} "):
                claim(tmp_path, resumes=True)
            parent.kill()
            parent.wait()
            os.kill(child, 0)  # it lives on
            claim(tmp_path, resumes=True)
        finally:
            os.kill(child, signal.SIGKILL)
