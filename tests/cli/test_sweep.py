"""`bpnet sweep`: what it shows, how it goes on, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from bpnet.cli.main import run
from bpnet.sweep import driver
from bpnet.sweep.task import Outcome, Task
from tests.helpers.sweeps import RATES, do_here, sweep_file
from tests.helpers.tiny import call, command, fail, process_environment, succeed

SLOW_FIRST = 1  # the seed with which the first of two learning rates is drawn first


@pytest.fixture
def in_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process."""
    monkeypatch.setattr(driver, "do", do_here)


def swept(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed("sweep", *words, "--jobs", 1, "--json").out)
    return found


@pytest.mark.usefixtures("in_here")
def test_a_sweep_tells_all_runs_and_scores_the_best_once(here: Path) -> None:
    found = swept(sweep_file(here))
    assert list(found) == ["folder", "method", "goal", "runs", "trials", "chosen", "report"]
    folder = Path(found["folder"])
    assert folder.parent == here / "runs"
    assert len(found["runs"]) == 8
    means = [one["validation_accuracy"]["mean"] for one in found["trials"]]
    assert means == sorted(means, reverse=True)
    best = found["chosen"]
    assert best["trial"] == found["trials"][0]["trial"]
    scored = [str(path.parent) for path in sorted(folder.glob("*/result.json"))]
    assert scored == best["run_dirs"]
    stored = [json.loads((Path(one) / "result.json").read_bytes()) for one in scored]
    accuracies = [one["test_accuracy"] for one in stored]
    assert best["test_accuracy"]["mean"] == pytest.approx(sum(accuracies) / 2)
    assert swept(folder) == found


@pytest.mark.usefixtures("in_here")
def test_a_reader_gets_a_table_and_commands_that_run_as_they_stand(here: Path) -> None:
    answer = succeed("sweep", sweep_file(here), "--jobs", 1, "--run-dir", "out")
    head, *rows = answer.out.partition("\n\n")[0].splitlines()
    assert head.split()[:3] == ["trial", "optimizer.learning_rate", "train.batch_size"]
    assert len(rows) == 4
    assert "validation accuracy, %  ± s.e." in head
    assert "\nchosen: trial " in answer.out
    assert "\ntest accuracy " in answer.out
    assert "\nrun 8 of 8: optimizer.learning_rate=0.1 train.batch_size=16, seed 2: " in answer.err
    for line in answer.out.partition("next:\n")[2].splitlines():
        succeed(*shlex.split(line)[1:])
    listed = json.loads(succeed("runs", "out", "--json").out)["runs"]
    assert len(listed) == 8
    assert {one["config"] for one in listed} == {"tiny"}
    assert "learning_rate=0.01 batch_size=8" in {one["note"] for one in listed}


def test_a_dry_run_lists_the_runs_and_writes_nothing(here: Path) -> None:
    path = sweep_file(here)
    before = set(here.iterdir())
    answer = succeed("sweep", path, "--dry-run")
    assert len(answer.out.splitlines()) == 5
    assert "8 runs: 4 trials, seeds 1, 2" in answer.err
    plan = json.loads(succeed("sweep", path, "--dry-run", "--json").out)
    assert plan["trials"][3] == {
        "trial": 4,
        "settings": {"optimizer.learning_rate": "0.1", "train.batch_size": "16"},
    }
    assert set(here.iterdir()) == before
    assert "trial" in succeed("sweep", "learning-rate", "--dry-run").out


@pytest.mark.usefixtures("in_here")
def test_other_settings_than_those_of_the_folder_are_refused(here: Path) -> None:
    succeed("sweep", sweep_file(here, "train.batch_size = 8\n"), "--run-dir", "out")
    other = sweep_file(here, "train.batch_size = 16\n", fixed="optimizer.momentum = 0.5")
    message = fail(2, "sweep", other, "--run-dir", "out")
    assert "vary.train.batch_size is 8 there, but 16 now" in message
    assert "optimizer.momentum is 0.9 there, but 0.5 now" in message
    assert "leave --run-dir out" in fail(2, "sweep", "out", "--run-dir", "elsewhere")


