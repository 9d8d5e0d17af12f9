"""Wrong words: each message says what to type."""

import os
import shlex
from pathlib import Path

import click
import pytest

from bpnet.cli.advice import find_command
from bpnet.cli.command import picture
from bpnet.cli.group import COMMANDS
from bpnet.cli.kinds import TAKES, kind_of
from bpnet.cli.other_commands import OTHER_COMMANDS, OTHER_SUBCOMMANDS
from tests.conftest import Run
from tests.helpers.places import PROJECT
from tests.helpers.tiny import call, fail

ASSETS = PROJECT / "bpnet" / "assets"
NINE = str(ASSETS / "nine.jpg")
RUN = "runs/mlp-20261129-120000"
OLD = "runs/tiny-20261128-120000"


@pytest.fixture
def place(tiny_run: Run, here: Path) -> Path:
    """Work in a directory with two runs and a config."""
    for number, name in enumerate((OLD, RUN)):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).mkdir()
        for file in tiny_run.path.iterdir():
            if not file.name.startswith("."):
                (here / name / file.name).write_bytes(file.read_bytes())
        os.utime(here / name, (1e9 + number, 1e9 + number))
    (here / "nine.jpg").write_bytes(Path(NINE).read_bytes())
    return here


def told(code: int, line: str) -> str:
    """Return what a message says to type."""
    message = fail(code, *shlex.split(line))
    assert message.count("  try: ") == 1, message
    return message.partition("  try: ")[2].strip().replace("/opt/bpnet", "bpnet")


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("train mlp --lr 0.1", "--set optimizer.learning_rate=0.1"),
        ("train mlp --lr=0.1", "--set optimizer.learning_rate=0.1"),
        ("train mlp --learning-rate 1e-3", "--set optimizer.learning_rate=1e-3"),
        ("train mlp --batch-size 32", "--set train.batch_size=32"),
        ("train mlp --bs 32", "--set train.batch_size=32"),
        ("train mlp --wd 0", "--set optimizer.weight_decay=0"),
        ("train mlp --optimizer Adam", "--set optimizer.name=adam"),
        ("train mlp --adam", "--set optimizer.name=adam"),
        ("train mlp --momentum -1", "--set optimizer.momentum=-1"),
        ("curves mlp --lr 0.1", "--set optimizer.learning_rate=0.1"),
        ("train mlp -lr 0.1", "--set optimizer.learning_rate=0.1"),
        ("export digits last -o a.onnx", "bpnet export digits -o a.onnx"),
        ("train mlp -e 5", "--set train.epochs=5"),
        ("train mlp -b=32", "--set train.batch_size=32"),
        ("train mlp --set train.epochs 5", "--set train.epochs=5"),
        ("train mlp --set train.epochs = 5", "--set train.epochs=5"),
        ("train mlp --set lr 0.1", "--set optimizer.learning_rate=0.1"),
        ("--epochs 3 train mlp", "--epochs is an option of `bpnet train` and `bpnet curves`"),
        ("train mlp --device cuda", "bpnet computes on the processor"),
        ("train mlp --dropout 0.5", "dropout is a layer, such as `dropout 0.5`"),
        ("train mlp --output x", "--run-dir x"),
        ("train mlp --hidden 30", "hidden units are the value of a layer, as in `linear 30`"),
        ("train --model lenet5", "--config lenet5"),
        ("eval last --format json", "--json"),
        ("train mlp --dryrun", "--dry-run"),
        ("train --dryrun mlp", "--dry-run"),
        ("draw digits", "--checkpoint digits"),
        ("export digits out.onnx", "-o out.onnx"),
        ("config mlp my.ini", "-o my.ini"),
        ("config lr", "bpnet config --explain lr"),
        ("config train", "bpnet config --explain train"),
        ("data download", "bpnet data fetch"),
        ("runs ls", "bpnet runs list"),
        ("runs diff last best", "bpnet runs compare last best"),
        ("data remove mnist", "bpnet data clean mnist"),
        ("completion", "bpnet completion bash"),
        ("predict x --model y", "--checkpoint y"),
        ("train mlp --sed 3", "--seed"),
        ("train mlp --min-accuracy 0.9", "--min-accuracy is an option of `bpnet eval`"),
        ("eval last --lr 3", "it is a setting of training: bpnet train … --set optimizer.learn"),
        ("train mlp --set", "--set SECTION.KEY=VALUE"),
        ("train mlp --seed abc", "--seed 0"),
        ("predict --top 0 x", "--top 3"),
        ("eval digits --split tset", "--split test"),
        ("train mlp --epochs 0", "write --epochs 10, for example"),
        ("train mlp --epochs abc", "write --epochs 10, for example"),
        ("train mlp extra", "bpnet train mlp"),
        ("train mlp lr=0.1", "--set optimizer.learning_rate=0.1"),
        ("train mlp train.epochs=3", "--set train.epochs=3"),
        ("train mlp mnist", "--dataset mnist"),
        ("train mlp fast", "bpnet curves mlp fast (it trains each, and compares)"),
        ("trian mlp", "bpnet train mlp"),
        ("mlp --epochs 3", "bpnet train mlp --epochs 3 (this is a preset)"),
        ("chain", "bpnet train chain (this is a preset)"),
        ("mnist", "bpnet train mlp --dataset mnist (this is a data set)"),
        ("fit mlp", "bpnet train mlp"),
        ("test last", "bpnet eval last"),
        ("download", "bpnet data fetch"),
        ("data fetsh", "bpnet data fetch"),
        ("data fetch minst", "mnist"),
        ("gradcheck", "bpnet gradcheck sigmoid"),
        ("train", "bpnet train quickstart"),
        ("eval", "bpnet eval last"),
        ("summary", "bpnet summary lenet5"),
    ],
)
def test_wrong_words_get_the_right_ones(here: Path, line: str, wanted: str) -> None:
    assert told(2, line).startswith(wanted)


