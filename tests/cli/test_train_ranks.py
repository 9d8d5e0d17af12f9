"""`mpirun -n N bpnet train`: one voice, signals, dead ranks, exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import TINY
from tests.helpers.ranks import (
    died_of,
    needs_mpi,
    process_of,
    run_on_ranks,
    start_on_ranks,
)
from tests.helpers.runs import assert_same_run
from tests.helpers.tiny import bpnet, command, succeed

MANY = 100_000  # epochs: a busy machine may keep a test waiting before it sends a signal
TRAIN = ("train", "--config", TINY)
CONSTANT = ("--set", "schedule.name=constant")
SLOW_SCORE = """
import sys, time
from pathlib import Path
from bpnet.cli.main import main
from bpnet.training import run
score = run.final_score
def score_slowly(*words):
    Path("scoring").touch()
    time.sleep(1.5)
    return score(*words)
run.final_score = score_slowly
del sys.argv[1]
main()
"""
QUICK = 10  # seconds within which a run ends when a rank has died


@needs_mpi
def test_two_ranks_speak_with_one_voice(here: Path) -> None:
    done = run_on_ranks(2, *command(*TRAIN, "--run-dir", "run", "--json"), cwd=here)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["test_accuracy"] is not None
    assert done.stderr.count("training ") == 1 + 3  # its start, and a line for each epoch
    environment = json.loads((here / "run" / "environment.json").read_text(encoding="utf-8"))
    assert environment["ranks"] == 2
    succeed(*TRAIN, "--run-dir", here / "alone")
    assert_same_run(here / "alone", here / "run")


@needs_mpi
def test_a_signal_to_one_rank_saves_and_another_number_of_ranks_goes_on(here: Path) -> None:
    options = ("--run-dir", "run", "--epochs", MANY, *CONSTANT)
    process = start_on_ranks(2, *command(*TRAIN, *options), cwd=here)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 2/"):
        assert process.poll() is None
    os.kill(process_of(1, here), signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert err.count("bpnet: ") == 1
    assert "the run is saved" in err
    epochs = load_checkpoint(here / "run" / "last.npz").record["progress"]["epoch"] + 1
    resumed = bpnet("train", "--resume", "run", "--epochs", epochs, cwd=here)
    assert resumed.returncode == 0, resumed.stderr
    straight = bpnet(*TRAIN, "--run-dir", "straight", "--epochs", epochs, *CONSTANT, cwd=here)
    assert straight.returncode == 0, straight.stderr
    assert_same_run(here / "straight", here / "run")


@needs_mpi
def test_a_killed_rank_ends_the_run_and_leaves_the_last_checkpoint(here: Path) -> None:
    options = ("--run-dir", "run", "--epochs", MANY, *CONSTANT)
    process = start_on_ranks(2, *command(*TRAIN, *options), cwd=here)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 2/"):
        assert process.poll() is None
    os.kill(process_of(1, here), signal.SIGKILL)
    _, err = process.communicate(timeout=QUICK)
    assert process.returncode in {1, *died_of(signal.SIGKILL)}, err
    assert err.count("bpnet: ") <= 1
    epochs = load_checkpoint(here / "run" / "last.npz").record["progress"]["epoch"] + 1
    resumed = run_on_ranks(2, *command("train", "--resume", "run", "--epochs", epochs), cwd=here)
    assert resumed.returncode == 0, resumed.stderr


@needs_mpi
def test_when_rank_0_is_killed_the_others_do_not_all_speak(here: Path) -> None:
    options = ("--run-dir", "run", "--epochs", MANY, *CONSTANT, "--set", "train.shards=4")
    process = start_on_ranks(4, *command(*TRAIN, *options), cwd=here)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 2/"):
        assert process.poll() is None
    os.kill(process_of(0, here), signal.SIGKILL)
    _, err = process.communicate(timeout=QUICK)
    assert process.returncode in {1, *died_of(signal.SIGKILL)}, err
    assert err.count("bpnet: ") <= 1


@needs_mpi
def test_a_rank_that_fails_is_told_by_rank_0_with_its_code(here: Path) -> None:
    words = command(*TRAIN, "--run-dir", "run")
    other = [*words, "--data-dir", "nowhere", "--data-from", "disk"]
    done = run_on_ranks(1, *words, ":", "-n", "1", *other, cwd=here)
    assert done.returncode == 3, done.stderr
    message = done.stderr.partition("bpnet: ")[2]
    assert message.startswith("a rank has failed")
    assert "rank 1 of 2" in message
    assert "nowhere" in message
    assert done.stderr.count("bpnet: ") == 1
    assert not (here / "run" / "config.ini").exists()


@needs_mpi
@pytest.mark.parametrize("options", [("--data-dir", "nowhere"), ("--data-from", "rank0")])
def test_a_rank_that_lacks_the_data_set_gets_samples_from_rank_0(
    here: Path, options: tuple[str, str]
) -> None:
    words = command(*TRAIN, "--run-dir", "run", "--epochs", 2)
    done = run_on_ranks(1, *words, ":", "-n", "1", *words, *options, cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("rank 0 sends samples to rank 1 of 2") == 1
    succeed(*TRAIN, "--run-dir", here / "alone", "--epochs", 2)
    assert_same_run(here / "alone", here / "run")
    assert_same_run(here / "alone", here / "run", "best.npz")


@needs_mpi
@pytest.mark.parametrize("options", [("--resume", "last", "--epochs", "+1"), ("--from", "best")])
def test_rank_0_alone_knows_which_run_a_name_stands_for(
    here: Path, tmp_path_factory: pytest.TempPathFactory, options: tuple[str, ...]
) -> None:
    succeed(*TRAIN, "--epochs", 1, "--run-dir", here / "runs" / "one")
    words = command("train", *options)
    elsewhere = ("-n", "1", "-wdir", tmp_path_factory.mktemp("elsewhere"))
    done = run_on_ranks(1, *words, ":", *elsewhere, *words, "--data-from", "rank0", cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("best: ") == options.count("best")


@needs_mpi
def test_more_ranks_than_shards_are_refused(here: Path) -> None:
    done = run_on_ranks(2, *command(*TRAIN, "--set", "train.shards=1"), cwd=here)
    assert done.returncode == 2
    assert done.stderr.count("there are more ranks than shards") == 1


def test_without_mpi4py_the_extra_is_named(here: Path) -> None:
    (here / "mpi4py").mkdir()  # found before the library, and none
    (here / "mpi4py" / "__init__.py").write_text("rc = type('rc', (), {})()\n", encoding="utf-8")
    rank = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    done = bpnet(*TRAIN, cwd=here, PYTHONPATH=f"{here}", **rank)
    assert done.returncode == 2
    assert "pip install" in done.stderr


@needs_mpi
def test_what_would_be_trained_by_each_rank_is_refused_once(here: Path) -> None:
    for words in ((*TRAIN, "--seeds", "1-2"), ("sweep", "learning-rate")):
        done = run_on_ranks(2, *command(*words), cwd=here)
        assert done.returncode == 2, done.stderr
        assert done.stderr.count("leave mpirun out") == 1
        assert not (here / "runs").exists()


@needs_mpi
def test_a_signal_ends_a_run_whose_rank_0_is_stopped(here: Path) -> None:
    lone = ("--set", "data.validation=0", "--set", f"checkpoint.every={MANY}")  # steps, and no more
    options = ("--run-dir", "run", "--epochs", MANY, *CONSTANT, *lone)
    process = start_on_ranks(2, *command(*TRAIN, *options), cwd=here)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 2/"):
        assert process.poll() is None
    os.kill(process_of(0, here), signal.SIGSTOP)
    os.kill(process_of(1, here), signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "bpnet: ended in the middle of a step: another rank does not go on" in err
    assert load_checkpoint(here / "run" / "last.npz").record["progress"]["step"] == 0


def start_to_score(here: Path) -> subprocess.Popen[str]:
    """Start a run on two ranks, and return it when rank 0 has begun to score the test set."""
    words = ("-c", SLOW_SCORE, "bpnet", *TRAIN, "--run-dir", "run", "--epochs", 1)
    process = start_on_ranks(2, sys.executable, *words, cwd=here)
    while not (here / "scoring").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


@needs_mpi
def test_a_signal_to_another_rank_lets_rank_0_score_the_test_set(here: Path) -> None:
    process = start_to_score(here)
    os.kill(process_of(1, here), signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "bpnet: " not in err
    assert (here / "run" / "result.json").exists()


@needs_mpi
def test_a_signalled_rank_does_not_wait_for_a_rank_0_that_has_ended(here: Path) -> None:
    process = start_to_score(here)
    os.kill(process_of(1, here), signal.SIGTERM)
    os.kill(process_of(0, here), signal.SIGKILL)
    _, err = process.communicate(timeout=QUICK)
    assert process.returncode in {143, *died_of(signal.SIGKILL)}, err
    assert err.count("bpnet: ") <= 1


@needs_mpi
def test_a_second_signal_to_another_rank_ends_the_run_with_a_message(here: Path) -> None:
    process = start_to_score(here)
    os.kill(process_of(0, here), signal.SIGSTOP)  # it shall not be done before
    while process.poll() is None:
        with suppress(LookupError, ProcessLookupError):
            os.kill(process_of(1, here), signal.SIGTERM)
        time.sleep(0.5)
    _, err = process.communicate(timeout=QUICK)
    assert process.returncode == 143, err
    assert err.count("bpnet: terminated before rank 0") == 1


@needs_mpi
def test_a_dry_run_on_ranks_is_shown_once(here: Path) -> None:
    done = run_on_ranks(2, *command(*TRAIN, "--dry-run", "--run-dir", "run"), cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("5.linear") == 1
    assert not (here / "run").exists()
