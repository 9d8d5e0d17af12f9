"""The documents: what they show is what the code does, and what they point at exists."""

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from bpnet.cli import bench, gradcheck
from bpnet.cli.group import COMMANDS
from bpnet.config.layer_lines import usage
from bpnet.config.loading import load_config
from bpnet.config.presets import example_paths, preset_paths
from bpnet.errors import BpnetError
from bpnet.nn.registry import layer_types, loss_types
from bpnet.training.optimizers import OPTIMIZERS
from tests.conftest import Run
from tests.helpers.places import MNIST_FILES, PROJECT
from tests.helpers.tiny import TABLE, Answer, call, succeed
from tests.test_structure import LEVELS

NAMES = (
    "README.md",
    "configs/README.md",
    "scripts/README.md",
    "bpnet/README.md",
    "bpnet/training/README.md",
)
DOCUMENTS = {name: (PROJECT / name).read_text(encoding="utf-8") for name in NAMES}
README = DOCUMENTS["README.md"]
LONGEST = 200  # lines of the first page
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
FEW_DIGITS = ("data.synthetic_train=200", "data.synthetic_test=50", "data.validation=50")

every_document = pytest.mark.parametrize("name", NAMES)


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks in a language."""
    return [content for tag, content in BLOCK.findall(text) if tag == language]


def prose(text: str) -> str:
    """Return a document without its fenced blocks."""
    return BLOCK.sub("", text)


def cells(text: str) -> list[list[str]]:
    """Return the cells of all tables, row by row."""
    rows = [line.strip("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in rows]


def quoted(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def first_words(text: str) -> set[str]:
    """Return what stands in backticks in the first column of a document's tables."""
    return {name for row in cells(prose(text)) for name in quoted(row[0])}


# --- The first page


def test_the_first_page_is_short() -> None:
    assert len(README.splitlines()) <= LONGEST


def test_the_first_page_has_two_commands_that_begin_from_nothing() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv ")]
    assert len(lines) == 2
    assert lines[0].endswith("bpnet train --config quickstart")
    assert lines[1].endswith("-m pytest")


def test_the_first_page_lists_every_command_and_example() -> None:
    names = first_words(README)
    assert set(COMMANDS) == {name.split()[1] for name in names if name.startswith("bpnet ")}
    assert set(example_paths()) <= names


def test_the_first_page_lists_every_exit_code() -> None:
    codes = {kind.exit_code for kind in BpnetError.__subclasses__()} | {0}
    sentence = README.partition("Exit codes: ")[2].partition("\n\n")[0]
    listed = {int(part.split()[0]) for part in sentence.split(";")}
    assert listed == codes


def test_the_first_page_quotes_the_textbooks_step() -> None:
    code = blocks(README, "python")[0]
    source = (PROJECT / "bpnet/training/textbook.py").read_text(encoding="utf-8")
    assert indent(code, "    ") in source


# --- The commands of the first page


@dataclass(frozen=True)
class Command:
    """Hold a command line of a document.

    Args:
        line: as it is written.
        words: behind `bpnet`.
        code: the exit code that the document tells.
        output: what it shows of the output, or None.
    """

    line: str
    words: list[str]
    code: int = 0
    output: str | None = None