@pytest.mark.parametrize(
    ("code", "line", "wanted"),
    [
        (2, "tiny.ini", "bpnet train tiny.ini (this is a config)"),
        (2, "nine.jpg", "bpnet predict nine.jpg (this is a picture)"),
        (2, RUN, f"bpnet eval {RUN} (this is a run)"),
        (4, "eval mlp", f"bpnet eval {RUN}"),
        (4, "eval lenet5", "bpnet train lenet5"),
        (4, "eval tiny.ini", f"bpnet eval {OLD}"),
        (4, "eval nine.jpg", "bpnet predict nine.jpg"),
        (4, "eval runs", f"bpnet eval {RUN}"),
        (4, "summary runs", f"bpnet summary {RUN}"),
        (4, "export runs -o a.onnx", f"bpnet export {RUN} -o a.onnx"),
        (4, "verify-run runs", f"bpnet verify-run {RUN}"),
        (4, "runs note runs text", f"bpnet runs note {RUN} text"),
        (4, f"runs compare {RUN} runs", f"bpnet runs compare {RUN} {RUN}"),
        (2, f"draw {RUN}", f"--checkpoint {RUN}"),
        (4, "eval runs/tiny", f"did you mean bpnet eval {OLD}"),
        (4, "verify-run lenet5", "bpnet train lenet5"),
        (4, f"verify-run {RUN}/last.npz", f"bpnet verify-run {RUN}"),
        (2, "train nine.jpg", "bpnet predict nine.jpg"),
        (2, f"train {RUN}", f"bpnet train --resume {RUN}"),
        (2, f"train {RUN}/best.npz", f"bpnet train --from {RUN}/best.npz"),
        (2, "train runs", f"bpnet train --resume {RUN}"),
        (2, "train last", "bpnet train --resume last"),
        (2, f"gradcheck {RUN}", f"bpnet gradcheck {RUN}/config.ini"),
        (2, "trace last", f"bpnet trace {RUN}/config.ini"),
        (2, "train --config .", "bpnet train --config tiny.ini"),
        (2, "train --config pictures", "choose one from the list of bpnet presets"),
        (3, "predict tiny.ini", f"bpnet predict --checkpoint {OLD} PICTURE"),
        (3, "predict lenet5", "bpnet train lenet5"),
        (3, f"predict {RUN}", f"bpnet predict --checkpoint {RUN} PICTURE"),
        (3, "predict runs", f"bpnet predict --checkpoint {RUN} PICTURE"),
        (3, f"predict {RUN}/best.npz", f"bpnet predict --checkpoint {RUN}/best.npz PICTURE"),
        (3, "predict nin.jpg", "did you mean bpnet predict nine.jpg"),
        (4, "predict --checkpoint mlp nine.jpg", f"bpnet predict --checkpoint {RUN} nine.jpg"),
        (3, "data import /nonexist", "check the path"),
        (2, "predict", "bpnet predict PICTURE"),
    ],
)
def test_words_of_other_commands_are_recognised(
    place: Path, code: int, line: str, wanted: str
) -> None:
    found = told(code, line)
    assert found == wanted.replace("PICTURE", shlex.quote(picture()))


