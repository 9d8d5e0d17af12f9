"""`bpnet curves`: several runs in one chart, trained for it or read."""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from bpnet.cli.curves import METRICS, distinct
from bpnet.report.curves import CHOICES
from tests.conftest import Run
from tests.helpers.places import MNIST_FILES, needs_data
from tests.helpers.tiny import NET, TABLE, TRAIN, bpnet, fail, succeed

TWINS = ("neuron", "neuron-cross-entropy")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/opt/bpnet"])
    return tmp_path


def curves(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed("curves", *words, "--json").out)
    return found


def values(found: dict[str, Any]) -> list[list[float]]:
    return [run["values"] for run in found["runs"]]


def epochs_until(part: float, losses: list[float]) -> int:
    """Return how many epochs it takes until that part of the first loss is left."""
    return next(number for number, loss in enumerate(losses) if loss <= part * losses[0])


# What it shows


def test_cross_entropy_learns_faster_than_the_quadratic_cost_from_a_bad_start() -> None:
    found = curves(*TWINS)
    assert found["metric"] == "train_loss"
    assert "different units" in found["note"]
    quadratic, cross_entropy = values(found)
    assert (len(quadratic), len(cross_entropy)) == (300, 300)
    # By hand: the first step of w and b by 0.15 · gradient, gradient a²(1 − a) or a with a = σ(4).
    assert quadratic[:2] == pytest.approx([0.48217, 0.48208], abs=2e-5)
    assert cross_entropy[:2] == pytest.approx([4.01815, 3.72969], abs=2e-5)
    assert epochs_until(0.9, cross_entropy) <= 2
    assert epochs_until(0.9, quadratic) > 100
    assert epochs_until(0.1, cross_entropy) < 40 < 200 < epochs_until(0.1, quadratic)


@needs_data
def test_cross_entropy_learns_mnist_faster_from_the_same_bad_start() -> None:
    words = ("--epochs", 1, "--set", "data.validation=10000", "--data-dir", MNIST_FILES)
    found = curves("nielsen", "nielsen-cross-entropy", *words)
    assert found["metric"] == "validation_accuracy"
    (quadratic,), (cross_entropy,) = values(found)
    assert cross_entropy > quadratic + 0.002 > 0.85
    runs = [run["run_dir"] for run in found["runs"]]
    (quadratic,), (cross_entropy,) = values(curves(*runs, "--metric", "train_accuracy"))
    assert cross_entropy > quadratic + 0.02 > 0.75


def widest(text: str) -> int:
    """Return the columns of the widest line of a chart, the commands below it aside."""
    return max(map(len, text.partition("\n\nnext:")[0].splitlines()))


def test_a_chart_fits_the_terminal_and_is_80_columns_wide_elsewhere(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "44")
    assert widest(succeed("curves", *TWINS, "--epochs", 9).out) == 44
    monkeypatch.delenv("COLUMNS")
    assert widest(bpnet("curves", *TWINS, "--epochs", 9, cwd=here).stdout) == 80


def test_a_reader_gets_a_chart_and_a_command_that_shows_it_again() -> None:
    said = succeed("curves", *TWINS)
    lines = said.out.splitlines()
    assert lines[0] == "training loss over each epoch, relative to that of the first epoch"
    assert max(map(len, lines[: lines.index("next:")])) <= 80
    assert "  o neuron                ends at 0.0434 (quadratic 0.0209 of 0.482)" in lines
    assert any(
        line.startswith("  x neuron-cross-entropy  ends at 0.0030 (binary") for line in lines
    )
    again = lines[-1].split()
    assert again[:2] == ["/opt/bpnet", "curves"]
    repeated = succeed(*again[1:]).out.splitlines()
    assert repeated[1:22] == lines[1:22]
    assert "next:" not in repeated
    assert len(said.err.splitlines()) == 2 * (1 + 10)  # titles and a tenth of the epochs


def test_the_json_document_has_these_keys(here: Path) -> None:
    found = curves("keras", "--epochs", 2)
    assert list(found) == ["metric", "label", "note", "runs", "picture"]
    (run,) = found["runs"]
    assert list(run) == ["name", "run_dir", "loss", "epochs", "values"]
    assert (run["name"], run["loss"], run["epochs"]) == ("keras", "mse", [1, 2])
    assert (found["note"], found["picture"]) == (None, None)
    assert Path(run["run_dir"]).parent == here / "runs"


# Runs and configs


def test_every_config_is_trained_in_a_run_directory_of_its_own(here: Path) -> None:
    found = curves("keras", "keras-classes", "keras", "--set", "train.seed=3", "--epochs", 2)
    assert [run["name"] for run in found["runs"]] == ["keras", "keras-classes", "keras (2)"]
    folders = [Path(run["run_dir"]) for run in found["runs"]]
    assert len(set(folders)) == 3
    for folder in folders:
        assert {"config.ini", "environment.json", "metrics.jsonl", "last.npz", "best.npz"} == {
            path.name for path in folder.iterdir()
        }
        assert "seed = 3\n" in (folder / "config.ini").read_text()
        succeed("eval", folder)
        succeed("train", "--resume", folder, "--epochs", "+1")
    assert found["runs"][0]["values"] == found["runs"][2]["values"]


