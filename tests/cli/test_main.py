"""The command line as a whole: help, exit codes, signals and broken pipes."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest

from bpnet import __version__
from bpnet.cli import main as module
from bpnet.cli.group import COMMANDS, LazyGroup
from bpnet.cli.options import command_line
from bpnet.errors import (
    AccuracyGateError,
    BpnetError,
    CheckFailedError,
    CheckpointError,
    ConfigError,
    DataError,
    DivergedError,
    HungUpRunError,
    InterruptedRunError,
    NoReaderError,
    TerminatedRunError,
    WorkerError,
)
from tests.helpers.tiny import bpnet, command, fail, process_environment, succeed

CODES = {
    CheckFailedError: 1,
    ConfigError: 2,
    DataError: 3,
    CheckpointError: 4,
    DivergedError: 5,
    AccuracyGateError: 6,
    WorkerError: 1,
    HungUpRunError: 129,
    InterruptedRunError: 130,
    NoReaderError: 141,
    TerminatedRunError: 143,
}


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make every command raise an error."""

    @click.command()
    def broken() -> NoReturn:
        raise error

    monkeypatch.setattr(LazyGroup, "get_command", lambda *arguments: broken)


def test_help_names_commands_and_exit_codes_and_where_presets_are_listed() -> None:
    text = succeed("--help").out
    for name in COMMANDS:
        assert f"  {name} " in text
    assert "`bpnet presets`" in text
    assert "lenet5" not in text
    for code in ("2 usage or config", "3 data", "5 diverged", "130 interrupted", "143 terminated"):
        assert code in " ".join(text.split())


def test_every_command_explains_itself() -> None:
    for name in COMMANDS:
        text = succeed(name, "--help").out
        assert text.startswith(f"Usage: bpnet {name}")
    assert succeed("-h").out == succeed("--help").out


def test_the_version_is_told() -> None:
    assert __version__ in succeed("--version").out


def test_usage_errors_have_exit_code_2() -> None:
    assert "No such command" in fail(2, "trian")
    assert "No such option" in fail(2, "--nonsense")
    assert "Usage" in fail(2)


@pytest.mark.parametrize("error", CODES)
def test_every_expected_error_is_one_message_with_its_code(
    monkeypatch: pytest.MonkeyPatch, error: type[BpnetError]
) -> None:
    wrong = error(
        "this is wrong", where="a.ini:3", expected="four", found="five", hint="count again"
    )
    raising(monkeypatch, wrong)
    message = fail(CODES[error], "train")
    assert message == (
        "bpnet: this is wrong\n"
        "  where: a.ini:3\n  expected: four\n  found: five\n  try: count again\n"
    )


def test_every_kind_of_error_has_a_code() -> None:
    assert set(BpnetError.__subclasses__()) == set(CODES)


def test_an_unexpected_error_tells_its_kind_and_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, ZeroDivisionError("division by zero"))
    assert module.run(["train"], debug=False) == 1
    message = capsys.readouterr().err
    assert message.startswith("bpnet: unexpected ZeroDivisionError: division by zero\n")
    assert "--debug" in message
    assert "Traceback" not in message
    assert module.run(["train"], debug=True) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_a_full_disk_or_memory_is_no_mistake_to_report(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    raising(monkeypatch, error)
    message = fail(1, "train")
    assert words in message
    assert "report it" not in message


def test_ctrl_c_outside_a_run_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    assert fail(130, "train").strip() == "interrupted"


def test_a_reader_that_leaves_is_no_error_to_tell(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("summary", "mlp"),
        cwd=tmp_path,
        env=process_environment(),
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_process_speaks_as_bpnet(tmp_path: Path) -> None:
    done = bpnet("summary", "lenet", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("bpnet: there is no such config\n")


def test_suggested_commands_are_called_as_bpnet_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/my tools/bpnet", "train"])
    assert command_line("eval", Path("a b")) == "'/opt/my tools/bpnet' eval 'a b'"
    monkeypatch.setattr(sys, "argv", ["/lib/bpnet/__main__.py", "train"])
    assert command_line("eval", "a").endswith(" -m bpnet eval a")
