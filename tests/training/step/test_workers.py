"""Who computes: what a config and `--workers` may say, what comes of it, and how it ends."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bpnet.config.values import worker_choice
from bpnet.errors import ConfigError
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.forks import CAN_FORK
from bpnet.model.workers import Workers
from bpnet.training.resume import load_for_resume
from bpnet.training.run import choose_workers
from bpnet.training.step.engine import build_executor
from bpnet.training.step.processes import ProcessExecutor
from bpnet.training.step.threads import ThreadExecutor
from tests.helpers.process_cases import children_of, eventually, lives, no_hanging
from tests.helpers.runs import resume
from tests.helpers.started import start_process
from tests.helpers.tiny import (
    NET,
    TRAIN,
    after,
    command,
    draw_dataset,
    fail,
    new_trainer,
    process_environment,
    read_config,
    succeed,
    train,
    with_settings,
    write_idx_folder,
)

forks = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    with no_hanging():
        yield


# What a config may say

CHOICES: dict[str, tuple[int | None, str]] = {
    "auto": (None, "auto"),
    "2": (2, "auto"),
    "16": (16, "auto"),
    "threads": (None, "threads"),
    "processes": (None, "processes"),
    "2 threads": (2, "threads"),
    "threads 2": (2, "threads"),
    " 3   processes ": (3, "processes"),
    "1 auto": (1, "auto"),
}
NO_CHOICES = [
    *("", "0", "-1", "+2", "1.5", "1_0", "²", "two", "thread", "2 workers", "Threads"),
    *("2 3", "threads processes", "auto auto", "2 threads 2", "2threads", "0 threads"),
]


@pytest.mark.parametrize("text", CHOICES)
def test_a_choice_is_a_number_a_kind_or_both(text: str) -> None:
    assert worker_choice(text) == CHOICES[text]


@pytest.mark.parametrize("text", NO_CHOICES)
def test_anything_else_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(ValueError, match="auto, a number of workers, threads or processes") as said:
        worker_choice(text)
    assert f'found "{text}"' in str(said.value)


def test_the_config_keeps_the_words() -> None:
    assert read_config("[train]\nworkers =  2   threads\n").train.workers == "2 threads"
    assert read_config("").train.workers == "auto"


# What comes of it


@pytest.mark.parametrize(
    ("workers", "cores", "blas", "count", "kind"),
    [
        ("auto", 8, 1, 3, "auto"),  # no more than there are shards
        ("auto", 2, 1, 2, "auto"),
        ("auto", 2, 2, 1, "auto"),  # each of them takes two cores
        ("auto", 1, 4, 1, "auto"),
        ("threads", 2, 1, 2, "threads"),
        ("2", 1, 1, 2, "auto"),  # who asks for two gets them
        ("9 processes", 1, 2, 3, "processes"),
        ("1", 8, 1, 1, "auto"),
    ],
)
def test_workers_are_as_many_as_there_is_work_and_room_for(
    monkeypatch: pytest.MonkeyPatch, workers: str, cores: int, blas: int, count: int, kind: str
) -> None:
    monkeypatch.setattr("bpnet.training.run.available_cores", lambda: cores)
    settings = {"shards": 3, "workers": workers, "blas_threads": blas}
    chosen = choose_workers(with_settings(read_config(), "train", **settings))
    assert (chosen.count, chosen.kind) == (count, kind)


@pytest.mark.parametrize("can_fork", [True, False])
@pytest.mark.parametrize("kind", ["auto", "threads", "processes"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_processes_are_taken_where_the_system_allows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, count: int, can_fork: bool
) -> None:
    with Workers(1) as workers:
        shards = new_trainer(read_config(), draw_dataset(), tmp_path, workers).engine.shards
    for place in ("training.step.engine", "model.forks"):
        monkeypatch.setattr(f"bpnet.{place}.CAN_FORK", can_fork)
    if kind == "processes" and not can_fork:
        with pytest.raises(ConfigError, match="cannot compute shards in processes") as caught:
            build_executor(shards, Workers(count, kind), 16)
        assert caught.value.exit_code == 2
        return
    executor = build_executor(shards, Workers(count, kind), 16)
    if count > 1 and can_fork and kind != "threads":
        assert isinstance(executor, ProcessExecutor)
        assert executor.count == 2  # no more than there are shards
    else:
        assert isinstance(executor, ThreadExecutor)


@forks
def test_beside_other_threads_processes_are_taken_only_where_they_are_asked_for(
    tmp_path: Path,
) -> None:
    with Workers(1) as workers:
        shards = new_trainer(read_config(), draw_dataset(), tmp_path, workers).engine.shards
    with ThreadPoolExecutor(1) as thread:
        kinds = ["auto", "processes"]
        built = [thread.submit(build_executor, shards, Workers(2, kind), 16) for kind in kinds]
    assert isinstance(built[0].result(), ThreadExecutor)
    assert isinstance(built[1].result(), ProcessExecutor)


# Command line


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with a config and its pictures."""
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    (tmp_path / "tiny.ini").write_text(NET + TRAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/opt/bpnet"])
    return tmp_path


def environment(run_dir: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((run_dir / "environment.json").read_text())
    return told


def arrays(run_dir: Path) -> dict[str, bytes]:
    checkpoint = load_checkpoint(run_dir / "last.npz")
    return {name: array.tobytes() for name, array in checkpoint.arrays.items()}


WAYS = {
    "1": (1, "threads"),
    "2 threads": (2, "threads"),
    "1 processes": (1, "threads"),  # which needs no further process
    **({"2 processes": (2, "processes"), "2": (2, "processes")} if CAN_FORK else {}),
}


def test_the_command_line_decides_who_computes_and_the_run_says_so(here: Path) -> None:
    for way, told in WAYS.items():
        run_dir = here / way
        succeed("train", "--config", "tiny.ini", "--run-dir", run_dir, "--workers", way)
        assert (environment(run_dir)["workers"], environment(run_dir)["workers_are"]) == told
        assert f"\nworkers = {way}\n" in (run_dir / "config.ini").read_text()
        assert arrays(run_dir) == arrays(here / "1")


def test_the_config_decides_where_the_command_line_says_nothing(here: Path) -> None:
    (here / "tiny.ini").write_text(f"{NET}{TRAIN}workers = 2 threads\n")
    succeed("train", "--config", "tiny.ini", "--run-dir", "config")
    succeed("train", "--config", "tiny.ini", "--run-dir", "option", "--workers", "1")
    succeed("train", "--config", "tiny.ini", "--run-dir", "set", "--set", "train.workers=1")
    told = [environment(here / name)["workers"] for name in ("config", "option", "set")]
    assert told == [2, 1, 1]


@pytest.mark.usefixtures("here")
def test_a_choice_that_is_none_is_a_config_error() -> None:
    for words in (("--workers", "0"), ("--set", "train.workers=fork"), ("--workers", "2 3")):
        message = fail(2, "train", "--config", "tiny.ini", *words)
        assert "a number of workers, threads or processes" in message
        assert "train.workers" in message or "[train] workers" in message


# Going on with others


@pytest.mark.parametrize("way", WAYS)
def test_a_run_goes_on_with_other_workers_and_ends_in_the_same_bits(here: Path, way: str) -> None:
    whole, shards = here / "whole", here / "shards"
    train(read_config(NET + TRAIN, folder=here), whole)
    train(read_config(NET + TRAIN, folder=here), shards, should_stop=after(7))
    assert load_checkpoint(shards / "last.npz").record["progress"]["step"] == 7
    config, _, _ = load_for_resume(shards, None, (f"train.workers={way}",), None)
    assert config.train.workers == way
    succeed("train", "--resume", shards, "--workers", way)
    assert arrays(shards) == arrays(whole)
    assert (environment(shards)["workers"], environment(shards)["workers_are"]) == WAYS[way]
    assert load_checkpoint(shards / "last.npz").config().train.workers == way


def test_a_run_goes_on_with_its_own_workers_unless_told_otherwise(tmp_path: Path) -> None:
    config = with_settings(read_config(), "train", workers="2 threads")
    train(config, tmp_path, should_stop=after(2))
    assert resume(tmp_path).config.train.workers == "2 threads"
    assert load_for_resume(tmp_path, None, (), None)[0].train.workers == "2 threads"


def test_how_a_step_is_split_stays_as_it_is(tmp_path: Path) -> None:
    train(read_config(), tmp_path, should_stop=after(2))
    for setting in ("train.split=units", "train.shards=3"):
        with pytest.raises(ConfigError, match="a run goes on with its own settings"):
            load_for_resume(tmp_path, None, (setting,), None)


# Ctrl-C


MANY = 100_000  # epochs: a busy machine may keep a test waiting before it sends a signal
SETTINGS = (
    *("--set", f"checkpoint.every={MANY}"),
    *("--set", "data.validation=0", "--set", "schedule.name=constant"),
)
PERCEPTRON = "model.layers=flatten, linear 8, relu, dropout 0.1, linear 3"


def start(folder: Path, *options: object) -> subprocess.Popen[str]:
    """Start a run of two processes as a terminal does, and wait until its first epoch is over."""
    words = ("train", "--run-dir", "run", "--workers", "2 processes", "--epochs", MANY, *options)
    process = start_process(command(*words), folder, leads_group=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("training ")
    assert process.stderr.readline().startswith(f"epoch 1/{MANY}")
    return process


@forks
@pytest.mark.parametrize(
    ("split", "number", "code"),
    [
        ("samples", signal.SIGINT, 130),
        ("units", signal.SIGINT, 130),
        ("units", signal.SIGTERM, 143),
    ],
)
def test_a_signal_to_all_processes_ends_them_and_the_run_goes_on(
    here: Path, split: str, number: signal.Signals, code: int
) -> None:
    """A terminal sends Ctrl-C to the workers as well."""
    what = ("--config", "tiny.ini", "--set", PERCEPTRON, "--set", f"train.split={split}", *SETTINGS)
    process = start(here, *what)
    workers = children_of(process.pid)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    assert len(workers) == 1
    assert eventually(lambda: not lives(workers[0]))
    saved = load_checkpoint(here / "run" / "last.npz").record["progress"]
    assert saved["step"] >= 7
    end = ("--epochs", str(saved["epoch"] + 2))
    done = subprocess.run(
        [*shlex.split(err.partition("try: ")[2]), *end],
        cwd=here,
        env=process_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    succeed("train", *what, *end, "--run-dir", "whole", "--workers", "1")
    assert arrays(here / "run") == arrays(here / "whole")


@forks
def test_a_killed_worker_is_one_message_and_the_run_goes_on(here: Path) -> None:
    process = start(here, "--config", "tiny.ini", *SETTINGS)
    (worker,) = children_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    message = err.partition("bpnet: ")[2]
    assert message.startswith("a worker process has ended")
    assert "--resume" in message
    assert "--workers threads" in message
    succeed("train", "--resume", here / "run", "--workers", "1", "--epochs", 3)


def test_threads_have_ended_when_their_context_is_left() -> None:
    before, seen = threading.active_count(), []
    with Workers(3) as workers:
        workers.run([lambda: seen.append(threading.active_count())] * 3)
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
    assert len(seen) == 3
