"""The driver: every run has one row, whatever ended it, and nothing is trained twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bpnet.errors import CheckpointError
from bpnet.locks import host_name
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import ENDING
from bpnet.runs.listing import list_runs
from bpnet.runs.note import read_note, write_note
from bpnet.sweep import driver as driver_module
from bpnet.sweep.driver import Driver, Surroundings, SweepObserver
from bpnet.sweep.journal import Journal, Row
from bpnet.sweep.place import claimed_folder
from bpnet.sweep.ranking import chosen, ranked
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.task import Outcome, Task, do
from bpnet.sweep.trials import trials_of
from tests.helpers.sweeps import do_here, sweep_file
from tests.helpers.tiny import succeed


@pytest.fixture(autouse=True)
def done(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Do all tasks in this process, and return which."""
    tasks: list[Task] = []

    def do(task: Task) -> Outcome:
        tasks.append(task)
        return do_here(task)

    monkeypatch.setattr(driver_module, "do", do)
    return tasks


class Ended(SweepObserver):
    def __init__(self) -> None:
        self.rows: list[Row] = []

    def run_ended(self, row: Row) -> None:
        self.rows.append(row)


def sweep(
    path: Path, folder: Path, should_stop: Callable[[], bool] = lambda: False
) -> tuple[bool, list[Row], Driver]:
    """Train a sweep; return whether it is done, and the rows of runs that ended now."""
    read = read_sweep(path)
    observer = Ended()
    with claimed_folder(folder, read) as place, ThreadPoolExecutor(1) as executor:
        driver = Driver(read.settings, trials_of(read), Surroundings(place), executor, observer)
        is_done = driver.run(should_stop)
    return is_done, observer.rows, driver


def curves(rows: Sequence[Row]) -> dict[tuple[int, int], list[float | None]]:
    return {(row.trial, row.seed): row.curve("validation_accuracy") for row in rows}


def test_each_run_is_the_one_that_train_gives(here: Path) -> None:
    is_done, rows, driver = sweep(sweep_file(here), here / "out")
    assert is_done
    assert len(rows) == 8
    lines = (here / "out" / "sweep.jsonl").read_text(encoding="utf-8").splitlines()
    assert len({(one["trial"], one["seed"]) for one in map(json.loads, lines)}) == 8
    words = ("--set", "optimizer.learning_rate=0.1", "--set", "train.batch_size=16", "--seed", 2)
    succeed("train", "tiny.ini", *words, "--run-dir", "alone", "--workers", 1)
    mine, alone = here / "out" / "trial004-seed2" / "last.npz", here / "alone" / "last.npz"
    found = [load_checkpoint(path).model().network.parameters.flat for path in (mine, alone)]
    assert (found[0] == found[1]).all()
    assert not list((here / "out").glob("*/result.json"))  # nobody has seen the test set
    best = chosen(ranked(driver.settings, list(driver.trials.values()), driver.journal.rows))
    assert best is not None
    assert best.spread is not None
    means = [sum(row.validation_accuracy or 0 for row in rows if row.trial == n) / 2 for n in
             (1, 2, 3, 4)]  # fmt: skip
    assert best.spread.mean == pytest.approx(max(means))


def test_a_sweep_that_is_stopped_goes_on_where_it_was(here: Path, done: list[Task]) -> None:
    _, whole, _ = sweep(sweep_file(here), here / "whole")
    done.clear()
    asked = iter([False, False, True])
    is_done, first, _ = sweep(sweep_file(here), here / "out", lambda: next(asked, True))
    assert not is_done
    assert len(first) < 8
    is_done, second, driver = sweep(sweep_file(here), here / "out")
    assert is_done
    assert len(first) + len(second) == 8
    assert curves(list(driver.journal.rows.values())) == curves(whole)
    done.clear()
    assert sweep(sweep_file(here), here / "out")[:2] == (True, [])
    assert done == []


