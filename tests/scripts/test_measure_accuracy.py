"""The script that measures accuracy: resumable, of one commit, no ± from a few runs."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.places import PROJECT


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    yield import_module("measure_accuracy")
    for name in ("measure_accuracy", "provenance"):
        sys.modules.pop(name, None)


class FakeBench:
    """Stand for bpnet and git: accuracy follows from the seed."""

    def __init__(self, script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commit = "a" * 40
        self.trained: list[tuple[int, bool]] = []  # seed, and whether alone
        self.shift = 0.0
        monkeypatch.setattr(script, "bpnet", self.bpnet)
        monkeypatch.setattr(script, "commit", lambda: self.commit)

    def bpnet(self, command: str, *words: object) -> dict[str, Any]:
        if command == "eval":
            return {"samples": 500, "accuracy": 0.5}
        seed = words[words.index("--seed") + 1]
        assert isinstance(seed, int)
        self.trained.append((seed, "--workers" not in words))
        run_dir = Path(str(words[words.index("--run-dir") + 1]))
        run_dir.mkdir(parents=True)
        result = {"epochs": 2, "samples_per_second": 1000.0, "test_samples": 10000}
        result["test_accuracy"] = 0.99 + seed / 1e5 + self.shift
        (run_dir / "result.json").write_text(json.dumps(result))
        (run_dir / "environment.json").write_text(json.dumps({"cpu": "a"}))
        return result


@pytest.fixture
def fake(script: Any, monkeypatch: pytest.MonkeyPatch) -> FakeBench:
    return FakeBench(script, monkeypatch)


def run(script: Any, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["measure_accuracy.py", *map(str, words)])
    script.main()


def test_every_run_is_kept_and_none_measured_twice(
    script: Any,
    fake: FakeBench,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--runs", tmp_path / "new", "mlp", "--seeds")
    run(script, monkeypatch, *words, "101-103")
    half = tmp_path / "new" / fake.commit / "mlp" / "seed104"
    half.mkdir()  # as a killed run leaves it
    run(script, monkeypatch, *words, "101-110")
    assert fake.trained == [(seed, True) for seed in range(101, 111)]
    assert len(list(half.parent.iterdir())) == 10
    last = capsys.readouterr().out.splitlines()
    assert any(fake.commit in line for line in last)
    cells = [cell.strip() for cell in last[-1].strip("|").split("|")]
    assert cells[:6] == ["`mlp`", "2", "99.11 ± 0.00", "0.001", "10", "99.10 – 99.11"]
    assert cells[8] == "1,000"


def test_another_commit_or_setting_is_measured_anew_and_another_data_set_scored(
    script: Any,
    fake: FakeBench,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--runs", tmp_path, "mlp", "--seeds", "7")
    run(script, monkeypatch, *words)
    run(script, monkeypatch, *words, "--set", "train.epochs=3")
    assert len(fake.trained) == 2
    capsys.readouterr()
    run(script, monkeypatch, *words, "--dataset", "fashion_mnist")
    assert "| 50.00 |" in capsys.readouterr().out
    assert len(fake.trained) == 2
    fake.commit, fake.shift = "b" * 40, 0.001
    run(script, monkeypatch, *words)
    assert len(fake.trained) == 3


def test_side_by_side_measures_accuracy_alone(
    script: Any,
    fake: FakeBench,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--runs", tmp_path, "mlp", "--seeds")
    run(script, monkeypatch, *words, "1-10", "--side-by-side")
    assert sorted(fake.trained) == [(seed, False) for seed in range(1, 11)]
    assert capsys.readouterr().out.rstrip().endswith("| – | – |")
    run(script, monkeypatch, *words, "1-2")
    assert fake.trained[10:] == [(1, True), (2, True)]
    run(script, monkeypatch, *words, "1-10", "--side-by-side")
    assert len(fake.trained) == 12
    assert " (2) | 1,000 |" in capsys.readouterr().out.splitlines()[-1]


def test_changed_files_are_refused_unless_asked_for(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake.commit += "-dirty"
    words = ("--runs", tmp_path, "mlp", "--seeds", "1")
    with pytest.raises(SystemExit) as caught:
        run(script, monkeypatch, *words)
    assert caught.value.code == 2
    assert fake.trained == []
    run(script, monkeypatch, *words, "--dirty")
    run(script, monkeypatch, *words, "--dirty")
    assert len(fake.trained) == 2  # what is not committed may be something else the next time


def test_a_commit_made_meanwhile_is_refused(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commits = iter(["a" * 40, "b" * 40])
    monkeypatch.setattr(script, "commit", lambda: next(commits))
    with pytest.raises(SystemExit, match="changed since"):
        run(script, monkeypatch, "--runs", tmp_path, "mlp", "--seeds", "1")
    assert not list(tmp_path.rglob("result.json"))


def test_the_same_seed_must_give_the_same_accuracy(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("--runs", tmp_path, "mlp", "--seeds", "1")
    run(script, monkeypatch, *words, "--side-by-side")
    fake.shift = 0.001
    with pytest.raises(SystemExit, match="before"):
        run(script, monkeypatch, *words)


def results(count: int, cpu: str = "a") -> list[dict[str, Any]]:
    """Return results of several seeds."""
    common = {"epochs": 1, "test_samples": 10000, "wall": 2.0, "samples_per_second": 5.0}
    common["environment"] = {"cpu": cpu}  # type: ignore[assignment]
    return [common | {"test_accuracy": 0.99 + 0.001 * (seed % 2)} for seed in range(count)]


@pytest.mark.parametrize(
    ("preset", "runs", "spread"),
    [("mlp", 10, True), ("mlp", 9, False), ("best", 5, True), ("fashion", 4, False)],
)
def test_few_runs_have_no_spread(script: Any, preset: str, runs: int, spread: bool) -> None:
    text = script.row(preset, results(runs))
    assert ("±" in text) == spread
    if preset == "mlp" and spread:
        assert "99.05 ± 0.05 | 0.017 |" in text


def test_two_machines_are_never_in_one_row(script: Any) -> None:
    with pytest.raises(ValueError, match="differ in cpu: a, b"):
        script.row("mlp", results(5) + results(5, "b"))


def test_seeds_are_ranges_and_lists(script: Any) -> None:
    assert script.seed_list("101-104") == [101, 102, 103, 104]
    assert script.seed_list("5") == [5]
    assert script.seed_list("1,3-4,9") == [1, 3, 4, 9]
    for text in ("", "a-b", "4-3", "1,1", "-3", "1,b"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not like"):
            script.seed_list(text)


def test_a_commit_is_that_of_the_code_and_says_if_it_has_changed(
    script: Any, tmp_path: Path
) -> None:
    commit = import_module("provenance").commit

    def git(*words: str) -> None:
        who = ("-c", "user.name=n", "-c", "user.email=e")
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)

    with pytest.raises(import_module("provenance").UnknownCommitError):
        commit(tmp_path / "nowhere")
    git("init")
    (tmp_path / "bpnet").mkdir()
    (tmp_path / "bpnet" / "code.py").write_text("a = 1")
    git("add", ".")
    git("commit", "-m", "one")
    clean = commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "results.jsonl").write_text("")  # no code
    assert commit(tmp_path) == clean
    (tmp_path / "bpnet" / "new.py").write_text("")
    assert commit(tmp_path) == f"{clean}-dirty"
