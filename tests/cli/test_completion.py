"""Completion: every kind of word, in every shell that is here."""

import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from bpnet.cli import shells
from bpnet.cli.completion import SHELLS
from bpnet.cli.group import COMMANDS
from bpnet.config.presets import example_paths, preset_paths
from tests.helpers.places import PROJECT
from tests.helpers.tiny import fail, process_environment, succeed

VARIABLE = "_BPNET_COMPLETE"
RUN = "runs/mlp-20261129-120000"


@pytest.fixture
def place(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory with runs, pictures and an imported data set."""
    for name in (RUN, "runs/other"):
        (here / name).mkdir(parents=True)
    (here / RUN / "last.npz").write_bytes(b"")
    for name in ("nine.png", "with blank.png", "notes.txt", ".hidden.png", "evil\x1b.png"):
        (here / name).write_bytes(b"")
    (here / "data" / "kanji").mkdir(parents=True)
    (here / "data" / "kanji" / "train-images-idx3-ubyte").write_bytes(b"")
    monkeypatch.setenv("BPNET_DATA_DIR", str(here / "data"))
    return here


def ask(shell: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the lines of the answer to a shell, at the last of the words."""
    given = words[:-1] if shell == "fish" else words
    monkeypatch.setenv("COMP_WORDS", "\n".join(given))
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
    written = TextIOWrapper(BytesIO(), encoding="ascii")  # words are written in UTF-8 all the same
    with redirect_stdout(written):
        assert shells.answer(f"{shell}_complete") == 0
    written.seek(0)
    return written.buffer.read().decode().splitlines()


def offered(monkeypatch: pytest.MonkeyPatch, *words: str) -> set[str]:
    """Return what bash is offered, each word once."""
    found = ask("bash", ["bpnet", *words], monkeypatch)
    assert len(found) == len(set(found))
    return {line.replace("\\ ", " ") for line in found}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["tr"], {"train", "trace"}),
        (["data", "fe"], {"fetch"}),
        (["runs", ""], {"compare", "export", "note", "data/", "pictures/", "runs/"}),
        (["runs", "c"], {"compare"}),
        (["runs", "--so"], {"--sort"}),
        (["runs", "--finished", "r"], {"runs/"}),
        (["runs", "--sort", "te"], {"test"}),
        (["train", "--res"], {"--resume"}),
        (["train", "mlp"], {"mlp", "mlp-deep", "mlp800"}),
        (["train", "--config", "two"], {"two-layer", "two-paths"}),
        (["train", "ti"], {"tiny", "tiny.ini"}),
        (["train", "--resume", ""], {"last", "best", "digits", RUN, "data/", "pictures/", "runs/"}),
        (["eval", "runs/m"], {RUN}),
        (["eval", f"{RUN}/"], {f"{RUN}/last.npz"}),
        (["summary", "l"], {"last", "lenet5"}),
        (["curves", "runs/"], {RUN, "runs/other/"}),
        (["predict", "n"], {"nine.png"}),
        (["predict", "w"], {"with blank.png"}),
        (["predict", "nine.png", "./n"], {"./nine.png"}),
        (["predict", "."], {".hidden.png"}),
        (["predict", "e"], set()),
        (["draw", "--checkpoint", "di"], {"digits"}),
        (["train", "mlp", "--data-dir", ""], {"data/", "pictures/", "runs/"}),
        (["train", "mlp", "--dataset", "fa"], {"fashion_mnist"}),
        (["train", "mlp", "--dataset", "k"], {"kanji"}),
        (["data", "info", "k"], {"kanji"}),
        (["train", "mlp", "--set", "optimizer.na"], {"optimizer.name="}),
        (["train", "mlp", "--set", "optimizer.name", "=", ""], {"sgd", "adam", "adamw", *(
            "rmsprop", "adagrad", "lars", "lamb")}),
        (["train", "mlp", "--set", "optimizer.name", "=", "ad"], {"adam", "adamw", "adagrad"}),
        (["train", "mlp", "--set", "augment.flip", "="], {"yes", "no"}),
        (["train", "mlp", "--set", "data.dataset", "=", "k"], {"kanji"}),
        (["train", "mlp", "--set", "nothing", "=", ""], set()),
        (["train", "--set", "=", "optimizer.name", "=", "ada"], {"adam", "adamw", "adagrad"}),
        (["train", "mlp", "--workers", ""], {"auto", "threads", "processes"}),
        (["train", "mlp", "--gradients", "f"], {"finite-differences"}),
        (["eval", "last", "--split", "t"], {"test", "train"}),
        (["config", "--explain", "optimizer.be"], {"optimizer.beta1", "optimizer.beta2"}),
        (["config", "--explain", "mod"], {"model", "model.layers", "model.init", "model.dtype"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["train", "nowhere/at/all/"], set()),
    ],
)  # fmt: skip
def test_words_are_completed(
    place: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], wanted: set[str]
) -> None:
    assert offered(monkeypatch, *words) == wanted


