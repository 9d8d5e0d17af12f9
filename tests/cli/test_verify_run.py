"""`bpnet verify-run`: what it says, and with which exit code."""

import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from bpnet.data.dataset import Dataset
from bpnet.errors import WorkerError
from bpnet.model.checkpoint import Checkpoint, load_checkpoint
from bpnet.training.loop import Trainer
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.tiny import bpnet, call, fail, succeed


@pytest.fixture
def run_dir(tiny_run: Run, tmp_path: Path) -> Path:
    """Return a copy of a run that may be changed."""
    return Path(shutil.copytree(tiny_run.path, tmp_path / "run"))


def change_json(path: Path, change: Any) -> None:
    """Change each JSON object of a file that has one per line, or one."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    objects = [json.loads(line) for line in lines]
    for one in objects:
        change(one)
    path.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")


def test_an_unchanged_run_is_equal(run_dir: Path) -> None:
    answer = succeed("verify-run", run_dir)
    assert "equal, bit for bit: 3 epochs" in answer.out
    assert "last.npz after epoch 3, step 15" in answer.out
    assert "epoch 1/3" in answer.err
    said = json.loads(succeed("verify-run", run_dir, "--workers", "1", "--json").out)
    assert said == {
        "run_dir": str(run_dir),
        "equal": True,
        "epochs": 3,
        "steps": 15,
        "first_difference": None,
        "largest_relative_difference": None,
        "environment": [],
    }


def test_a_changed_run_is_exit_code_1_with_the_first_epoch_that_differs(run_dir: Path) -> None:
    changed = {}

    def change(line: dict[str, Any]) -> None:
        if line["epoch"] == 2:
            changed["found"] = line["train_loss"]
            line["train_loss"] = 0.25

    change_json(run_dir / "metrics.jsonl", change)
    message = fail(1, "verify-run", run_dir)
    assert "first in epoch 2" in message
    assert f"{run_dir / 'metrics.jsonl'}, train_loss" in message
    assert "expected: 0.25, as stored" in message
    assert f"found: {changed['found']} (relative difference" in message
    answer = call("verify-run", run_dir, "--json")
    said = json.loads(answer.out)
    assert (answer.code, said["equal"]) == (1, False)
    place = {"epoch": 2, "file": "metrics.jsonl", "key": "train_loss", "stored": 0.25}
    assert said["first_difference"].items() >= (place | changed).items()
    assert said["largest_relative_difference"] == said["first_difference"]["relative_difference"]


def test_another_machine_is_named_and_how_far_apart_the_results_are(run_dir: Path) -> None:
    def another_processor(environment: dict[str, Any]) -> None:
        environment["cpu"] = "Abacus"
        environment["blas"][0]["num_threads"] = 99  # which changes nothing: the config sets it

    def rounded(line: dict[str, Any]) -> None:
        line["train_loss"] *= 1 + 10.0 ** -(10 - line["epoch"])

    change_json(run_dir / "environment.json", another_processor)
    answer = succeed("verify-run", run_dir)
    assert "may round differently here: cpu Abacus, here" in answer.err
    assert "num_threads" not in answer.err
    change_json(run_dir / "metrics.jsonl", rounded)
    message = fail(1, "verify-run", run_dir)
    assert "first in epoch 1" in message
    assert "(relative difference 1.0e-09); at most 1.0e-07 apart, in epoch 3" in message
    assert "epoch 3/3" in message  # it was trained to the end
    assert "try: a machine like the one it was trained on" in message


def test_other_sizes_are_named_and_how_to_have_them_chosen(run_dir: Path) -> None:
    def elsewhere(environment: dict[str, Any]) -> None:
        environment["processor"]["chosen_for"] = "Abacus 512K"

    change_json(run_dir / "environment.json", elsewhere)
    err = succeed("verify-run", run_dir).err
    assert "processor.chosen_for Abacus 512K, here " in err
    assert "begin the command with OPENBLAS_CORETYPE=Abacus BPNET_PROCESSOR='Abacus 512K'" in err


def test_other_sizes_for_the_same_processor_are_named(run_dir: Path) -> None:
    def earlier(environment: dict[str, Any]) -> None:
        environment["processor"]["sizes"]["micro_batch"] = 17

    change_json(run_dir / "environment.json", earlier)
    err = succeed("verify-run", run_dir).err
    assert "sizes.micro_batch 17, here 64" in err
    assert "BPNET_PROCESSOR" not in err


@pytest.mark.parametrize("processor", [None, [], {}, {"chosen_for": 3}])
def test_a_run_that_notes_no_sizes_is_verified_without_them(run_dir: Path, processor: Any) -> None:
    change_json(run_dir / "environment.json", lambda one: one.update(processor=processor))
    assert "elsewhere" not in succeed("verify-run", run_dir).err


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_an_unknown_machine_is_said(run_dir: Path, text: str | None) -> None:
    path = run_dir / "environment.json"
    path.write_text(text) if text is not None else path.unlink()
    assert "environment.json cannot be read" in succeed("verify-run", run_dir).err


def test_what_cannot_be_verified_has_the_documented_exit_codes(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no run directory" in fail(4, "verify-run", tmp_path / "none")
    assert "no run directory" in fail(4, "verify-run", run_dir / "last.npz")
    assert "workers expects" in fail(2, "verify-run", run_dir, "--workers", "many")
    (run_dir / "config.ini").write_text("[train]\nseed = x\n")
    assert "seed" in fail(2, "verify-run", run_dir)
    (run_dir / "config.ini").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "fingerprint", lambda self: "another")
        assert "trained on other data" in fail(4, "verify-run", run_dir)
    (run_dir / "last.npz").write_bytes(b"")
    assert "an empty file" in fail(4, "verify-run", run_dir)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1" * 400, '{"a": [NaN]}'])
def test_strange_numbers_are_differences(run_dir: Path, text: str) -> None:
    path = run_dir / "metrics.jsonl"
    path.write_text(re.sub(r'("train_loss": )[^,]*', rf"\g<1>{text}", path.read_text()))
    assert "first in epoch 1" in fail(1, "verify-run", run_dir)
    answer = call("verify-run", run_dir, "--json")
    said = json.loads(answer.out)
    assert (answer.code, said["first_difference"]["key"]) == (1, "train_loss")
    assert said["largest_relative_difference"] is None


def test_the_first_weights_are_read_without_the_rest(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, asked = tmp_path / "new", []

    def load(path: Path, *, weights_only: bool = False) -> Checkpoint:
        asked.append((path.name, weights_only))
        return load_checkpoint(path, weights_only=weights_only)

    succeed("train", "--from", run_dir, "--run-dir", new, "--epochs", 1)
    monkeypatch.setattr("bpnet.training.verify.load_checkpoint", load)
    succeed("verify-run", new)
    assert asked == [("best.npz", True)]


@pytest.mark.parametrize("number", [signal.SIGTERM, None])
def test_a_worker_that_does_nothing_ends_it_with_what_helps(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals | None
) -> None:
    def step(self: Trainer, *arguments: object) -> None:
        if number is not None:
            signal.raise_signal(number)
        raise WorkerError("a worker process has been stopped", hint="go on with --resume")

    monkeypatch.setattr(Trainer, "step", step)
    message = fail(143 if number else 1, "verify-run", run_dir)
    assert "ended in the middle of a step: a worker process has been stopped" in message
    assert f"where: {run_dir}" in message
    assert "--resume" not in message


def test_lost_data_are_exit_code_3(here: Path) -> None:
    succeed("train", "--config", "tiny.ini", "--run-dir", "run", "--epochs", 1)
    shutil.rmtree("pictures")
    assert "lacks files" in fail(3, "verify-run", "run")


def test_other_kernels_really_round_differently(run_dir: Path) -> None:
    """Train anew with the matrix products of an older processor, where there are such kernels."""
    kernels = json.loads((run_dir / "environment.json").read_text())["blas"]
    if not any(one["internal_api"] == "openblas" for one in kernels):
        pytest.skip("needs OpenBLAS")
    done = bpnet("verify-run", run_dir, "--json", cwd=run_dir, OPENBLAS_CORETYPE="Prescott")
    said = json.loads(done.stdout)
    other = ["blas[0].architecture", "processor.chosen_for"]
    assert [one["key"] for one in said["environment"]] == other
    assert "architecture" in done.stderr
    assert done.returncode == (0 if said["equal"] else 1)
    assert said["equal"] or said["largest_relative_difference"] < 0.1


def test_a_run_that_began_with_old_weights_needs_them(run_dir: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    settings = ("--set", "train.seed=7", "--epochs", 2)
    succeed("train", "--from", run_dir, "--run-dir", new, *settings)
    assert "equal, bit for bit: 2 epochs" in succeed("verify-run", new).out
    old = load_checkpoint(run_dir / "best.npz")
    old.arrays["parameters/1.weight"] = old.arrays["parameters/1.weight"] + 1
    save_checkpoint(old.path, old.record, old.arrays)
    assert "were replaced" in fail(4, "verify-run", new)
    old.path.unlink()
    assert "the weights with which the run began cannot be read" in fail(4, "verify-run", new)


def test_pictures_that_have_moved_are_found(here: Path) -> None:
    succeed("train", "--config", "tiny.ini", "--run-dir", "run", "--epochs", 1)
    shutil.move("pictures", "elsewhere")
    fail(3, "verify-run", "run")
    succeed("verify-run", "run", "--data-dir", "elsewhere")
