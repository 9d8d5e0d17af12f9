"""The permit of a sweep's runs: touched by a sweep that lives, missed by runs of a killed one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from bpnet.sweep import child, driver, permit, task
from bpnet.sweep.child import StopWish
from bpnet.sweep.driver import Driver, Surroundings, SweepObserver
from bpnet.sweep.permit import SILENCE, SILENT, PermitWatch, new_permit
from bpnet.sweep.place import claimed_folder
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.task import Outcome, Task, do
from bpnet.sweep.trials import trials_of
from tests.helpers.sweeps import do_here, sweep_file
from tests.helpers.tiny import process_environment

SHORT_OF_PATIENCE = """
from bpnet.sweep import child, permit
permit.SILENCE = 1
child.main()
"""


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets seconds pass at once, for runs."""
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep)
    for module in (permit, child):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(child, "_is_alone", lambda: False)

    def passes(seconds: float) -> None:
        now[0] += seconds

    return passes


def touched(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


def test_a_permit_is_touched_as_long_as_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permit, "BEAT", 0.02)
    path = new_permit(tmp_path)
    first = path.stat().st_mtime_ns
    give_up = time.monotonic() + 10
    while path.stat().st_mtime_ns == first:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    path.unlink()
    time.sleep(0.1)
    assert not path.exists()


def test_a_permit_that_nobody_touches_ends_the_run(
    tmp_path: Path, sleep: Callable[[float], None]
) -> None:
    path = tmp_path / "permit"
    path.touch()
    wish = StopWish(path)
    for second in range(int(2 * SILENCE)):  # of another clock, which may run backwards, too
        touched(path, 10**9 - second)
        assert not wish()
        sleep(1)
    looks = 0
    while not wish():
        looks += 1
        sleep(1)
    assert looks == pytest.approx(SILENCE, abs=2)
    assert wish.watch.is_silent
    gone = PermitWatch(tmp_path / "none")
    assert gone.has_ended()
    assert not gone.is_silent


@pytest.mark.skipif(sys.platform == "win32", reason="looks at pipes as POSIX does")
def test_a_process_saves_its_run_and_says_that_nothing_was_heard(here: Path) -> None:
    read = read_sweep(sweep_file(here, fixed="train.epochs = 4000\nschedule.name = constant"))
    with claimed_folder(here / "out", read) as folder:
        (folder / "permit").touch()
        paths = (str(folder / "trial001-seed1"), str(folder / "config.ini"))
        one = Task(*paths, (), None, "", permit=str(folder / "permit"))
        with subprocess.Popen(
            [sys.executable, "-c", SHORT_OF_PATIENCE],
            cwd=here,
            env=process_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asdict(one)).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.read())
    assert answer == {"state": "interrupted", "error": SILENT}
    assert (folder / "trial001-seed1" / "last.npz").exists()


def test_a_disk_that_hangs_is_not_a_killed_sweep(
    tmp_path: Path, sleep: Callable[[float], None]
) -> None:
    path = tmp_path / "permit"
    path.touch()
    watch = PermitWatch(path)
    assert not watch.has_ended()
    sleep(10 * SILENCE)
    assert not watch.has_ended()


def test_a_run_that_misses_its_sweep_is_not_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "permit").touch()
    done: list[Task] = []

    def ends(one: Task) -> Outcome:
        done.append(one)
        return {"state": "interrupted", "error": SILENT}

    monkeypatch.setattr(task, "_in_a_process", ends)
    one = Task("run", "config.ini", (), None, "", permit=str(tmp_path / "permit"))
    assert do(one)["error"] == SILENT
    assert len(done) == 1


def test_a_sweep_that_slept_sends_its_runs_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Outcome] = [{"state": "interrupted", "error": SILENT}]
    monkeypatch.setattr(driver, "do", lambda one: ends.pop() if ends else do_here(one))
    read = read_sweep(sweep_file(here, "train.batch_size = 8\n", ""))
    with claimed_folder(here / "out", read) as place, ThreadPoolExecutor(1) as executor:
        around = Surroundings(place)
        again = Driver(read.settings, trials_of(read), around, executor, SweepObserver())
        assert again.run(lambda: False)
    assert [row.state for row in again.journal.rows.values()] == ["finished"]