def commands() -> Iterator[Command]:
    """Yield every command line of bpnet in the first page's blocks."""
    for block in blocks(README, "sh"):
        for line in block.splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                told = re.search(r"#.*exit code (\d+)", part)
                if words[0].rpartition("/")[2] == "bpnet":
                    yield Command(shlex.join(words), words[1:], int(told[1]) if told else 0)
    for block in blocks(README, "console"):
        for answered in block.split("$ ")[1:]:
            line, _, output = answered.partition("\n")
            yield Command(line, shlex.split(line)[1:], output=output)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory that looks like a clone, with nothing in it but the package."""
    monkeypatch.setattr(gradcheck, "SECONDS", 0.01)
    (tmp_path / "bpnet").symlink_to(PROJECT / "bpnet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BPNET_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [".venv/bin/bpnet"])
    return Path.cwd()


def run_shortened(words: list[str]) -> Answer:
    """Run a command; training takes few drawn digits, or checks MNIST and takes no step."""
    if words[0] != "train":
        return call(*words)
    config = load_config(words[words.index("--config") + 1])
    if config.data.dataset == "synthetic":
        settings = [word for setting in FEW_DIGITS for word in ("--set", setting)]
        return call(*words, "--epochs", 1, *settings)
    assert config.data.dataset == "mnist"
    if not MNIST_FILES.is_dir():
        pytest.skip("needs the data sets beside the project")
    return call(*words, "--data-dir", MNIST_FILES, "--dry-run")


@pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link")
@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.line)
def test_a_command_does_what_the_first_page_says(clone: Path, command: Command) -> None:
    answer = run_shortened(command.words)
    assert answer.code == command.code, answer.err
    if command.output is not None:
        assert answer.out.replace(f"{clone}/", "") == command.output


@pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link")
def test_the_library_does_what_the_first_page_says(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not MNIST_FILES.is_dir():
        pytest.skip("needs the data sets beside the project")
    monkeypatch.setenv("BPNET_DATA_DIR", str(MNIST_FILES))
    (code,) = (block for block in blocks(README, "python") if "import bpnet" in block)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["labels"].tolist() == [7]
    assert names["run"].run_dir.resolve().is_relative_to(clone.resolve())
    assert "epoch 1" in capsys.readouterr().out


def test_the_first_page_shows_every_kind_of_command() -> None:
    shown = {command.words[0] for command in commands()}
    assert shown >= {"train", "predict", "summary", "trace", "gradcheck", "curves"}


@pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link")
def test_training_suggests_what_the_first_page_shows(clone: Path) -> None:
    out = run_shortened(["train", "--config", "quickstart"]).out
    suggested = out.partition("next:\n")[2].replace("'", "")  # around names with blanks
    suggested = suggested.replace(f"{clone}/", "").replace(f"{PROJECT}/", "")
    (shown,) = [block for block in blocks(README, "") if "next:" in block]
    time = r"-\d{8}-\d{6}"
    assert re.sub(time, "", suggested) == re.sub(time, "", shown.partition("next:\n")[2])


@pytest.mark.skipif(os.name == "nt", reason="makes a symbolic link")
def test_training_begins_with_the_line_that_the_first_page_shows(clone: Path) -> None:
    first = run_shortened(["train", "--config", "quickstart"]).err.splitlines()[0]
    (shown,) = [block for block in blocks(README, "") if "next:" in block]

    def without_numbers(line: str) -> str:
        return re.sub(r"\d[\d,-]*", "N", line.replace(f"{clone}/", ""))

    assert without_numbers(first) == without_numbers(shown.splitlines()[0])
    assert "27,690 parameters" in first


# --- The other pages


def test_the_configs_page_names_every_layer_loss_and_optimiser() -> None:
    names = first_words(DOCUMENTS["configs/README.md"])
    assert {usage(layer) for layer in layer_types().values()} <= names
    assert set(loss_types()) <= names
    assert set(OPTIMIZERS) <= names


def test_the_configs_page_lists_every_preset() -> None:
    assert set(preset_paths()) <= first_words(DOCUMENTS["configs/README.md"])


def test_only_configs_are_presets() -> None:
    assert "README" not in preset_paths() | example_paths()


def test_the_packages_page_lists_every_room_with_its_level() -> None:
    rows = [row for row in cells(DOCUMENTS["bpnet/README.md"]) if row[0].isdigit()]
    listed = {name.rstrip("/"): int(row[0]) for row in rows for name in quoted(row[1])}
    package = PROJECT / "bpnet"
    rooms = {}
    for module, (level, _) in LEVELS.items():
        path = module.removeprefix("bpnet").lstrip(".").replace(".", "/")
        room = path if (package / path).is_dir() else f"{path}.py"
        if (package / room).exists():
            rooms[room or "__init__.py"] = level
    assert listed == rooms


def test_the_scripts_page_names_every_script() -> None:
    scripts = {path.name for path in (PROJECT / "scripts").iterdir() if path.is_file()}
    named = {Path(name).name for name in first_words(DOCUMENTS["scripts/README.md"])}
    assert scripts - {"README.md"} <= named


# --- Everywhere


def anchors(text: str) -> set[str]:
    """Return the names by which links reach the headings of a document."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(text: str, folder: Path, own: Path) -> list[str]:
    """Return the links within the project, of a document in a folder, that lead nowhere."""
    dead = []
    for target, anchor in LINK.findall(prose(text)):
        path = folder / target if target else own
        if target.startswith(("http://", "https://")):
            continue
        if not path.exists():
            dead.append(target)
        elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            dead.append(f"{target}#{anchor}")
    return dead


