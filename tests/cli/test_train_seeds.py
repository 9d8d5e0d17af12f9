"""`bpnet train --seeds`: several runs, their mean and its error."""

import json
import shlex
import signal
import statistics
from pathlib import Path
from typing import Any

import pytest

from bpnet.cli.bars import RunDisplay
from bpnet.cli.run_start import tell_start
from bpnet.errors import DivergedError
from tests.conftest import TINY
from tests.helpers.tiny import NET, TRAIN, call, fail, succeed


@pytest.fixture(autouse=True)
def _one_worker(here: Path) -> None:
    """Start no processes: most of these runs take milliseconds."""
    (here / TINY).write_text(f"{NET}{TRAIN}workers = 1\n", encoding="utf-8")


def trained(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed("train", *words, "--json").out)
    return found


def test_each_seed_is_the_run_that_it_would_be_alone(here: Path) -> None:
    found = trained(TINY, "--seeds", "1,3", "--epochs", 2)
    assert list(found) == [
        *("run_dir", "runs", "failed"),
        *("test_accuracy", "test_loss", "validation_accuracy"),
    ]
    assert [run["seed"] for run in found["runs"]] == [1, 3]
    folder = Path(found["run_dir"])
    assert folder.parent == here / "runs"
    assert [Path(run["run_dir"]) for run in found["runs"]] == [folder / "seed1", folder / "seed3"]
    alone = trained(TINY, "--seed", 3, "--epochs", 2)
    assert found["runs"][1]["test_loss"] == alone["test_loss"]
    scores = [run["test_accuracy"] for run in found["runs"]]
    deviation = statistics.stdev(scores)
    assert found["test_accuracy"] == {
        "runs": 2,
        "mean": pytest.approx(statistics.mean(scores)),
        "standard_deviation": pytest.approx(deviation),
        "standard_error": pytest.approx(deviation / 2**0.5),
        "lowest": min(scores),
        "highest": max(scores),
    }


def test_a_reader_gets_a_table_and_commands_that_run_as_they_stand(here: Path) -> None:
    answer = succeed("train", TINY, "--seeds", "1-2", "--epochs", 1, "--run-dir", "study")
    head, one, two, _, summary, *_ = answer.out.splitlines()
    assert head.split()[:3] == ["seed", "validation", "test"]
    assert (one.split()[0], two.split()[0]) == ("1", "2")
    assert summary.startswith("test accuracy ")
    assert "mean ± standard error of 2 runs; standard deviation " in summary
    assert "seed 2 (2 of 2)" in answer.err
    assert "\nseed 2: test accuracy " in answer.err
    for line in answer.out.partition("next:\n")[2].splitlines():
        succeed(*shlex.split(line)[1:])


def test_numbers_have_a_loss_instead_of_an_accuracy(here: Path) -> None:
    answer = succeed("train", "keras", "--seeds", "1-2", "--epochs", 2)
    assert "\ntest loss " in answer.out
    single = succeed("train", "keras", "--seeds", "5", "--epochs", 2)
    assert "(a single run)" in single.out


def test_finished_seeds_are_not_trained_again_and_more_can_be_added(here: Path) -> None:
    words = (TINY, "--epochs", 1, "--run-dir", "study")
    first = trained(*words, "--seeds", "1-2")
    before = (here / "study" / "seed2" / "last.npz").read_bytes()
    answer = succeed("train", *words, "--seeds", "2-3", "--json")
    found = json.loads(answer.out)
    assert found["runs"][0] == first["runs"][1]
    assert "finished before" in answer.err
    assert (here / "study" / "seed2" / "last.npz").read_bytes() == before
    assert json.loads(succeed("runs", "study", "--json").out)["left_out"] == 0


@pytest.mark.parametrize("file", ["metrics.jsonl", "result.json", "environment.json"])
@pytest.mark.parametrize("content", ["{", "{}", '{"test_loss": null}'])
def test_a_damaged_file_of_a_finished_seed_is_written_anew(
    here: Path, file: str, content: str
) -> None:
    words = (TINY, "--epochs", 1, "--run-dir", "study", "--seeds", "1-2")
    first = trained(*words)
    (here / "study" / "seed1" / file).write_text(content, encoding="utf-8")
    again = trained(*words)
    assert again["test_loss"] == first["test_loss"]
    assert again["runs"][0]["validation_accuracy"] == first["runs"][0]["validation_accuracy"]


def test_what_is_wanted_besides_is_written_of_finished_seeds_too(here: Path) -> None:
    pytest.importorskip("tensorboardX", reason="writes event files: pip install tensorboardX")
    words = (TINY, "--epochs", 1, "--run-dir", "study", "--seeds", "1-2")
    trained(*words)
    wanted = ("--note", "again", "--csv", "--tensorboard", "curves")
    found = trained(*words, *wanted)
    assert [run["note"] for run in found["runs"]] == ["again"] * 2
    for seed in ("seed1", "seed2"):
        assert (here / "study" / seed / "metrics.csv").is_file()
        assert len(list((here / "curves" / "study" / seed).iterdir())) == 1
    assert "finished before" in succeed("train", *words, *wanted).err