def test_runs_in_a_folder_are_listed(place: Path) -> None:
    message = fail(4, "eval", "runs")
    assert f"found: a folder of runs: {RUN}, {OLD}\n" in message


def test_runs_of_several_seeds_are_found_in_their_folder(place: Path) -> None:
    (place / "study").mkdir()
    (place / "runs").rename(place / "study" / "tiny-20261130-120000")
    message = fail(4, "eval", "study")
    assert (
        f"found: a folder of runs: {Path('study/tiny-20261130-120000', Path(RUN).name)}, "
        in message
    )
    (place / "study").rename(place / "runs")
    assert told(2, "trace last").endswith(f"{Path(RUN).name}/config.ini")


def test_what_is_told_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for code, line in ((4, "eval runs"), (4, "eval mlp"), (3, f"predict {RUN}")):
        words = shlex.split(told(code, line))
        assert words[0] == "bpnet"
        assert call(*words[1:]).code in (0, 3)  # this network may not read that picture


def test_a_good_word_is_left_alone(place: Path) -> None:
    (place / "broken.npz").write_bytes(b"no archive")
    message = fail(4, "eval", "broken.npz")
    assert "found: a checkpoint" not in message
    for command in ("import", "data import"):
        message = call(*command.split(), "broken.npz").err
        assert "broken.npz" in message
        assert "found: a checkpoint" not in message
    (place / "wrong.ini").write_text("[train]\nepochs = none\n")
    assert "try" not in fail(2, "train", "wrong.ini")


def test_places_for_results_are_left_alone(place: Path) -> None:
    message = fail(4, "train", "tiny.ini", "--run-dir", RUN)
    assert f"--resume {RUN}" in message
    assert "found: a run" not in message


def test_kinds_are_told_apart(place: Path) -> None:
    kinds = {word: kind_of(word) for word in ("mlp", "nine.jpg", "tiny.ini", RUN, "runs", "last")}
    assert list(kinds.values()) == [
        *("a preset", "a picture", "a config", "a run", "a folder of runs", "a run")
    ]
    assert kind_of("nothing") is None
    assert kind_of("a\0b") is None


def test_usage_and_choices_are_told_in_whole_lines(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for words in (["nothing"], ["completion"], ["train", "mlp", "--nothing"]):
        assert "\\" not in fail(2, *words)


def test_a_word_between_runs_and_a_run_is_no_folder(here: Path) -> None:
    assert "No such command 'show'" in fail(2, "runs", "show", "last")
    assert "there is no folder of runs here" in fail(4, "runs", "gone", "--finished")


def test_an_option_is_no_path_to_be_checked(here: Path) -> None:
    assert "check the path" not in fail(2, "export", "digits", "-o", "a.foo")


def test_hostile_words_are_written_out(here: Path) -> None:
    message = fail(2, "a\x1b[2J\nError: none")
    assert "\x1b" not in message
    assert "\nError: none" not in message
    assert "\x1b" not in fail(2, "train", "mlp", "x\x1b[2J")
    assert "\x1b" not in fail(2, "train", "mlp", "--lr\x1b[2J", "3")


def test_names_of_commands_lead_to_commands() -> None:
    for name in OTHER_COMMANDS.values():
        assert name.split()[0] in (*COMMANDS, "--version")
    assert set(OTHER_COMMANDS).isdisjoint(COMMANDS)
    assert {name.split()[0] for name in TAKES} <= set(COMMANDS)
    for group, names in OTHER_SUBCOMMANDS.items():
        found = find_command(group)
        assert isinstance(found, click.Group)
        known = found.commands
        assert set(names.values()) <= set(known)
        assert set(names).isdisjoint(known)