def missing_modules(text: str, *folders: Path) -> list[str]:
    """Return the Python files that a document names and none of the folders holds."""
    words = [word for code in quoted(prose(text)) for word in code.split()]
    named = [word for word in words if word.endswith(".py")]
    return [name for name in named if not any((folder / name).is_file() for folder in folders)]


@every_document
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    path = PROJECT / name
    assert dead_links(DOCUMENTS[name], path.parent, path) == []


@every_document
def test_every_file_that_is_named_exists(name: str) -> None:
    assert missing_modules(DOCUMENTS[name], PROJECT, (PROJECT / name).parent) == []


def test_what_leads_nowhere_is_found() -> None:
    text = "# A b\n[x](#a-b) [y](#c) ![z](no.png) [u](README.md#no) [v](https://x.y)\n"
    text += "```\n[w](none)\n```\nread `bpnet/files.py`, `nn/no.py -k x` and `x.ini`\n"
    own = PROJECT / "README.md"
    assert "c" not in anchors(README)
    assert dead_links(text, PROJECT, own) == ["#a-b", "#c", "no.png", "README.md#no"]
    assert missing_modules(text, PROJECT) == ["nn/no.py"]


@every_document
def test_documents_tell_of_no_particular_machine(name: str) -> None:
    assert not re.search(r"(?<![\w.<>])/(home|root|tmp|usr|work|Users)/", DOCUMENTS[name])


# --- JSON


def keys_of(found: Any) -> set[str]:
    """Return the keys of a JSON document, those within it included."""
    if isinstance(found, list):
        return set().union(*map(keys_of, found))
    if not isinstance(found, dict):
        return set()
    return set(found).union(*map(keys_of, found.values()))


def test_the_keys_of_the_bench_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = DOCUMENTS["bpnet/README.md"].partition("\n## JSON\n")[2].partition("\n## ")[0]
    (told,) = (row[1] for row in cells(section) if row[0] == "`bench`")
    monkeypatch.setattr(bench, "SECONDS", 0.05)
    (tmp_path / "table.ini").write_text(TABLE, encoding="utf-8")
    found = json.loads(succeed("bench", "--config", tmp_path / "table.ini", "--json").out)
    found["blas"] = None  # what threadpoolctl reports
    assert keys_of(found) == {key for part in quoted(told) for key in part.split(", ")}


def test_the_keys_of_each_json_document_are_listed(digit_run: Run) -> None:
    section = DOCUMENTS["bpnet/README.md"].partition("\n## JSON\n")[2].partition("\n## ")[0]
    listed = {row[0].strip("`"): quoted(row[1]) for row in cells(section) if len(row) == 2}
    picture = str(PROJECT / "bpnet" / "assets" / "seven.jpg")
    words = {
        "eval": ["eval", str(digit_run.path)],
        "predict": ["predict", picture],
        "verify-run": ["verify-run", str(digit_run.path)],
        "runs": ["runs", str(digit_run.path)],
        "runs compare": ["runs", "compare", *[str(digit_run.path)] * 2],
    }
    found = {name: list(json.loads(succeed(*line, "--json").out)) for name, line in words.items()}
    found["train"] = list(digit_run.said)
    for name, keys in found.items():
        told = [key for part in listed[name] for key in part.split(", ")]
        assert set(keys) <= set(told), name


def test_no_table_has_room_left_for_results() -> None:
    for name, text in DOCUMENTS.items():
        assert not re.search(r"^[A-Z]+_[A-Z]+$", text, re.MULTILINE), name