def test_what_cannot_be_swept_is_told(here: Path) -> None:
    assert "there is no such sweep" in fail(2, "sweep", "nothing")
    assert "--jobs counts runs" in fail(
        2, "sweep", sweep_file(here), "--jobs", 2, "--scheduler", "tcp://127.0.0.1:1"
    )
    succeed("train", "tiny.ini", "--epochs", 1, "--run-dir", "run")
    assert "but this is one run" in fail(4, "sweep", sweep_file(here), "--run-dir", "run")
    (here / "pictures").rename(here / "elsewhere")
    assert "data set" in fail(3, "sweep", sweep_file(here))
    assert not (here / "runs").exists()


def test_extras_are_asked_for_before_anything_is_written(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("cluster", "packages"):
        monkeypatch.setattr(f"bpnet.{module}.find_spec", lambda name: None)
    path = sweep_file(here)
    assert "pip install distributed" in fail(2, "sweep", path, "--scheduler", "tcp://x:1")
    assert "pip install optuna" in fail(
        2, "sweep", sweep_file(here, more="method = asha\ntrials = 2")
    )
    assert not (here / "runs").exists()


def test_a_diverged_run_ends_nothing_unless_all_diverge(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Outcome] = []

    def diverges(task: Task) -> Outcome:
        if "optimizer.learning_rate=0.1" in task.overrides or ends:
            return {"state": "diverged", "error": "training diverged"}
        return do_here(task)

    monkeypatch.setattr(driver, "do", diverges)
    answer = succeed("sweep", sweep_file(here), "--jobs", 1, "--run-dir", "out")
    assert "seed 1: diverged: training diverged" in answer.err
    assert answer.out.count(" diverged\n") == 2
    ends.append({})
    other = call("sweep", sweep_file(here), "--jobs", 1, "--run-dir", "other", "--json")
    assert other.code == 5
    assert "no trial has finished all of its runs" in other.err
    assert json.loads(other.out)["chosen"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals as POSIX does")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_goes_on_after_a_signal(here: Path, number: int) -> None:
    fixed = "train.epochs = 400\nschedule.name = constant"
    path = sweep_file(here, "train.batch_size = 2, 4\n", "", fixed)
    process = subprocess.Popen(
        command("sweep", path, "--jobs", 2, "--run-dir", "out"),
        cwd=here,
        env=process_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = [here / "out" / f"trial00{trial}-seed1" / "metrics.jsonl" for trial in (1, 2)]
    give_up = time.monotonic() + 60
    while not all(one.exists() and one.stat().st_size for one in metrics):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=30)
    assert not (here / "out" / "sweep.jsonl").exists()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "stopped after 0 runs; those under way are saved" in said
        assert f"to go on: {sys.executable} -m bpnet sweep {here / 'out'} --jobs 2" in said
    while any((path.parent / ".lock").exists() for path in metrics):  # its runs end with it
        assert time.monotonic() < give_up
        time.sleep(0.02)
    states = {one["state"] for one in json.loads(succeed("runs", "out", "--json").out)["runs"]}
    assert states == {"interrupted"}
    for one in metrics:
        assert 1 <= len(one.read_text(encoding="utf-8").splitlines()) < 400


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_a_run_whose_process_is_killed_goes_on_in_another(here: Path) -> None:
    path = sweep_file(here, "train.batch_size = 8\n", "", "train.epochs = 60")
    process = subprocess.Popen(
        command("sweep", path, "--jobs", 1, "--run-dir", "out", "--json"),
        cwd=here,
        env=process_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lock = here / "out" / "trial001-seed1" / ".lock"
    metrics = lock.with_name("metrics.jsonl")
    give_up = time.monotonic() + 60
    while not (metrics.exists() and metrics.stat().st_size):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    os.kill(int(lock.read_text(encoding="utf-8").split()[1]), signal.SIGKILL)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    found = json.loads(out)
    assert [(row["state"], row["epochs"]) for row in found["runs"]] == [("finished", 60)]


@pytest.mark.usefixtures("in_here")
@pytest.mark.parametrize(
    ("vary", "more", "charts"),
    [
        (RATES, "seeds = 1-2", 4),
        ("optimizer.learning_rate = 0.01 to 0.1 log\n", "method = random\ntrials = 3", 2),
        ("", "seeds = 1-2", 2),
    ],
)
def test_a_page_shows_all_trials(here: Path, vary: str, more: str, charts: int) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `report`")
    found = swept(sweep_file(here, vary, more), "--report", "--run-dir", "out")
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert found["report"] == str(here / "out" / "report.html")
    assert page.count("<svg") == charts
    assert page.count('<th scope="row">') == len(found["trials"])
    assert f"chosen: trial {found['chosen']['trial']}," in page
    assert ("validation accuracy by optimizer.learning_rate and" in page) == (charts == 4)
    again = succeed("report", "out", "-o", "again.html").out.strip()
    assert Path(again).read_text(encoding="utf-8") == page


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("in_here")
def test_on_a_terminal_a_table_follows_the_sweep(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    with redirect_stderr(terminal), redirect_stdout(io.StringIO()):
        assert run(["sweep", str(sweep_file(here)), "--jobs", "1"], debug=False) == 0
    text = terminal.getvalue()
    assert "1 of 8 runs" in text
    assert "8 of 8 runs" in text
    last = text[text.rindex("8 of 8 runs") :]
    assert "optimizer.learning_rate=0.1 train.batch_size=16" in last
    assert "run 8 of 8:" not in text


@pytest.mark.usefixtures("in_here")
def test_a_sweep_that_has_not_ended_has_a_page_too(here: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `report`")
    sizes = "train.batch_size = 8, 16\n"
    succeed("sweep", sweep_file(here, sizes), "--jobs", 1, "--run-dir", "out")
    journal = here / "out" / "sweep.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    for kept in (3, 0):
        journal.write_text("".join(lines[:kept]), encoding="utf-8")
        page = Path(json.loads(succeed("report", "out", "--json").out)["report"])
        assert page == here / "out" / "report.html"
        assert f"{kept} of 4 runs have ended" in page.read_text(encoding="utf-8")
    assert "a page of its own" in fail(2, "report", "out", "digits")
    for words in (("--dataset", "mnist"), ("--split", "validation"), ("--data-dir", ".")):
        assert "shows held-out scores" in fail(2, "report", "out", *words)
    answer = succeed("sweep", "out", "--jobs", 1)
    assert "chosen: trial " in answer.out


@pytest.mark.usefixtures("in_here")
def test_a_torn_line_is_told_and_its_run_looked_at_again(here: Path) -> None:
    first = swept(sweep_file(here, "train.batch_size = 8\n"), "--run-dir", "out")
    journal = here / "out" / "sweep.jsonl"
    text = journal.read_text(encoding="utf-8")
    journal.write_text(text[:-20], encoding="utf-8")
    answer = succeed("sweep", "out", "--jobs", 1, "--json")
    assert "is torn" in answer.err
    assert json.loads(answer.out) == first
    assert journal.read_text(encoding="utf-8") == text


@pytest.mark.usefixtures("in_here")
def test_where_a_grown_sweep_chooses_another_trial_the_test_set_is_no_longer_unseen(
    here: Path,
) -> None:
    words = ("--jobs", 1, "--run-dir", "out")
    vary = "optimizer.learning_rate = 1e-4, 0.1\n"
    draws = f"method = random\ndraw_seed = {SLOW_FIRST}\ntrials = "
    succeed("sweep", sweep_file(here, vary, f"{draws}1"), *words)
    answer = succeed("sweep", sweep_file(here, vary, f"{draws}2"), *words, "--json")
    found = json.loads(answer.out)
    rates = {one["trial"]: one["settings"]["optimizer.learning_rate"] for one in found["trials"]}
    assert rates == {1: "1e-4", 2: "0.1"}
    assert found["chosen"]["trial"] == 2
    assert "the test set was read before, by trial 1" in answer.err


def test_a_test_score_that_fails_is_told_after_the_table(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(task: Task) -> Outcome:
        return {"state": "failed", "error": "no memory"} if task.scores else do_here(task)

    monkeypatch.setattr(driver, "do", fails)
    answer = call("sweep", sweep_file(here), "--jobs", 1, "--run-dir", "out")
    assert answer.code == 1
    assert "the chosen trial could not be scored" in answer.err
    assert "no memory" in answer.err
    assert "chosen: trial " in answer.out


def test_failed_runs_are_told_with_the_command_that_tries_them_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(task: Task) -> Outcome:
        is_last = task.run_dir.endswith("trial004-seed2")
        return {"state": "failed", "error": "no memory"} if is_last else do_here(task)

    monkeypatch.setattr(driver, "do", fails)
    answer = succeed("sweep", sweep_file(here), "--jobs", 1, "--run-dir", "out")
    assert f"1 run failed; to try again: /opt/bpnet sweep {here / 'out'} --jobs 1" in answer.err
