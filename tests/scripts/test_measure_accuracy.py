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

    def bpnet(self, command: str, *words: str) -> dict[str, Any]:
        if command == "train":
            self.seed = int(words[words.index("--seed") + 1])
            self.trained.append((self.seed, "--workers" not in words))
            run_dir = Path(words[words.index("--run-dir") + 1])
            run_dir.mkdir()
            (run_dir / "best.npz").write_text(f"weights of seed {self.seed}")
            return {"epochs": 2, "samples_per_second": 1000.0}
        return {"samples": 10000, "accuracy": 0.99 + self.seed / 1e5 + self.shift}


@pytest.fixture
def fake(script: Any, monkeypatch: pytest.MonkeyPatch) -> FakeBench:
    return FakeBench(script, monkeypatch)


def run(script: Any, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["measure_accuracy.py", *map(str, words)])
    script.main()


def test_every_result_is_kept_and_none_measured_twice(
    script: Any,
    fake: FakeBench,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "new" / "results.jsonl"
    words = ("--results", path, "mlp", "--seeds")
    run(script, monkeypatch, *words, "101-103")
    run(script, monkeypatch, *words, "101-110")
    assert fake.trained == [(seed, True) for seed in range(101, 111)]
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["seed"] for record in records] == list(range(101, 111))
    assert {record["commit"] for record in records} == {fake.commit}
    assert all(record["date"].startswith("20") for record in records)
    last = capsys.readouterr().out.splitlines()
    assert any(fake.commit in line for line in last)
    cells = [cell.strip() for cell in last[-1].strip("|").split("|")]
    assert cells[:6] == ["`mlp`", "2", "99.11 ± 0.00", "0.001", "10", "99.10 – 99.11"]
    assert cells[8] == "1,000"


def test_another_commit_setting_or_data_set_is_measured_anew(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("--results", tmp_path / "results.jsonl", "mlp", "--seeds", "7")
    run(script, monkeypatch, *words)
    run(script, monkeypatch, *words, "--set", "train.epochs=3")
    run(script, monkeypatch, *words, "--dataset", "fashion_mnist")
    fake.commit, fake.shift = "b" * 40, 0.001
    run(script, monkeypatch, *words)
    assert len(fake.trained) == 4
    run(script, monkeypatch, *words)
    assert len(fake.trained) == 4


def test_side_by_side_measures_accuracy_alone(
    script: Any,
    fake: FakeBench,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(script, "ThreadPoolExecutor", lambda count: Pool())
    words = ("--results", tmp_path / "results.jsonl", "mlp", "--seeds")
    run(script, monkeypatch, *words, "1-10", "--side-by-side")
    assert fake.trained == [(seed, False) for seed in range(1, 11)]
    assert capsys.readouterr().out.rstrip().endswith("| – | – |")
    run(script, monkeypatch, *words, "1-2")
    assert fake.trained[10:] == [(1, True), (2, True)]
    run(script, monkeypatch, *words, "1-10", "--side-by-side")
    assert len(fake.trained) == 12
    assert " (2) | 1,000 |" in capsys.readouterr().out.splitlines()[-1]


class Pool:
    """Run one after the other: the fake remembers a single seed."""

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    map = staticmethod(map)


def test_weights_are_kept_where_that_is_asked_for(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept, results = tmp_path / "kept", tmp_path / "results.jsonl"
    run(script, monkeypatch, "--results", results, "--keep", kept, "mlp", "--seeds", "101-102")
    assert (kept / "mlp-102.npz").read_text() == "weights of seed 102"
    assert len(list(kept.iterdir())) == len(fake.trained) == 2
    (kept / "mlp-101.npz").unlink()  # a result without its weights is measured again
    run(script, monkeypatch, "--results", results, "--keep", kept, "mlp", "--seeds", "101-102")
    assert (kept / "mlp-101.npz").exists()
    assert [seed for seed, _ in fake.trained] == [101, 102, 101]


def test_results_that_lack_a_condition_are_of_other_conditions(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = tmp_path / "results.jsonl"
    run(script, monkeypatch, "--results", results, "mlp", "--seeds", "101")
    old = json.loads(results.read_text())
    del old["sizes"]
    results.write_text(json.dumps(old) + "\n")
    run(script, monkeypatch, "--results", results, "mlp", "--seeds", "101")
    assert [seed for seed, _ in fake.trained] == [101, 101]


def test_changed_files_are_refused_unless_asked_for(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake.commit += "-dirty"
    words = ("--results", tmp_path / "results.jsonl", "mlp", "--seeds", "1")
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
    path = tmp_path / "results.jsonl"
    commits = iter(["a" * 40, "b" * 40])
    monkeypatch.setattr(script, "commit", lambda: next(commits))
    with pytest.raises(SystemExit, match="changed since"):
        run(script, monkeypatch, "--results", path, "mlp", "--seeds", "1")
    assert not path.exists()


def test_the_same_seed_must_give_the_same_accuracy(
    script: Any, fake: FakeBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ("--results", tmp_path / "results.jsonl", "mlp", "--seeds", "1")
    run(script, monkeypatch, *words, "--side-by-side")
    fake.shift = 0.001
    with pytest.raises(SystemExit, match="before"):
        run(script, monkeypatch, *words)


def results(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Return results of several seeds."""
    common = {"commit": "a", "epochs": 1, "samples": 10000, "wall": 2.0, "samples_per_second": 5.0}
    return [common | {"accuracy": 0.99 + 0.001 * (seed % 2)} | changes for seed in range(count)]


@pytest.mark.parametrize(
    ("preset", "runs", "spread"),
    [("mlp", 10, True), ("mlp", 9, False), ("best", 5, True), ("fashion", 4, False)],
)
def test_few_runs_have_no_spread(script: Any, preset: str, runs: int, spread: bool) -> None:
    text = script.row(preset, results(runs))
    assert ("±" in text) == spread
    if preset == "mlp" and spread:
        assert "99.05 ± 0.05 | 0.017 |" in text


def test_two_commits_are_never_in_one_row(script: Any) -> None:
    with pytest.raises(ValueError, match="2 commits"):
        script.row("mlp", results(5) + results(5, commit="b"))


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
