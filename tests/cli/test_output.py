"""What a command does when nobody reads it, and how it shows names that strangers chose."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bpnet.cli.output import guarded_streams, note, show, show_json
from bpnet.cli.shell_words import quoted
from bpnet.errors import BpnetError, ConfigError, NoReaderError, escaped
from tests.cli.test_train import KEYS
from tests.conftest import Run
from tests.helpers.places import PROJECT, needs_utf8
from tests.helpers.tiny import call, command, fail, process_environment, succeed

EVIL = "a\x1b[31m\n\x7f\x9b\u202e\u200bb"
SHOWN = r"a\x1b[31m\n\x7f\x9b\u202e\u200bb"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no such")


def shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line in which `bpnet` stands for this one."""
    words = subprocess.list2cmdline(command())
    return subprocess.run(
        ["bash", "-c", f'bpnet() {{ exec {words} "$@"; }}; {line}'],
        cwd=cwd,
        env=process_environment(**environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


# Nobody reads the messages


@pytest.mark.parametrize(
    "line",
    [
        "(bpnet train --config tiny.ini --run-dir run --json 2>&-)",
        pytest.param(
            "(bpnet train --config tiny.ini --run-dir run --json 2>/dev/full)", marks=needs_full
        ),
        "{ (bpnet train --config tiny.ini --run-dir run --json 2>&1 >&3) | head -1 >&2; } 3>&1; "
        "exit ${PIPESTATUS[0]}",
    ],
)
def test_a_run_does_not_die_of_what_watches_it(here: Path, line: str) -> None:
    done = shell(line, here)
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)) == KEYS
    assert len((here / "run" / "metrics.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("closing", ["2>&-", pytest.param("2>/dev/full", marks=needs_full)])
def test_an_error_that_cannot_be_told_keeps_its_code(tmp_path: Path, closing: str) -> None:
    assert shell(f"bpnet eval nothing {closing}", tmp_path).returncode == 4


def test_with_all_streams_closed_files_stay_whole(here: Path) -> None:
    done = shell("bpnet train --config tiny.ini --run-dir run <&- >&- 2>&-", here)
    assert done.returncode == 141
    assert succeed("eval", "run", "--json").err == ""


def test_only_a_failed_stream_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with guarded_streams():
        note("lost")
        show("seen")
        sys.stderr.write("lost as well")
    assert out.getvalue() == "seen\n"


# Nobody reads the results


@pytest.mark.parametrize("words", ["train --help", "summary mlp --json"])
@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        (">&-", 141, "bpnet: the results cannot be shown: standard output is closed\n"),
        pytest.param(">/dev/full", 1, "bpnet: the results cannot be written\n", marks=needs_full),
        ("| exec <&-; exit ${PIPESTATUS[0]}", 141, ""),
    ],
)
def test_results_that_reach_nobody(
    tmp_path: Path, words: str, target: str, code: int, message: str
) -> None:
    done = shell(f"(bpnet {words}) {target}", tmp_path)
    assert done.returncode == code
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr
    assert bool(done.stderr) == bool(message)


def test_a_run_whose_results_reach_nobody_is_saved(here: Path) -> None:
    done = shell("bpnet train --config tiny.ini --run-dir run >&-", here)
    assert done.returncode == 141
    assert succeed("eval", "run").out


def test_a_failure_is_not_forgotten_by_whoever_looks_away() -> None:
    """Click tries a stream by writing nothing to it, and ignores what happens then."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with guarded_streams():
            for _ in range(2):
                with pytest.raises(NoReaderError):
                    show("nobody sees this")


# Names of strangers


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert escaped(EVIL) == SHOWN
    assert escaped(SHOWN) == SHOWN
    assert escaped("é ≤ · 7") == "é ≤ · 7"
    assert escaped(os.fsdecode(b"a\xff")) == r"a\udcff"


def test_an_error_shows_every_part_in_one_line() -> None:
    error = ConfigError(EVIL, details=[EVIL], where=Path(EVIL), found=[EVIL], hint=EVIL)
    assert str(error).splitlines() == [
        *(SHOWN, f"  {SHOWN}", f"  where: {SHOWN}", "  found:", f"    {SHOWN}", f"  try: {SHOWN}")
    ]


def test_no_message_is_laid_out_by_hand() -> None:
    """A line break within a part of an error would be written out: several lines are a list."""
    kinds = {"BpnetError"} | {kind.__name__ for kind in BpnetError.__subclasses__()}
    for path in (PROJECT / "bpnet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in kinds:
                texts = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
                breaks = [text for text in texts if "\n" in str(text.value)]
                assert not breaks, f"{path}:{node.lineno}"


def test_all_text_leaves_through_one_file() -> None:
    for path in (PROJECT / "bpnet").rglob("*.py"):
        if path.name != "output.py":
            source = path.read_text(encoding="utf-8")
            for way in ("click.echo", "click.secho", "stdout.write", "stderr.write"):
                assert way not in source, path


def test_json_is_plain_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"name": EVIL})
    out = capsys.readouterr().out
    assert out.isascii()
    assert "".join(out.splitlines()).isprintable()
    assert json.loads(out) == {"name": EVIL}


@pytest.mark.skipif(sys.platform == "win32", reason="needs such a file name")
@needs_utf8
def test_file_names_of_strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture = (PROJECT / "bpnet" / "assets" / "seven.jpg").read_bytes()
    name = os.fsdecode(EVIL.encode() + b"\xff.jpg")
    Path(name).write_bytes(picture)
    assert rf"{SHOWN}\udcff.jpg: 7 " in succeed("predict", name).out
    assert SHOWN in fail(3, "predict", "gone" + name, "gone too")
    assert SHOWN in fail(2, "summary", EVIL)
    assert SHOWN in fail(2, "train", "--set", f"train.seed={EVIL}", "--config", "mlp")
    for words in (["train", f"--{EVIL}"], [EVIL], ["data", "fetch", EVIL]):
        message = fail(2, *words)
        assert "".join(message.splitlines()).isprintable()
        assert "\nb" not in message
    document = call("predict", "--json", name).out
    assert json.loads(document)["predictions"][0]["image"] == str(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="needs such a file name")
@needs_utf8
def test_a_suggested_command_with_a_strange_name_runs(here: Path, tiny_run: Run) -> None:
    assert quoted("a b") == "'a b'"
    word = quoted(EVIL + "'\\")
    assert word.isprintable()
    done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True)
    assert done.stdout == (EVIL + "'\\").encode()


def test_a_terminal_that_knows_few_characters(tmp_path: Path) -> None:
    for encoding in ("ascii", "latin-1"):
        done = subprocess.run(
            command("trace", "chain"),
            cwd=tmp_path,
            env=process_environment(LC_ALL="C", PYTHONIOENCODING=encoding),
            capture_output=True,
        )
        assert done.returncode == 0
        assert b"learning rate eta = 0.005" in done.stdout
        assert done.stderr == b""
