"""`bpnet train`: what it says, what it leaves, how it is stopped, and how it goes on."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from bpnet.library.run_place import default_run_dir
from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import TINY, Run
from tests.helpers.places import MNIST_FILES, PROJECT
from tests.helpers.tiny import TABLE, call, draw_dataset, fail, succeed, write_idx_folder

KEYS = [
    *("run_dir", "epochs", "steps", "seconds", "samples_per_second", "train_loss"),
    *("validation_accuracy", "test_loss", "test_accuracy", "test_errors"),
    *(
        "best_checkpoint",
        "last_checkpoint",
        "stopped_early",
        "warnings",
        "finite_differences",
        "report",
    ),
]


# What it says and leaves


def test_the_json_document_has_these_keys_and_nothing_around_it(tiny_run: Run) -> None:
    said = tiny_run.said
    assert list(said) == KEYS
    assert said["run_dir"] == str(tiny_run.path)
    assert (said["epochs"], said["steps"]) == (3, 15)
    assert said["best_checkpoint"] == str(tiny_run.path / "best.npz")
    assert said["last_checkpoint"] == str(tiny_run.path / "last.npz")
    assert 0 <= said["test_accuracy"] <= 1
    assert said["test_errors"] == round(50 * (1 - said["test_accuracy"]))
    assert said["seconds"] > 0


def test_a_run_directory_holds_these_files(tiny_run: Run) -> None:
    assert {path.name for path in tiny_run.path.iterdir()} == {
        *("config.ini", "environment.json", "metrics.jsonl", "last.npz", "best.npz"),
        "result.json",
    }
    environment = json.loads((tiny_run.path / "environment.json").read_text())
    assert {"python", "numpy", "cpu", "cores", "workers", "blas"} <= set(environment)


def test_the_effective_config_of_a_run_gives_the_same_run(tiny_run: Run, here: Path) -> None:
    again = tiny_run.path / "config.ini"
    said = json.loads(succeed("train", "--config", again, "--run-dir", "again", "--json").out)
    timed = {"run_dir", "best_checkpoint", "last_checkpoint", "seconds", "samples_per_second"}
    for key in set(KEYS) - timed:
        assert said[key] == tiny_run.said[key]
    assert (here / "again" / "config.ini").read_text() == again.read_text()


def test_a_reader_gets_the_score_and_commands_that_run_as_they_stand(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = succeed("train", "--config", TINY, "--run-dir", "run")
    assert "test accuracy" in answer.out
    assert len(answer.err.splitlines()) == 4
    assert answer.err.splitlines()[1].startswith("epoch 1/3  loss ")
    commands = answer.out.partition("next:\n")[2].splitlines()
    words = [shlex.split(line) for line in commands]
    assert [line[1] for line in words] == ["eval", "predict", "draw", "train"]
    monkeypatch.setenv("BROWSER", "")
    for line in words:
        succeed(*line[1:])


def test_no_picture_of_a_digit_is_suggested_for_other_classes(here: Path) -> None:
    names = "data.class_names=coat, shoe, bag"
    answer = succeed("train", "--config", TINY, "--set", names, "--run-dir", "run")
    commands = answer.out.partition("next:\n")[2].splitlines()
    assert [shlex.split(line)[1] for line in commands] == ["eval", "train"]


def test_the_suggested_commands_find_the_data_again(digit_run: Run, here: Path) -> None:
    shutil.copytree(digit_run.path, here / "run")
    shutil.copytree(digit_run.config.with_name("pictures"), here / "some where" / "pictures")
    answer = succeed("train", "--resume", "run", "--data-dir", "some where")
    lines = [shlex.split(line) for line in answer.out.partition("next:\n")[2].splitlines()]
    assert [line[1] for line in lines] == ["eval", "predict", "draw", "train"]
    for line in lines:
        if line[1] in ("predict", "draw"):
            assert Path(line[-1]).exists()
        else:
            assert line[-2:] == ["--data-dir", "some where"]
            succeed(*line[1:])


def test_the_run_directory_is_named_after_config_and_time(here: Path) -> None:
    for _ in range(2):
        succeed("train", "--config", TINY, "--epochs", 1)
    names = sorted(path.name for path in (here / "runs").iterdir())
    assert len(names) == 2
    assert all(name.startswith("tiny-20") for name in names)


def test_options_change_settings(here: Path) -> None:
    words = ("--epochs", "2", "--seed", "7", "--set", "train.batch_size=20", "--workers", "1")
    said = json.loads(succeed("train", "--config", TINY, "--run-dir", "run", "--json", *words).out)
    assert (said["epochs"], said["steps"]) == (2, 8)
    config = (here / "run" / "config.ini").read_text()
    assert "seed = 7\n" in config
    assert load_checkpoint(here / "run" / "last.npz").config().train.seed == 7


def test_the_number_of_workers_changes_no_bit(here: Path) -> None:
    for count in (1, 2):
        succeed("train", "--config", TINY, "--run-dir", count, "--workers", count)
    one, two = (load_checkpoint(here / name / "last.npz").arrays for name in ("1", "2"))
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


def test_a_dry_run_shows_the_network_and_writes_nothing(here: Path) -> None:
    answer = succeed("train", "--config", TINY, "--dry-run")
    assert "1.conv" in answer.out
    assert "total" in answer.out
    assert set(here.iterdir()) == {here / "pictures", here / TINY}
    assert fail(
        2, "train", "--config", TINY, "--dry-run", "--set", "model.layers=flatten, linear 4"
    )


@pytest.mark.usefixtures("global_random_state")
def test_no_random_state_is_shared_with_anybody(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run", "--set", "augment.shift=1")


def test_a_table_of_numbers_is_trained_and_scored(here: Path) -> None:
    (here / "table.ini").write_text(TABLE)
    answer = succeed("train", "--config", "table.ini", "--run-dir", "run", "--json")
    said = json.loads(answer.out)
    assert list(said) == KEYS
    for key in ("validation_accuracy", "test_accuracy", "test_errors"):
        assert said[key] is None
    assert said["test_loss"] > 0
    assert "on the table itself: loss " in succeed("train", "--resume", "run").out
    assert succeed("eval", "run").out.startswith("on the table itself: 4 samples\n")


def test_a_table_of_classes_has_no_test_samples_either(here: Path) -> None:
    words = ("train", "--config", "keras-classes", "--run-dir", "run")
    told = succeed(*words).out
    assert told.startswith("on the table itself: accuracy ")
    assert "test" not in told.partition("\nnext:")[0]
    scored = succeed("eval", "run").out
    assert scored.startswith("on the table itself: ")


def test_a_training_loss_other_than_that_of_eval_has_a_name_of_its_own(here: Path) -> None:
    for settings, name in (
        (("train.label_smoothing=0.1",), "smoothed cross-entropy"),
        (("train.loss=quadratic",), "quadratic"),
        (("train.loss=binary_cross_entropy",), "binary cross-entropy"),
        ((), "loss"),
    ):
        words = [word for setting in settings for word in ("--set", setting)]
        answer = succeed("train", "--config", TINY, "--run-dir", f"run-{name}", *words)
        assert answer.err.splitlines()[1].startswith(f"epoch 1/3  {name} ")


# What it refuses


def test_errors_have_the_exit_codes_of_their_kind(here: Path) -> None:
    assert "no such config" in fail(2, "train", "--config", "lenet")
    assert "did you mean" in fail(2, "train", "--config", TINY, "--set", "train.epoch=3")
    assert "--config" in fail(2, "train")
    assert "No such option" in fail(2, "train", "--nonsense")
    assert "lacks files" in fail(3, "train", "--config", TINY, "--set", "data.path=nowhere")
    assert 'did you mean "mnist"?' in fail(2, "train", "--config", TINY, "--dataset", "minst")
    assert "leave no sample" in fail(3, "train", "--config", TINY, "--set", "data.validation=999")
    assert "there is no checkpoint" in fail(4, "train", "--resume", "nothing.npz")
    assert "holds no checkpoint" in fail(4, "train", "--resume", "pictures")
    (here / "file").touch()
    assert "cannot be made" in fail(4, "train", "--config", TINY, "--run-dir", "file/run")
    diverging = ("--set", "optimizer.learning_rate=1e30", "--run-dir", "diverged")
    message = fail(5, "train", "--config", TINY, *diverging)
    assert "epoch 1, step 2, layer 5.linear" in message or "layer 1.conv" in message
    load_checkpoint(here / "diverged" / "last.npz")


def test_every_error_is_one_message_on_standard_error(here: Path) -> None:
    for words in (["train", "--config", "x"], ["train", "--resume", "x"], ["eval", "x"]):
        answer = call(*words)
        assert answer.out == ""
        assert answer.err.count("bpnet: ") == 1
        assert "try: " in answer.err or "expected: " in answer.err


def test_a_class_that_the_network_does_not_answer_is_a_config_error(here: Path) -> None:
    message = fail(2, "train", "--config", TINY, "--set", "model.layers=flatten, linear 4")
    assert "must give (3,), found (4,)" in message


def test_a_run_directory_with_another_run_is_refused(tiny_run: Run, here: Path) -> None:
    before = (tiny_run.path / "last.npz").read_bytes()
    message = fail(4, "train", "--config", TINY, "--run-dir", tiny_run.path)
    assert "holds a run already" in message
    assert f"--resume {tiny_run.path}" in message
    assert (tiny_run.path / "last.npz").read_bytes() == before


def test_the_command_that_goes_on_with_another_run_works_as_it_stands(here: Path) -> None:
    run = here / "some run; echo"
    words = ("train", "--config", TINY, "--run-dir", run, "--data-dir", "pictures")
    succeed(*words)
    message = fail(4, *words)
    command = shlex.split(message.splitlines()[-1].rpartition("with it: ")[2])
    assert command[-5:] == ["train", "--resume", str(run), "--data-dir", "pictures"]
    succeed(*command[-5:])


def test_plus_needs_a_run_to_extend(here: Path) -> None:
    assert "--resume" in fail(2, "train", "--config", TINY, "--epochs", "+2")
    assert "does not understand" in fail(2, "train", "--config", TINY, "--epochs", "some")


def test_resuming_on_other_data_changes_nothing(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    before = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
    write_idx_folder(here / "pictures", draw_dataset(train=110))
    assert "other data" in fail(4, "train", "--resume", "run", "--epochs", "+2")
    assert {path.name: path.read_bytes() for path in (here / "run").iterdir()} == before


def test_runs_that_start_side_by_side_get_directories_of_their_own(here: Path) -> None:
    paths = {default_run_dir("configs/a.ini") for _ in range(5)}
    assert len(paths) == 5
    assert all(path.is_dir() and path.name.startswith("a-20") for path in paths)
    (here / "other").symlink_to(here / "nowhere")
    shutil.rmtree(here / "runs")
    (here / "other").rename(here / "runs")
    assert "cannot be written" in fail(4, "train", "--config", TINY)


# How it goes on


def test_a_finished_run_is_scored_again_and_extended_in_place(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    again = json.loads(succeed("train", "--resume", "run", "--json").out)
    assert again["epochs"] == 3
    longer = json.loads(succeed("train", "--resume", "./run", "--epochs", "+2", "--json").out)
    assert (longer["epochs"], longer["run_dir"]) == (5, str(here / "run"))
    assert len((here / "run" / "metrics.jsonl").read_text().splitlines()) == 5
    assert "epochs = 5\n" in (here / "run" / "config.ini").read_text()
    assert fail(2, "train", "--resume", "run", "--epochs", "2")


def test_a_contradicting_setting_is_refused(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    message = fail(2, "train", "--resume", "run", "--seed", "5")
    assert "train.seed is 1 in the checkpoint, but 5 was asked for" in message
    succeed("train", "--resume", "run", "--seed", "1", "--config", TINY)


def test_a_checkpoint_resumed_elsewhere_leaves_the_old_run_alone(here: Path) -> None:
    succeed("train", "--config", TINY, "--run-dir", "run")
    before = (here / "run" / "last.npz").read_bytes()
    words = ("--resume", "run/last.npz", "--run-dir", "new", "--epochs", "+1", "--json")
    assert json.loads(succeed("train", *words).out)["epochs"] == 4
    assert (here / "run" / "last.npz").read_bytes() == before


# Real pictures


def test_mnist_is_learnt_in_one_short_epoch(mnist_run: Run) -> None:
    assert mnist_run.said["test_accuracy"] > 0.85
    assert mnist_run.said["validation_accuracy"] > 0.85
    assert mnist_run.said["steps"] == 79


def test_mnist_may_be_named_as_an_option(mnist_run: Run, here: Path) -> None:
    answer = succeed("train", "--resume", mnist_run.path, "--data-dir", MNIST_FILES, "--json")
    assert json.loads(answer.out)["test_accuracy"] == mnist_run.said["test_accuracy"]


def test_every_preset_describes_a_network(here: Path) -> None:
    for path in sorted((PROJECT / "configs").rglob("*.ini")):
        succeed("summary", path)