def test_halving_stops_all_but_the_best_whatever_interrupts_it(here: Path) -> None:
    path = sweep_file(here, "optimizer.learning_rate = 0.0001 to 0.1 log\n",
                      "method = halving\ntrials = 6\nkeep_one_of = 2\nseeds = 1-2")  # fmt: skip
    _, rows, _ = sweep(path, here / "whole")
    states = {number: {row.state for row in rows if row.trial == number} for number in range(1, 7)}
    assert sum(found == {"finished"} for found in states.values()) == 1
    assert sorted(row.epochs or 0 for row in rows) == [1] * 6 + [2] * 4 + [3] * 2
    best = max(row.trial for row in rows if row.state == "finished")
    at_first = {
        number: sum(row.history[0][0] or 0 for row in rows if row.trial == number)
        for number in range(1, 7)
    }
    assert at_first[best] >= sorted(at_first.values())[3]
    asked = iter([False] * 5)
    assert not sweep(path, here / "out", lambda: next(asked, True))[0]
    is_done, _, again = sweep(path, here / "out")
    assert is_done
    assert curves(list(again.journal.rows.values())) == curves(rows)


def test_more_trials_and_seeds_can_be_added(here: Path, done: list[Task]) -> None:
    vary = "optimizer.learning_rate = 0.01 to 0.1 log\n"
    sweep(sweep_file(here, vary, "method = random\ntrials = 2"), here / "out")
    done.clear()
    more = sweep_file(here, vary, "method = random\ntrials = 3\nseeds = 1-2")
    is_done, rows, _ = sweep(more, here / "out")
    assert is_done
    assert [(row.trial, row.seed) for row in rows] == [(1, 2), (2, 2), (3, 1), (3, 2)]
    assert len(done) == 4
    fewer = sweep_file(here, vary, "method = random\ntrials = 1")
    assert sweep(fewer, here / "out")[:2] == (True, [])


def test_a_run_without_a_checkpoint_begins_anew(here: Path) -> None:
    path = sweep_file(here, "train.batch_size = 8\n", "")
    (here / "out" / "trial001-seed1").mkdir(parents=True)
    (here / "out" / "trial001-seed1" / "config.ini").write_text("half", encoding="utf-8")
    is_done, rows, _ = sweep(path, here / "out")
    assert (is_done, [row.state for row in rows]) == (True, ["finished"])


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_damaged_checkpoint_tells_how_its_run_begins_anew(here: Path, content: bytes) -> None:
    path = sweep_file(here, "train.batch_size = 8\n", "")
    run_dir = here / "out" / "trial001-seed1"
    run_dir.mkdir(parents=True)
    (run_dir / "last.npz").write_bytes(content)
    _, (row,), _ = sweep(path, here / "out")
    assert row.error is not None
    assert f"last.npz: to begin the run anew, remove {run_dir}" in row.error
    shutil.rmtree(run_dir)
    _, (row,), _ = sweep(path, here / "out")
    assert row.state == "finished"


def test_failed_runs_are_tried_again_and_diverged_ones_are_not(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Task] = []

    def fails(task: Task) -> Outcome:
        calls.append(task)
        if len(calls) == 1:
            return {"state": "failed", "error": "its process was killed by signal 9"}
        if len(calls) == 2:
            return {"state": "diverged", "error": "training diverged"}
        if len(calls) == 3:
            raise MemoryError("no memory")
        return do_here(task)

    monkeypatch.setattr(driver_module, "do", fails)
    is_done, rows, _ = sweep(sweep_file(here), here / "out")
    assert is_done
    assert [row.state for row in rows[:4]] == ["failed", "diverged", "failed", "finished"]
    assert rows[2].error == "MemoryError: no memory"
    _, again, driver = sweep(sweep_file(here), here / "out")
    assert [(row.trial, row.seed, row.state) for row in again] == [
        (1, 1, "finished"),
        (2, 1, "finished"),
    ]
    assert len(driver.journal.rows) == 8
    standings = ranked(driver.settings, list(driver.trials.values()), driver.journal.rows)
    assert standings[-1].trial.number == 1  # of which a seed diverged


