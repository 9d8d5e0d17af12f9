"""`bpnet train`: data that have moved, weights of another run, and advice that works."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from bpnet.data.dataset import Dataset, Samples
from bpnet.fast.sizes import describe_choice
from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import TINY
from tests.helpers.tiny import (
    bpnet,
    call,
    draw_dataset,
    draw_samples,
    fail,
    succeed,
    write_idx_folder,
)


def advised(message: str) -> list[str]:
    """Return the words after bpnet of the command that a message ends with."""
    line = next(line for line in message.splitlines() if "/opt/bpnet" in line)
    return shlex.split(line[line.index("/opt/bpnet") :])[1:]


# Data that have moved


@pytest.mark.parametrize(
    "where",
    [
        ("--data-dir", "moved"),
        ("--data-dir", "moved/pictures"),
        ("--set", "data.path=moved/pictures"),
        ("--config", "moved/tiny.ini"),
    ],
)
def test_a_run_goes_on_where_its_data_have_moved(here: Path, where: tuple[str, str]) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    (here / "moved").mkdir()
    for name in ("pictures", TINY):
        (here / name).rename(here / "moved" / name)
    message = fail(3, "train", "--resume", "run", "--epochs", "+1")
    assert str(here / "pictures") in message
    assert "--data-dir DIR" in message
    succeed("train", "--resume", "run", "--epochs", "+1", *where)
    place = f"path = {here / 'moved' / 'pictures'}\n"
    assert place in (here / "run" / "config.ini").read_text()
    assert place in load_checkpoint(here / "run" / "last.npz").record["config"]
    succeed("train", "--resume", "run", "--epochs", "+1")
    succeed("eval", "run", "--split", "validation")


def test_a_run_whose_data_have_moved_is_scored(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    (here / "pictures").rename(here / "photos")
    assert "--data-dir DIR" in fail(3, "eval", "run")
    succeed("eval", "run", "--data-dir", "photos")
    succeed("curves", "run")
    (here / "empty").mkdir()
    assert "neither" in fail(3, "eval", "run", "--data-dir", "empty")
    assert "does not exist" in fail(3, "eval", "run", "--data-dir", "typo")


def test_a_folder_named_as_data_set_is_the_one_that_is_scored(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    write_idx_folder(here / "more", draw_dataset(test=60))
    words = ("--dataset", "more", "--data-dir", "pictures", "--json")
    assert json.loads(succeed("eval", "run", *words).out)["samples"] == 60


def test_commands_to_try_next_use_the_folder_that_was_named(here: Path) -> None:
    write_idx_folder(here / "more", draw_dataset(test=60))
    words = ("--dataset", "more", "--data-dir", "pictures", "--run-dir", "run")
    told = succeed("train", "--config", TINY, *words).out.partition("next:")[2]
    assert "eval" in told
    assert "--data-dir" not in told
    assert json.loads(succeed("eval", "run", "--json").out)["samples"] == 60
    succeed("train", "--resume", "run", "--epochs", "+1")


def test_other_data_in_another_place_are_refused(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    before = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
    samples = draw_samples(100, 1)
    five = Samples(samples.inputs, samples.targets % 2)
    write_idx_folder(here / "other", Dataset("idx", five, five, ("0", "1")))
    for where in (("--data-dir", "other"), ("--set", "data.path=other")):
        assert "other data" in fail(4, "train", "--resume", "run", "--epochs", "+1", *where)
    assert {path.name: path.read_bytes() for path in (here / "run").iterdir()} == before


def test_a_run_that_goes_on_with_other_sizes_says_so(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    assert "sizes" not in succeed("train", "--resume", "run", "--epochs", "+1").err
    environment = json.loads((here / "run" / "environment.json").read_text())
    assert environment["processor"] == describe_choice()
    environment["processor"]["chosen_for"] = "Abacus 512K"
    (here / "run" / "environment.json").write_text(json.dumps(environment))
    err = succeed("train", "--resume", "run", "--epochs", "+1").err
    assert "chosen for another processor, Abacus 512K" in err
    assert "OPENBLAS_CORETYPE=Abacus BPNET_PROCESSOR='Abacus 512K'" in err
    assert "sizes" not in succeed("train", "--resume", "run", "--epochs", "+1").err


def test_a_processor_that_is_none_is_a_usage_error(here: Path) -> None:
    done = bpnet("train", "--config", TINY, "--run-dir", "run", cwd=here, BPNET_PROCESSOR="fast")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[:2] == [
        "bpnet: this names no processor",
        "  where: BPNET_PROCESSOR",
    ]
    assert not (here / "run").exists()


# What it tells first


def first_line(*words: object) -> str:
    return succeed("train", *words, "--json").err.splitlines()[0]


def test_the_first_line_tells_what_is_trained_on_what_and_where(here: Path) -> None:
    network = load_checkpoint(trained(here) / "last.npz").model().network
    what = f"5 layers with {network.parameters.flat.size} parameters on 80 samples of "
    what += f"{here / 'pictures'} (20 held out)"
    told = first_line("--config", TINY, "--run-dir", "again")
    assert told == f"training {what}, in {here / 'again'}"
    told = first_line("--resume", "run", "--epochs", "+2")
    assert told == f"resuming in epoch 4 of 5: {what}, in {here / 'run'}"
    assert first_line("--resume", "run") == f"finished after epoch 5: {what}, in {here / 'run'}"


def test_the_first_line_of_an_example_counts_in_the_singular(here: Path) -> None:
    told = first_line("--config", "neuron", "--epochs", 1, "--run-dir", "run")
    where = here / "run"
    assert told == f"training 2 layers with 2 parameters on 1 sample of the table, in {where}"


def trained(here: Path) -> Path:
    succeed("train", "--config", TINY, "--run-dir", "run")
    return here / "run"


# The weights of another run


def test_a_new_run_starts_from_old_weights(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "old")
    answer = succeed("train", "--from", "old", "--run-dir", "new", "--epochs", 1, "--json")
    first, taken = answer.err.splitlines()[:2]
    assert first == f"weights of {here / 'old' / 'best.npz'}, epoch 3"
    assert taken == "taken: 1.weight, 1.bias, 5.weight, 5.bias"
    said = json.loads(answer.out)
    assert said["epochs"] == 1
    first = json.loads((here / "old" / "metrics.jsonl").read_text().splitlines()[0])
    assert said["train_loss"] < 0.5 < first["train_loss"]
    origin = json.loads((here / "new" / "environment.json").read_text())["started_from"]
    assert origin["checkpoint"] == str(here / "old" / "best.npz")
    succeed("train", "--resume", "new", "--epochs", "+1")
    assert load_checkpoint(here / "new" / "last.npz").record["started_from"] == origin
    assert json.loads((here / "new" / "environment.json").read_text())["started_from"] == origin


def test_other_classes_take_what_fits(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "old")
    samples = draw_samples(100, 1)
    five = Samples(samples.inputs, np.arange(100) % 5)
    write_idx_folder(here / "five", Dataset("idx", five, five, tuple("01234")))
    layers = "model.layers=conv 3 kernel=3, relu, maxpool 2, flatten, linear 5"
    words = ("--from", "old", "--data-dir", "five", "--run-dir", "new")
    assert "must give (5,)" in fail(2, "train", *words)
    answer = succeed("train", *words, "--set", layers)
    told = "taken: 1.weight, 1.bias; new: 5.weight (5, 27) instead of (3, 27), "
    assert told + "5.bias (5,) instead of (3,)\n" in answer.err


def test_old_weights_that_cannot_be_taken_are_refused(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "old")
    assert "one of them" in fail(2, "train", "--from", "old", "--resume", "old")
    assert "--resume" in fail(2, "train", "--from", "old", "--epochs", "+1")
    assert "no checkpoint" in fail(4, "train", "--from", "nothing.npz")
    other = "model.layers=flatten, linear 3"
    assert "none of the checkpoint's weights" in fail(4, "train", "--from", "old", "--set", other)
    assert not (here / "runs").exists()


# Advice


def test_the_advice_after_divergence_works(here: Path) -> None:
    (here / "pictures").rename(here / "photos")
    rate = ("--set", "optimizer.learning_rate=1e30", "--data-dir", "photos")
    words = advised(fail(5, "train", "--config", TINY, "--run-dir", "lost", *rate))
    assert words[:3] == ["train", "--from", str(here / "lost")]
    succeed(*words)


def test_the_advice_after_a_contradiction_works(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    rate = ("--set", "optimizer.learning_rate=0.01")
    message = fail(2, "train", "--resume", "run", *rate, "--seed", 3)
    (trained,) = [json.loads(succeed(*advised(message), "--json").out)["run_dir"]]
    config = load_checkpoint(Path(trained) / "last.npz").config()
    assert (config.optimizer.learning_rate, config.train.seed) == (0.01, 3)


@pytest.mark.usefixtures("here")
def test_a_loss_that_rose_is_told_with_advice_that_works() -> None:
    answer = succeed("train", "--config", "chain", "--json")
    warning = "the loss on training samples rose from 3600 to 1.168e+07"
    assert json.loads(answer.out)["warnings"] == [warning]
    assert f"warning: {warning}" in answer.err
    again = succeed(*advised(answer.err), "--json")
    assert json.loads(again.out)["warnings"] == []
    assert "warning" not in again.err


def test_a_loss_that_rose_before_an_interruption_is_told_afterwards(here: Path) -> None:
    succeed("train", "--config", "chain", "--run-dir", "run")
    assert "rose from 3600 to" in succeed("train", "--resume", "run").err


def test_early_stopping_is_told_each_time(here: Path) -> None:
    settings = ("--set", "train.early_stopping=1", "--set", "optimizer.learning_rate=1e-9")
    answer = succeed("train", "--config", TINY, "--run-dir", "run", "--epochs", 200, *settings)
    assert "stopped early after epoch" in answer.err
    assert "(stopped early)" in answer.out
    again = call("train", "--resume", "run", "--json")
    assert json.loads(again.out)["stopped_early"] is True
    assert "no better validation for 1 epoch" in again.err


def test_batches_from_which_batch_normalisation_learns_nothing_are_refused(here: Path) -> None:
    layers = "model.layers=flatten, linear 4, batchnorm, linear 3"
    for command in (["train", "--dry-run", "--config"], ["curves"]):
        message = fail(2, *command, TINY, "--set", layers, "--set", "train.batch_size=2")
        assert "train.batch_size = 2, train.shards = 2" in message
    alone = ("--set", layers, "--set", "train.batch_size=1")
    assert "train.batch_size = 1" in fail(2, "trace", TINY, *alone)


def test_the_advice_works_where_the_loss_had_exploded_before(here: Path) -> None:
    """The weights that were saved are then worse than none."""
    message = fail(5, "train", "--config", "chain", "--epochs", "12", "--run-dir", "exploded")
    assert "in a new run from the start:" in message
    words = shlex.split(message.partition("from the start: ")[2])
    assert "--from" not in words
    done = json.loads(succeed(*words[words.index("train") :], "--json").out)
    assert done["warnings"] == []


def test_a_problem_names_the_option_that_was_given(here: Path) -> None:
    assert "--workers: [train] workers expects" in fail(2, "train", TINY, "--workers", "seven")
    assert "--workers: [train] workers expects" in fail(2, "bench", TINY, "--workers", "seven")
    many = ("--seed", 10**30, "--set", "train.epochs=0", "--dataset", "mnist")
    message = fail(2, "train", TINY, *many)
    assert "--seed: [train] seed expects" in message
    assert "--set: [train] epochs expects" in message
    succeed("train", TINY, "--run-dir", "run")
    assert "--workers: [train] workers" in fail(2, "verify-run", "run", "--workers", "seven")
    words = ("--seed", 5, "--dataset", "synthetic", "--set", "train.batch_size=3")
    message = fail(2, "train", "--resume", "run", *words)
    assert "--seed: train.seed is " in message
    assert "--dataset: data.dataset is " in message
    assert "--set: train.batch_size is " in message
