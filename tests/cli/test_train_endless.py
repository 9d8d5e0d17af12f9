"""`bpnet train` on digits without end, and what the other commands say of such a run."""

import json
import os
import signal
from pathlib import Path

import pytest

from bpnet.data import load as module
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.forks import CAN_FORK
from tests.helpers.endless import STEPS, TEXT
from tests.helpers.process_cases import children_of, eventually, lives
from tests.helpers.ranks import needs_mpi, run_on_ranks
from tests.helpers.runs import assert_same_run
from tests.helpers.started import start_process
from tests.helpers.tiny import command, fail, succeed

CONFIG = Path("endless.ini")
TRAIN = ("train", "--config", CONFIG, "--data-dir", "data")


@pytest.fixture
def place(here: Path) -> Path:
    """Work in a directory with a config."""
    (here / CONFIG).write_text(TEXT, encoding="utf-8")
    (here / "data").mkdir()
    return here


def test_a_run_is_told_scored_verified_and_traced(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEASURED", 60)
    dry = succeed(*TRAIN, "--dry-run")
    assert "the digits to validate and test on are not drawn yet" in dry.err
    assert list((place / "data").iterdir()) == []
    answer = succeed(*TRAIN, "--run-dir", "run", "--json")
    start = "training 4 layers with 9,550 parameters on 600 samples an epoch of endless digits "
    assert start + "(20 held out), in " in answer.err
    assert json.loads(answer.out)["steps"] == 2 * STEPS
    assert succeed(*TRAIN, "--dry-run").err == ""
    data = ("--data-dir", "data")
    assert json.loads(succeed("eval", "run", *data, "--json").out)["samples"] == 10
    scored = json.loads(succeed("eval", "run", *data, "--split", "validation", "--json").out)
    assert scored["samples"] == 20
    for asking in (("eval", "run"), ("report", "run", "-o", "page.html")):
        message = fail(2, *asking, *data, "--split", "train")
        assert "drawn without end, and none is kept" in message
        assert "test or validation" in message
    assert "equal, bit for bit" in succeed("verify-run", "run", *data).out
    assert succeed("data", "info", "synthetic", *data).out.count("v7-") == 1
    assert "step 2" in succeed("trace", CONFIG, "--steps", 2, *data).out


@pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork safely")
@pytest.mark.parametrize("harm", ["", "drawing"])
def test_a_stopped_run_leaves_no_process_and_goes_on_exactly(place: Path, harm: str) -> None:
    many = ("--epochs", 1000, "--set", "schedule.name=constant", "--workers", "2 processes")
    process = start_process(command(*TRAIN, "--run-dir", "run", *many), place)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 2/"):
        assert process.poll() is None
    children = children_of(process.pid)
    assert len(children) == 1 + 2  # one that computes, two that draw
    victim = min(children) if harm else process.pid  # those that draw are forked first
    os.kill(victim, signal.SIGKILL if harm else signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (1 if harm else 143), err
    assert err.count("bpnet: ") == 1
    assert ("a drawing process has ended" in err) == bool(harm)
    assert "--resume" in err
    assert eventually(lambda: not any(map(lives, children)))
    epochs = load_checkpoint(place / "run" / "last.npz").record["progress"]["epoch"] + 1
    succeed("train", "--resume", "run", "--epochs", epochs, *TRAIN[3:])
    succeed(*TRAIN, "--run-dir", "straight", *many[2:], "--epochs", epochs)
    assert_same_run(place / "straight", place / "run")


@needs_mpi
def test_ranks_see_the_same_digits(place: Path) -> None:
    words = (*TRAIN, "--set", "augment.shift=1")
    done = run_on_ranks(2, *command(*words, "--run-dir", "run"), cwd=place)
    assert done.returncode == 0, done.stderr
    succeed(*words, "--run-dir", "alone")
    assert_same_run(place / "alone", place / "run")