def test_listed_runs_say_that_others_did_better(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Journal.add

    def watched(journal: Journal, row: Row) -> None:
        assert (journal.path.parent / row.run_dir / ENDING).exists() is (row.state == "stopped")
        add(journal, row)

    monkeypatch.setattr(Journal, "add", watched)
    vary = "optimizer.learning_rate = 0.0001, 0.001, 0.01, 0.1\n"
    more = "method = halving\ntrials = 4\nkeep_one_of = 2"
    _, rows, _ = sweep(sweep_file(here, vary, more), here / "out")
    listed = list_runs(here / "out").runs
    assert [run.state for run in listed] == [
        next(row.state for row in rows if row.run_dir == run.name) for run in listed
    ]
    assert sorted(run.state for run in listed) == ["finished", "stopped", "stopped", "stopped"]
    assert {run.problem for run in listed} >= {"other trials did better within 1 epoch"}


def test_a_run_rests_with_its_state_however_seldom_it_saves(here: Path) -> None:
    vary, fixed = "train.batch_size = 8, 16\n", "checkpoint.every = 3\nschedule.name = constant"
    path = sweep_file(here, vary, "method = halving\ntrials = 2\nkeep_one_of = 2", fixed)
    _, rows, _ = sweep(path, here / "out")
    (stopped,) = (row for row in rows if row.state == "stopped")
    record = load_checkpoint(here / "out" / stopped.run_dir / "last.npz").record
    assert record["progress"]["epoch"] == 1


def test_a_note_of_the_user_stays(here: Path) -> None:
    path = sweep_file(here, "train.batch_size = 8\n", "")
    _, (row,), _ = sweep(path, here / "out")
    run_dir = here / "out" / row.run_dir
    assert read_note(run_dir) == "batch_size=8"
    write_note(run_dir, "mine")
    read = read_sweep(path)
    with claimed_folder(here / "out", read) as place, ThreadPoolExecutor(1) as executor:
        around = Surroundings(place)
        driver = Driver(read.settings, trials_of(read), around, executor, SweepObserver())
        scores = driver.score([row], lambda: False)
    assert scores is not None
    assert scores[0]["test_accuracy"] is not None
    assert read_note(run_dir) == "mine"


def test_a_worker_that_has_another_folder_at_the_path_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = here / "elsewhere"
    other.mkdir()

    def on_another_machine(task: Task) -> Outcome:
        return do(replace(task, permit=str(other / Path(task.permit).name)))

    monkeypatch.setattr(driver_module, "do", on_another_machine)
    _, rows, _ = sweep(sweep_file(here, "train.batch_size = 8\n"), here / "out")
    assert [row.state for row in rows] == ["failed", "failed"]
    assert rows[0].error is not None
    assert f"{other} on {host_name()} is not the folder of this sweep" in rows[0].error
    assert "the same disk for all machines" in rows[0].error


def test_workers_look_for_data_where_the_sweep_does(
    here: Path, monkeypatch: pytest.MonkeyPatch, done: list[Task]
) -> None:
    sweep(sweep_file(here, "train.batch_size = 8\n", ""), here / "first")
    monkeypatch.setenv("BPNET_DATA_DIR", "pictures")
    sweep(sweep_file(here, "train.batch_size = 8\n", ""), here / "second")
    assert [task.data_dir for task in done] == [None, str(here / "pictures")]


def test_rows_of_another_sweep_are_refused(here: Path) -> None:
    path = sweep_file(here, "train.batch_size = 8\n", "")
    sweep(path, here / "out")
    journal = here / "out" / "sweep.jsonl"
    journal.write_text(journal.read_text("utf-8").replace('"8"', '"4"'), "utf-8")
    with pytest.raises(CheckpointError, match="of another sweep") as raised:
        sweep(path, here / "out")
    assert raised.value.parts["expected"] == "trial 1: train.batch_size=8"


def test_drawn_digits_follow_the_seed_unless_theirs_is_given(here: Path) -> None:
    for fixed, told in (("", "synthetic_seed"), ("data.synthetic_seed = 1", "nothing")):
        folder = here / told
        with claimed_folder(folder, read_sweep(sweep_file(here, fixed=fixed))):
            assert ("synthetic_seed" in (folder / "config.ini").read_text("utf-8")) == bool(fixed)
