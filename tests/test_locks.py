"""Locks where the file system has none: what is written in them decides, where it can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bpnet import locks
from bpnet.errors import CheckpointError
from bpnet.locks import Owner, host_name, is_held, owner_of, take_lock
from bpnet.training.run_dir import claimed_run_dir

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


def ended_process() -> int:
    """Return the number of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "try_lock", lambda descriptor: None)


def test_whether_a_lock_is_held_is_seen_without_taking_it(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not is_held(path)
    assert not path.exists()
    lock = take_lock(path)
    assert lock is not None
    lock.sign()
    assert is_held(path)
    lock.close()  # as a killed process leaves it
    assert not is_held(path)
    assert owner_of(path) == Owner(os.getpid(), host_name())


@pytest.mark.usefixtures("_no_locks")
def test_where_there_are_no_locks_the_signature_tells_whether_one_is_held(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    for process, held in ((os.getpid(), True), (ended_process(), sys.platform == "win32")):
        path.write_text(f"{Owner(process, host_name())}\n", encoding="utf-8")
        assert is_held(path) is held


@pytest.mark.usefixtures("_no_locks")
class TestWithoutLocks:
    def test_a_process_that_runs_here_keeps_the_directory(self, tmp_path: Path) -> None:
        with (
            claimed_run_dir(tmp_path, resumes=True),
            pytest.raises(CheckpointError, match=f"process {os.getpid()} on "),
            claimed_run_dir(tmp_path, resumes=True),
        ):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_of_two_that_begin_at_once_the_last_to_sign_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def meanwhile(seconds: float) -> None:
            (tmp_path / ".lock").write_text("process 1 on this\n")

        monkeypatch.setattr("bpnet.locks.time.sleep", meanwhile)
        with (
            pytest.raises(CheckpointError, match="process 1 on this"),
            claimed_run_dir(tmp_path, resumes=True),
        ):
            pass
        assert (tmp_path / ".lock").exists()

    def test_one_that_has_ended_does_not(self, tmp_path: Path) -> None:
        (tmp_path / ".lock").write_text(f"{Owner(ended_process(), host_name())}\n")
        with claimed_run_dir(tmp_path, resumes=True):
            assert owner_of(tmp_path / ".lock") == Owner(os.getpid(), host_name())

    def test_of_another_machine_nobody_knows_so_the_user_decides(self, tmp_path: Path) -> None:
        lock = tmp_path / ".lock"
        lock.write_text("process 7 on another\n")
        with (
            pytest.raises(CheckpointError, match=f"process 7 on another.*\n.*remove {lock}"),
            claimed_run_dir(tmp_path, resumes=True),
        ):
            pass
        assert lock.read_text() == "process 7 on another\n"


def test_a_file_without_a_signature_has_no_owner(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"\xff\0 process 1")
    assert owner_of(tmp_path / "lock") is None
    assert owner_of(tmp_path / "nowhere") is None


def test_a_lock_is_released_with_its_file(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock")
    assert lock is not None
    assert take_lock(tmp_path / "lock") is None
    lock.release()
    again = take_lock(tmp_path / "lock")
    assert again is not None
    again.release()


@posix_only
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "text"])
def test_a_file_of_the_user_is_no_lock(tmp_path: Path, kind: str) -> None:
    precious, path = tmp_path / "precious", tmp_path / "run" / ".lock"
    precious.write_text("precious")
    path.parent.mkdir()
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "hard link":
        path.hardlink_to(precious)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("mine")
    with (
        pytest.raises(CheckpointError, match="not a lock of bpnet"),
        claimed_run_dir(path.parent, resumes=True),
    ):
        pass
    assert precious.read_text() == "precious"
    assert os.path.lexists(path)


def test_the_lock_of_another_is_not_removed(tmp_path: Path) -> None:
    """A user may have removed the file, and somebody else have made it anew."""
    path = tmp_path / "lock"
    first = take_lock(path)
    assert first is not None
    path.unlink()
    second = take_lock(path)
    assert second is not None
    first.release()
    assert path.exists()
    second.release()
    assert not path.exists()


def test_processes_are_known_to_run_or_to_have_ended() -> None:
    assert Owner(os.getpid(), host_name()).may_be_running()
    assert not Owner(ended_process(), host_name()).may_be_running()
    assert Owner(ended_process(), "another").may_be_running()
    assert not Owner(10**17, host_name()).may_be_running()