def test_a_run_directory_is_only_read(tiny_run: Run, here: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tiny_run.path.iterdir()}
    found = curves(tiny_run.path)
    assert found["metric"] == "validation_accuracy"
    assert found["runs"][0]["run_dir"] == str(tiny_run.path)
    noted = [
        json.loads(line) for line in (tiny_run.path / "metrics.jsonl").read_text().splitlines()
    ]
    assert values(found) == [[epoch["validation_accuracy"] for epoch in noted]]
    assert {path: path.stat().st_mtime_ns for path in tiny_run.path.iterdir()} == before
    assert list(here.iterdir()) == []


def test_runs_and_configs_may_be_mixed(tiny_run: Run) -> None:
    found = curves(tiny_run.path, tiny_run.config, "--epochs", 1)
    assert [len(one) for one in values(found)] == [3, 1]
    assert found["metric"] == "validation_accuracy"
    assert curves(tiny_run.path, "keras", "--epochs", 1)["metric"] == "train_loss"


def test_the_metric_may_be_chosen(tiny_run: Run) -> None:
    for wanted, metric in (("loss", "validation_loss"), ("train_accuracy", "train_accuracy")):
        assert curves(tiny_run.path, "--metric", wanted)["metric"] == metric
    text = succeed("curves", tiny_run.path, "--metric", "learning_rate").out
    assert text.startswith("learning rate")
    assert METRICS == CHOICES


@pytest.mark.parametrize("wanted", ["mae", "mse"])
def test_mean_errors_are_shown_where_targets_are_numbers(here: Path, wanted: str) -> None:
    found = curves("keras", "--epochs", 3, "--metric", wanted)
    assert found["metric"] == f"train_{wanted}"
    (run,) = found["runs"]
    lines = (Path(run["run_dir"]) / "metrics.jsonl").read_text().splitlines()
    assert run["values"] == [json.loads(line)[f"train_{wanted}"] for line in lines]
    assert curves(run["run_dir"], "--metric", wanted)["runs"][0]["values"] == run["values"]
    assert f"has no {wanted}" in fail(2, "curves", "keras-classes", "--metric", wanted)


def test_names_that_come_again_get_a_number() -> None:
    assert distinct(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]


# The picture


def test_a_picture_is_drawn(here: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra `plot`")
    found = curves("conv", "two-paths", "-o", "curves.png")
    assert found["picture"] == str(here / "curves.png")
    assert (here / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_nothing_is_trained(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install matplotlib" in fail(2, "curves", "chain", "-o", "a.png")
    assert list(here.iterdir()) == []


# What goes wrong


def test_mistakes_are_told_before_anything_is_trained(tiny_run: Run, here: Path) -> None:
    (here / "table.ini").write_text(TABLE)
    (here / "lost.ini").write_text(NET + TRAIN)
    (here / "empty").mkdir()
    before = set(here.iterdir())
    assert "Missing argument" in fail(2, "curves")
    assert "did you mean keras?" in fail(2, "curves", "chain", "kera")
    words = ("keras-classes", "table.ini", "--metric", "accuracy")
    assert "table has no accuracy" in fail(2, "curves", *words)
    assert "lacks files" in fail(3, "curves", "chain", "lost.ini")
    assert "cannot be read" in fail(4, "curves", "chain", "empty")
    assert "[train] epoch is unknown" in fail(2, "curves", "chain", "--set", "train.epoch=3")
    assert "only runs were given" in fail(2, "curves", tiny_run.path, "--epochs", 3)
    assert "no such folder" in fail(3, "curves", "chain", "-o", "nowhere/a.png")
    assert set(here.iterdir()) == before


def test_a_run_that_diverges_has_its_exit_code(here: Path) -> None:
    assert "epoch" in fail(5, "curves", "chain", "--epochs", 50)


def test_it_works_from_a_shell(here: Path) -> None:
    done = bpnet("curves", "neuron", "--epochs", 3, cwd=here)
    assert done.returncode == 0, done.stderr
    assert "neuron" in done.stdout


def test_a_run_that_cannot_be_read_is_told_line_by_line(tiny_run: Run, here: Path) -> None:
    run = here / "run"
    shutil.copytree(tiny_run.path, run)
    (run / "config.ini").write_text("[train]\nepochs = none\nseed = none\n")
    message = fail(4, "curves", run)
    assert "\\n" not in message
    assert re.search(r"found:\n    2 errors .*\n    .*epochs.*\n    .*seed", message)
    shutil.copy(tiny_run.path / "config.ini", run)
    for text in ('{"epoch": Infinity}', "[" * 100_000, "{"):
        (run / "metrics.jsonl").write_text(text)
        assert "learning curve cannot be read" in fail(4, "curves", run)
    huge = f'{{"epoch": 1, "train_loss": 1{"0" * 400}}}'
    (run / "metrics.jsonl").write_text(huge)
    assert "run has no metric" in fail(2, "curves", run)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["metrics.jsonl", "config.ini"])
def test_no_named_pipe_is_waited_for(tiny_run: Run, here: Path, name: str) -> None:
    shutil.copytree(tiny_run.path, here / "run")
    (here / "run" / name).unlink()
    os.mkfifo(here / "run" / name)
    assert "a named pipe" in fail(4, "curves", "run")