def test_curves_of_other_seeds_are_not_mixed_with(here: Path) -> None:
    pytest.importorskip("tensorboardX", reason="writes event files: pip install tensorboardX")
    words = (TINY, "--epochs", 1, "--run-dir", "study", "--tensorboard", "curves", "--seeds")
    trained(*words, "2")
    (here / "study").rename(here / "old")
    assert "curves of another run" in fail(4, "train", *words, "1-2")
    assert not (here / "study").exists()


def test_a_seed_that_cannot_be_read_is_an_error(here: Path) -> None:
    words = (TINY, "--epochs", 1, "--run-dir", "study", "--seeds", "1-2")
    trained(*words)
    (here / "study" / "seed1" / "note.txt").write_bytes(b"\xff")
    message = fail(4, "train", *words)
    assert "seed1" in message
    assert "the run's note.txt cannot be read" in message


def test_an_interruption_keeps_what_is_finished_and_tells_how_to_go_on(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(TINY, "--seeds", "1-3", "--run-dir", "whole")
    epoch_ended = RunDisplay.epoch_ended
    ended: list[int] = []

    def interrupts(self: RunDisplay, record: dict[str, Any]) -> None:
        epoch_ended(self, record)
        ended.append(record["epoch"])
        if len(ended) == 5:  # the second one of the second seed
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(RunDisplay, "epoch_ended", interrupts)
        words = ("--seeds", "1-3", "--run-dir", "study", "--note", "a study", "--csv")
        message = fail(130, "train", TINY, *words)
    assert f"where: {here / 'study' / 'seed2'}" in message
    hint = message.partition("without training finished seeds again: ")[2]
    assert shlex.split(hint)[1:3] == ["train", "tiny.ini"]
    found = trained(*shlex.split(hint)[2:])
    places = {"name", "run_dir", "started", "seconds", "bytes", "note"}

    def results(document: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in run.items() if key not in places}
            for run in document["runs"]
        ]

    assert results(found) == results(whole)
    assert [run["note"] for run in found["runs"]] == ["a study"] * 3
    assert all((Path(run["run_dir"]) / "metrics.csv").exists() for run in found["runs"])


def test_runs_that_all_diverge_have_its_exit_code(here: Path) -> None:
    answer = call("train", "chain", "--epochs", 50, "--seeds", "1-2", "--json")
    assert answer.code == 5
    found = json.loads(answer.out)
    assert (found["runs"], found["test_accuracy"]) == ([], None)
    assert [one["seed"] for one in found["failed"]] == [1, 2]
    assert "2 of 2 runs diverged" in answer.err
    assert "found: seeds 1, 2" in answer.err


def test_one_diverged_run_among_others_is_told_after_their_scores(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def diverges(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise DivergedError("training diverged", where="epoch 1")
        tell_start(*arguments)

    monkeypatch.setattr("bpnet.cli.train_run.tell_start", diverges)
    answer = call("train", TINY, "--epochs", 1, "--seeds", "4-6", "--run-dir", "study")
    assert answer.code == 5
    assert [line.split()[0] for line in answer.out.splitlines()[1:3]] == ["4", "6"]
    assert "standard error of 2 runs" in answer.out
    assert "seed 5: training diverged (epoch 1); the others go on" in answer.err
    assert "1 of 3 runs diverged, and count nowhere" in answer.err


def test_options_of_one_run_are_refused(here: Path) -> None:
    succeed("train", TINY, "--run-dir", "run", "--epochs", 1)
    before = set(here.iterdir())
    assert "--seeds those of several" in fail(2, "train", TINY, "--seeds", "1-2", "--seed", 1)
    assert "give --seeds again" in fail(2, "train", "--resume", "run", "--seeds", "1-2")
    assert "this is one run" in fail(4, "train", TINY, "--seeds", "1-2", "--run-dir", "run")
    assert "does not understand" in fail(2, "train", TINY, "--seeds", "1-x")
    assert "name a config" in fail(2, "train", "--seeds", "1-2")
    assert "there is no such config" in fail(2, "train", "tinny", "--seeds", "1-2")
    assert set(here.iterdir()) == before


def test_other_settings_than_those_of_the_folder_are_refused(here: Path) -> None:
    words = ("train", TINY, "--seeds", "1", "--run-dir", "study")
    succeed(*words, "--epochs", 1)
    message = fail(2, *words, "--epochs", 2, "--set", "train.batch_size=8")
    assert "train.epochs is 1 there, but 2 now" in message
    assert "train.batch_size is 16 there, but 8 now" in message
    succeed(*words, "--epochs", 1, "--workers", 1)  # who computes changes no result


def test_data_that_are_missing_leave_no_empty_folder(here: Path) -> None:
    (here / "pictures").rename(here / "elsewhere")
    fail(3, "train", TINY, "--seeds", "1-2")
    assert not list((here / "runs").iterdir())


def test_a_dry_run_of_several_writes_nothing(here: Path) -> None:
    before = set(here.iterdir())
    assert "1.conv" in succeed("train", TINY, "--seeds", "1-2", "--dry-run").out
    assert set(here.iterdir()) == before


def test_event_files_lie_in_a_folder_for_each_seed(here: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")
    words = ("--seeds", "1-2", "--epochs", 1, "--run-dir", "study", "--tensorboard", "events")
    succeed("train", TINY, *words)
    assert {path.name for path in (here / "events" / "study").iterdir()} == {"seed1", "seed2"}
