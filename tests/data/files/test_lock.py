"""Locks between processes and threads: one at a time, and nobody waits for ever."""

import threading
import time
from pathlib import Path

import pytest

from bpnet.data.files.lock import exclusive
from bpnet.errors import DataError


class TestLock:
    def test_lets_one_at_a_time_in(self, tmp_path: Path) -> None:
        inside, most, waits = 0, 0, 0

        def on_wait() -> None:
            nonlocal waits
            waits += 1

        def work() -> None:
            nonlocal inside, most
            with exclusive(tmp_path / "lock", timeout=20, on_wait=on_wait):
                inside += 1
                most = max(most, inside)
                time.sleep(0.01)
                inside -= 1

        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == 1
        assert waits > 0
        assert list(tmp_path.iterdir()) == []

    def test_does_not_wait_for_ever(self, tmp_path: Path) -> None:
        lock = tmp_path / "lock"
        with (
            exclusive(lock, timeout=0, on_wait=lambda: None),
            pytest.raises(DataError, match="another process"),
            exclusive(lock, timeout=0, on_wait=lambda: None),
        ):
            pass

    def test_is_free_again_after_an_error(self, tmp_path: Path) -> None:
        lock = tmp_path / "lock"
        with (
            pytest.raises(RuntimeError, match="mine"),
            exclusive(lock, timeout=0, on_wait=lambda: None),
        ):
            raise RuntimeError("mine")
        with exclusive(lock, timeout=0, on_wait=lambda: None):
            pass

    def test_a_file_left_behind_does_no_harm(self, tmp_path: Path) -> None:
        lock = tmp_path / "lock"
        lock.write_bytes(b"")
        with exclusive(lock, timeout=0, on_wait=lambda: None):
            pass