def test_all_commands_presets_and_examples_are_offered(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offered(monkeypatch, "") == set(COMMANDS)
    assert offered(monkeypatch, "train", "") >= set(preset_paths()) | set(example_paths())
    assert "--set" in offered(monkeypatch, "train", "--")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_help_beside_the_words(
    place: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    assert ask(shell, ["bpnet", "train", "lenet"], monkeypatch) == [
        "lenet5\tLeNet-5 with ReLU and maximum pooling on MNIST"
    ]
    assert ask(shell, ["bpnet", "train", "--set", "train.epo"], monkeypatch) == [
        "train.epochs=\tpasses over the training samples"
    ]
    assert ask(shell, ["bpnet", "train", "--set=optimizer.name=adag"], monkeypatch) == [
        "--set=optimizer.name=adagrad"
    ]
    assert ask(shell, ["bpnet", "predict", "with\\ b"], monkeypatch) == ["with blank.png"]
    assert ask(shell, ["bpnet", "eval", "la"], monkeypatch) == ["last\tthe newest run"]


def test_bash_replaces_only_what_follows_its_breaks() -> None:
    assert shells.joined(["bpnet", "--set", "a", "=", "b"]) == ["bpnet", "--set", "a=b"]
    assert shells.joined(["bpnet", "--set", "=", "a", "=", ""]) == ["bpnet", "--set=a="]
    assert shells.joined(["bpnet", "http", ":", "//x", ""]) == ["bpnet", "http://x", ""]


def test_nobody_is_asked_in_another_language(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shells.answer("bash_source") == 1
    assert shells.answer("tcsh_complete") == 1


def completing(*words: str) -> dict[str, str]:
    """Return an environment in which bash asks for the last word."""
    asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    return process_environment(**asked, **{VARIABLE: "bash_complete"})


@pytest.mark.parametrize("words", [["tr"], ["train", "--set", "o"], ["eval", ""], ["data", ""]])
def test_a_process_answers_and_loads_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    code = (
        "import sys, runpy, atexit\n"
        "heavy = ('numpy', 'PIL', 'requests', 'tqdm')\n"
        "atexit.register(lambda: print([n for n in heavy if n in sys.modules], file=sys.stderr))\n"
        "runpy.run_module('bpnet', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=completing("bpnet", *words),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr == "[]\n"


# --- Scripts


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_for_the_name_by_which_bpnet_is_called(
    shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/my-net.exe"])
    script = succeed("completion", shell).out
    assert "my-net" in script
    assert f"{VARIABLE}={shell}_complete" in script or f"{VARIABLE} {shell}_complete" in script
    assert "%" not in script.replace("%%", "").replace("%$'", "")
    monkeypatch.setattr(sys, "argv", ["/lib/bpnet/__main__.py"])
    assert "_bpnet_completion" in succeed("completion", shell).out


def test_an_unknown_shell_is_told() -> None:
    assert "'bash', 'zsh', 'fish'" in fail(2, "completion", "tcsh")


BASH = """
set -u
eval "$(bpnet completion bash)"
complete -p bpnet >&2
ask() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _bpnet_completion bpnet "${COMP_WORDS[COMP_CWORD]}" ""
    printf '%s|' "${COMPREPLY[@]}"; echo
}
ask bpnet trai
ask bpnet train lene
ask bpnet train mlp --set optimizer.nam
ask bpnet train mlp --set optimizer.name = adag
ask bpnet predict with
"""


def with_program(folder: Path) -> dict[str, str]:
    """Put `bpnet` into a folder, and return an environment that finds it there."""
    program = folder / "bin" / "bpnet"
    program.parent.mkdir()
    start = "from bpnet.cli.main import main; main()"
    program.write_text(f"#!{sys.executable}\n{start}\n", encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return process_environment(PATH=path, PYTHONPATH=str(PROJECT))


@pytest.mark.skipif(not shutil.which("bash") or os.name == "nt", reason="needs bash")
def test_bash_completes(place: Path) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH],
        env=with_program(place),
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        "train|",
        "lenet5|",
        "optimizer.name=|",
        "adagrad|",
        "with\\ blank.png|",
    ]
    assert done.stderr.strip().endswith("-F _bpnet_completion bpnet")


FISH = "bpnet completion fish | source; complete -C 'bpnet train lene'; complete -C 'bpnet eval la'"


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
def test_fish_completes(place: Path) -> None:
    done = subprocess.run(
        ["fish", "--no-config", "-c", FISH],
        env=with_program(place),
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        "lenet5\tLeNet-5 with ReLU and maximum pooling on MNIST",
        "last\tthe newest run",
    ]
    assert done.stderr == ""


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh_reads_its_script(place: Path) -> None:
    code = 'eval "$(bpnet completion zsh)" && print -r -- $_comps[bpnet]'
    done = subprocess.run(
        ["zsh", "-f", "-c", code],
        env=with_program(place),
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "_bpnet_completion\n", done.stderr
