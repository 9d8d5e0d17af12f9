"""What `eval`, `predict` and `summary` say about the checkpoint that they use."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import WEIGHTS
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.places import PROJECT
from tests.helpers.tiny import (
    after,
    draw_dataset,
    fail,
    read_config,
    succeed,
    train,
    write_idx_folder,
)

PICTURE = PROJECT / "bpnet" / "assets" / "seven.jpg"
UNTRAINED = "no epoch of this run was finished"
WITHOUT_BEST = "holds no best.npz; used instead: "


@pytest.fixture
def hardly_trained(tmp_path: Path) -> Path:
    """Return the directory of a run that was stopped after two steps."""
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    train(read_config(folder=tmp_path), tmp_path / "run", should_stop=after(2))
    return tmp_path / "run"


def evaluated(*words: object) -> tuple[dict[str, Any], str]:
    answer = succeed("eval", *words, "--json")
    return json.loads(answer.out), answer.err


def test_a_score_without_a_finished_epoch_is_warned_of(hardly_trained: Path) -> None:
    document, said = evaluated(hardly_trained)
    path = hardly_trained / "last.npz"
    assert (document["checkpoint"], document["epoch"]) == (str(path), 0)
    without_best, untrained = document["warnings"]
    assert without_best == f"{hardly_trained} {WITHOUT_BEST}{path}, epoch 0"
    assert f"{path}: {UNTRAINED} (2 steps taken)" in untrained
    assert said == f"warning: {without_best}\nwarning: {untrained}\n"
    answer = succeed("eval", path)
    assert f"checkpoint {path}, epoch 0\n" in answer.out
    assert answer.err.count("warning: ") == 1  # the file was named, so nothing replaces it
    assert UNTRAINED in answer.err


def test_each_of_several_networks_is_warned_of(hardly_trained: Path, tiny_run: Run) -> None:
    document, said = evaluated(tiny_run.path, hardly_trained)
    best = load_checkpoint(tiny_run.path / "best.npz").epoch
    assert (document["epoch"], document["epochs"]) == (None, [best, 0])
    assert [str(hardly_trained) in warning for warning in document["warnings"]] == [True, True]
    assert UNTRAINED in said
    text = succeed("eval", tiny_run.path, hardly_trained).out
    assert f"  {hardly_trained / 'last.npz'}, epoch 0\n" in text


def test_a_trained_run_has_no_warning(tiny_run: Run) -> None:
    document, said = evaluated(tiny_run.path)
    assert document["epoch"] == load_checkpoint(tiny_run.path / "best.npz").epoch
    assert (document["warnings"], said) == ([], "")


def test_a_lost_best_is_said(tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "last.npz").write_bytes((tiny_run.path / "last.npz").read_bytes())
    document, _ = evaluated(tmp_path)
    assert document["epoch"] == 3
    assert document["warnings"] == [f"{tmp_path} {WITHOUT_BEST}{tmp_path / 'last.npz'}, epoch 3"]


def test_a_prediction_of_untrained_weights_is_warned_of(digit_run: Run, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(digit_run.path / "last.npz")
    progress = checkpoint.record["progress"]
    progress |= {"epoch": 0, "batch": 1, "step": 1, "history": [], "best_epoch": 0}
    progress |= {"patience_from": 0, "best_score": None}
    save_checkpoint(tmp_path / "last.npz", checkpoint.record, checkpoint.arrays)
    words = ("predict", "--checkpoint", tmp_path / "last.npz", PICTURE)
    answer = succeed(*words, "--json")
    document = json.loads(answer.out)
    assert document["checkpoint"] == str(tmp_path / "last.npz")
    assert document["epoch"] == 0
    (warning,) = document["warnings"]
    assert f"{UNTRAINED} (1 step taken)" in warning
    assert answer.err == f"warning: {warning}\n"
    assert UNTRAINED in succeed(*words).err


def test_weights_without_a_run_have_no_epoch_and_no_warning() -> None:
    answer = succeed("predict", PICTURE, "--json")
    document = json.loads(answer.out)
    assert (document["checkpoint"], document["epoch"]) == (str(WEIGHTS), None)
    assert (document["warnings"], answer.err) == ([], "")


def test_a_summary_names_checkpoint_and_epoch(tiny_run: Run, hardly_trained: Path) -> None:
    first = succeed("summary", tiny_run.path / "last.npz").out.splitlines()[0]
    assert first == f"checkpoint {tiny_run.path / 'last.npz'}, epoch 3"
    assert UNTRAINED in succeed("summary", hardly_trained).err


@pytest.fixture
def two_runs(here: Path, tiny_run: Run) -> Path:
    """Work where there are two runs, the second one newer, and return that."""
    for name, age in (("older", 100), ("newer", 0)):
        (here / "runs" / name).mkdir(parents=True)
        for file in ("best.npz", "last.npz", "config.ini", "metrics.jsonl"):
            path = here / "runs" / name / file
            path.write_bytes((tiny_run.path / file).read_bytes())
            os.utime(path, (time.time() - age, time.time() - age))
    return here / "runs" / "newer"


def test_last_names_the_newest_run(two_runs: Path, here: Path) -> None:
    said = json.loads(succeed("eval", "last", "--json", "--data-dir", here).out)
    assert said["checkpoint"] == str(two_runs / "best.npz")
    assert f"checkpoint {two_runs / 'best.npz'}" in succeed("summary", "last").out
    assert "newer" in succeed("curves", "last").out
    assert "newer" in succeed("report", "last", "-o", "a.html").out + (here / "a.html").read_text()
    assert f"{two_runs}" in succeed("train", "--resume", "last", "--epochs", "+1", "--json").out
    (here / "last").mkdir()
    assert "the directory holds no checkpoint" in fail(4, "eval", "last")


def test_last_before_any_run(here: Path) -> None:
    assert "there is no run yet" in fail(4, "eval", "last")


def test_digits_names_the_shipped_weights(here: Path) -> None:
    said = json.loads(succeed("predict", "--json", "--checkpoint", "digits", PICTURE).out)
    assert said["checkpoint"].endswith("bpnet/assets/digits.npz")
    assert said["predictions"][0]["label"] == "7"
