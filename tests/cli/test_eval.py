"""`bpnet eval`: the score as a document and as a text, gates, splits and other data."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from bpnet.library.score_data import choose_dataset
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.score import wilson_interval
from bpnet.training.saving import save_checkpoint
from tests.conftest import Run
from tests.helpers.places import MNIST_FILES
from tests.helpers.tiny import (
    NET,
    TABLE,
    TRAIN,
    call,
    draw_dataset,
    fail,
    read_config,
    succeed,
    train,
    with_settings,
    write_idx_folder,
)

KEYS = [
    *("checkpoint", "checkpoints", "epoch", "epochs", "warnings", "dataset", "split", "views"),
    *("samples", "loss", "training_loss"),
    *("accuracy", "accuracy_low", "accuracy_high", "errors"),
    *("calibration_error", "brier_score", "temperature", "per_class", "confusion"),
]


def evaluated(*words: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(succeed("eval", *words, "--json").out)
    return document


def test_the_json_document_has_these_keys_and_adds_up(tiny_run: Run) -> None:
    score = evaluated(tiny_run.path)
    assert list(score) == KEYS
    assert score["checkpoint"] == str(tiny_run.path / "best.npz")
    assert (score["checkpoints"], score["views"]) == ([score["checkpoint"]], 1)
    assert (score["dataset"], score["split"], score["samples"]) == ("idx", "test", 50)
    confusion = score["confusion"]
    right = sum(confusion[place][place] for place in range(3))
    assert sum(map(sum, confusion)) == 50
    assert score["errors"] == 50 - right
    assert score["accuracy"] == right / 50
    assert (score["accuracy_low"], score["accuracy_high"]) == wilson_interval(right, 50)
    for place, entry in enumerate(score["per_class"]):
        assert list(entry) == ["label", "precision", "recall", "samples"]
        assert entry["label"] == str(place)
        assert entry["samples"] == sum(confusion[place])
        assert entry["recall"] == confusion[place][place] / sum(confusion[place])


def test_it_is_the_score_that_training_told(tiny_run: Run, digit_run: Run) -> None:
    for run in (tiny_run, digit_run):
        score = evaluated(run.path)
        for key in ("loss", "accuracy", "errors"):
            assert score[key] == run.said[f"test_{key}"]


def test_real_mnist_scores_as_training_told(
    mnist_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BPNET_DATA_DIR", str(MNIST_FILES))
    score = evaluated(mnist_run.path)
    assert score["samples"] == 10000
    assert score["accuracy"] == mnist_run.said["test_accuracy"]
    assert score["loss"] == mnist_run.said["test_loss"]
    assert score["accuracy_low"] < score["accuracy"] < score["accuracy_high"]
    held_out = evaluated(mnist_run.path, "--split", "validation")
    assert held_out["samples"] == 55000
    assert held_out["accuracy"] == mnist_run.said["validation_accuracy"]


def test_splits_are_those_of_the_run(tiny_run: Run) -> None:
    found = {split: evaluated(tiny_run.path, "--split", split) for split in ("validation", "train")}
    assert found["validation"]["samples"] == 20
    assert found["train"]["samples"] == 80
    history = load_checkpoint(tiny_run.path / "best.npz").record["progress"]["history"]
    assert found["validation"]["training_loss"] == history[-1]["validation_loss"]


def test_a_run_without_validation_has_no_such_split(digit_run: Run, tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    train(read_config(NET + TRAIN, "data.validation=0", folder=tmp_path), tmp_path / "run")
    message = fail(2, "eval", tmp_path / "run", "--split", "validation")
    assert "held out no samples" in message


def test_a_checkpoint_may_be_named_itself(tiny_run: Run) -> None:
    assert evaluated(tiny_run.path / "last.npz")["checkpoint"] == str(tiny_run.path / "last.npz")


def test_a_reader_gets_a_table(tiny_run: Run) -> None:
    text = succeed("eval", tiny_run.path).out
    epoch = load_checkpoint(tiny_run.path / "best.npz").epoch
    named = f"checkpoint {tiny_run.path / 'best.npz'}, epoch {epoch}"
    assert text.startswith(f"idx, test: 50 samples\n{named}\nloss ")
    assert "95 %" in text
    assert re.search(r"\nprobabilities: .* error 0\.\d{4}, .* score 0\.\d{4}; temperature ", text)
    assert "confusion: rows are true, columns predicted" in text
    score = evaluated(tiny_run.path)
    lines = text.splitlines()
    for entry in score["per_class"]:
        line = next(line.split() for line in lines if line.startswith(f"{entry['label']} "))
        assert line[1] == f"{100 * entry['precision']:.2f}"
        assert line[-1] == str(entry["samples"])


def test_the_gate_has_its_own_exit_code_and_the_score_is_told_all_the_same(
    tmp_path: Path,
) -> None:
    write_idx_folder(tmp_path / "pictures", draw_dataset())
    run_dir = tmp_path / "run"
    config = read_config(NET + TRAIN, "optimizer.learning_rate=1e-9", folder=tmp_path)
    train(with_settings(config, "train", epochs=1), run_dir)
    accuracy = evaluated(run_dir)["accuracy"]
    assert accuracy < 0.9
    succeed("eval", run_dir, "--min-accuracy", accuracy)
    answer = call("eval", run_dir, "--min-accuracy", accuracy + 0.01, "--json")
    assert answer.code == 6
    assert json.loads(answer.out)["accuracy"] == accuracy
    assert "below the required one" in answer.err


@pytest.mark.parametrize("wrong", ["97", "-1", "x", "nan"])
def test_a_gate_that_is_no_fraction_is_refused(tiny_run: Run, wrong: str) -> None:
    fail(2, "eval", tiny_run.path, "--min-accuracy", wrong)


def test_numbers_are_scored_by_their_errors(tmp_path: Path) -> None:
    (tmp_path / "table.ini").write_text(TABLE)
    run_dir = tmp_path / "run"
    succeed("train", "--config", tmp_path / "table.ini", "--run-dir", run_dir)
    score = evaluated(run_dir)
    assert list(score) == [*KEYS[:11], "mae", "mse"]
    assert score["mse"] == pytest.approx(score["loss"], rel=1e-5)
    assert math.isfinite(score["mae"])
    assert "mae" in succeed("eval", run_dir).out
    assert "plain numbers" in fail(2, "eval", run_dir, "--min-accuracy", "0.5")


def test_other_data_of_the_same_kind_may_be_scored(tiny_run: Run, tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "others", draw_dataset(test=33))
    score = evaluated(tiny_run.path, "--dataset", folder)
    assert (score["dataset"], score["samples"]) == ("idx", 33)


def test_only_mnist_is_given_drawn_digits(tiny_run: Run, tmp_path: Path) -> None:
    model = load_checkpoint(tiny_run.path / "best.npz").model()
    config = with_settings(model.config, "data", drawn=60000)
    for name in ("mnist", "fashion_mnist", "synthetic", str(tmp_path)):
        chosen = choose_dataset(dataclasses.replace(model, config=config), name).data
        assert chosen.drawn == (60000 if name == "mnist" else 0)


def test_data_that_do_not_fit_are_refused(tiny_run: Run, tmp_path: Path) -> None:
    assert "no such data set" in fail(2, "eval", tiny_run.path, "--dataset", "minst")
    assert "holds no table" in fail(2, "eval", tiny_run.path, "--dataset", "table")
    if MNIST_FILES.is_dir():
        words = ("--dataset", "mnist", "--data-dir", MNIST_FILES)
        assert "made for data other" in fail(3, "eval", tiny_run.path, *words)
    assert "lacks files" in fail(3, "eval", tiny_run.path, "--dataset", tmp_path)


def test_missing_and_damaged_checkpoints_are_one_message(tiny_run: Run, tmp_path: Path) -> None:
    assert "no such file" in fail(4, "eval", tmp_path / "none.npz")
    assert "holds no checkpoint" in fail(4, "eval", tmp_path)
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes((tiny_run.path / "best.npz").read_bytes()[:-100])
    assert "cannot be read" in fail(4, "eval", damaged)


def test_weights_that_overflow_give_an_error_and_no_nan(tiny_run: Run, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_run.path / "best.npz")
    checkpoint.arrays["parameters/5.weight"] = checkpoint.arrays["parameters/5.weight"] * 0 + 3e38
    checkpoint.arrays["parameters/1.bias"] = checkpoint.arrays["parameters/1.bias"] + 3e38
    save_checkpoint(tmp_path / "huge.npz", checkpoint.record, checkpoint.arrays)
    assert "diverged" in fail(5, "eval", tmp_path / "huge.npz", "--json")
