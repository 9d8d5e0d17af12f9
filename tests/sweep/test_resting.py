"""The end of a sweep: runs that are under way are waited for, whatever their executor says."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from bpnet.cli.sweep_options import SweepOptions
from bpnet.locks import claim_lock
from bpnet.model.run_files import LOCK
from bpnet.sweep import resting
from bpnet.sweep.resting import rest
from bpnet.sweep.task import Outcome, Task
from tests.helpers.sweeps import sweep_file
from tests.helpers.tiny import call

FUTURE: Any = Future


def test_a_run_that_only_its_lock_shows_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "QUIET", 0.5)
    permit, cancelled = tmp_path / "permit", FUTURE()
    permit.touch()
    lock = claim_lock(tmp_path / LOCK)

    def save() -> None:
        while permit.exists():
            time.sleep(0.01)
        time.sleep(1)
        lock.release()

    saving = threading.Thread(target=save)
    saving.start()
    assert rest(permit, {cancelled: tmp_path, FUTURE(): tmp_path / "not-begun"}) == []
    assert not (tmp_path / LOCK).exists()
    assert cancelled.cancelled()
    saving.join()


def test_a_run_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "PATIENCE", 0.3)
    lock = claim_lock(tmp_path / LOCK)
    assert rest(tmp_path / "permit", {FUTURE(): tmp_path}) == [tmp_path]
    lock.release()


class Cluster(Executor):
    """Train in threads, and cancel like Dask: at once, whatever is under way."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.threads = threads
        self.has_begun = threading.Event()

    def submit(self, do: Any, task: Any) -> Any:  # type: ignore[override]
        future = FUTURE()
        self.threads.submit(lambda: self.do(task))
        if self.has_begun.wait(5):
            signal.raise_signal(signal.SIGINT)
        return future

    def do(self, task: Task) -> Outcome:
        run_dir = Path(task.run_dir)
        run_dir.mkdir()
        lock = claim_lock(run_dir / LOCK)
        self.has_begun.set()
        while Path(task.permit).exists():
            time.sleep(0.01)
        time.sleep(1)
        lock.release()
        return {}


@pytest.mark.parametrize("patience", [20.0, 0.3])
def test_what_is_told_of_runs_under_way_is_true(
    here: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(resting, "PATIENCE", patience)
    monkeypatch.setattr(resting, "QUIET", 0.5)
    with ThreadPoolExecutor(1) as threads:
        monkeypatch.setattr(SweepOptions, "executor", lambda self: nullcontext(Cluster(threads)))
        path = sweep_file(here, "train.batch_size = 8\n", "")
        answer = call("sweep", path, "--run-dir", "out")
        is_held = (here / "out" / "trial001-seed1" / LOCK).exists()
    assert answer.code == 130
    assert is_held == (patience < 1)
    told = "1 run is still under way, and will save after the step"
    assert (told if is_held else "those under way are saved") in answer.err
