"""Paths that lead nowhere, whatever the reason: the documented exit code, and what it is."""

import os
import socket
import sys
from pathlib import Path

import click
import pytest

from bpnet.cli.group import COMMANDS, cli
from bpnet.cli.options import PathType
from tests.conftest import Run
from tests.helpers.tiny import NET, TRAIN, call, fail, succeed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX has these kinds of files")

SEVEN = Path(__file__).parents[2] / "bpnet" / "assets" / "seven.jpg"
ODD = {  # what a path leads to, and what the message says
    "n" * 300: "File name too long",
    "a\0b": "NUL",
    "file/below": "Not a directory",
    "circle": "Too many levels of symbolic links",
    "link": "a symbolic link to nothing",
    "pipe": "a named pipe",
    "socket": "a socket",
}


@pytest.fixture
def odd(here: Path) -> Path:
    """Return a directory with files of unusual kinds."""
    (here / "file").write_text("")
    (here / "circle").symlink_to("circle")
    (here / "link").symlink_to("nothing")
    os.mkfifo(here / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")  # a short name: the address of a socket has room for 107 bytes
    return here


@pytest.mark.parametrize("name", [*ODD, "/dev/null"])
def test_checkpoints_configs_and_data(odd: Path, name: str) -> None:
    found = ODD.get(name, "a device")
    assert found in fail(4, "eval", name)
    assert found in fail(4, "predict", SEVEN, "--checkpoint", name)
    assert found in fail(4, "train", "--resume", name)
    assert found in fail(2, "train", "--config", name)
    for words in (("curves",), ("gradcheck", "--config"), ("bench", "--config"), ("trace",)):
        assert found in fail(2, *words, name)
    assert fail(2, "summary", name)
    assert found in fail(3, "data", "info", "--data-dir", name)
    assert found in fail(3, "data", "import", name)
    assert found in fail(3, "train", "--config", "mlp", "--data-dir", name)
    (odd / "idx.ini").write_text(NET.replace("path = pictures", f"path = {name}") + TRAIN)
    message = fail(2 if "\0" in name else 3, "train", "--config", "idx.ini")
    assert (found if name != "link" else "no such file") in message


@pytest.mark.parametrize("name", [*ODD, "/dev/null"])
def test_places_to_write(odd: Path, name: str) -> None:
    found = ODD.get(name, "a device")
    assert found in fail(4, "train", "--config", "tiny.ini", "--run-dir", name)
    if name not in ("link", "circle"):  # a link to nothing gets a file to lead to
        fail(3, "data", "fetch", "--data-dir", name)
    picture = f"{name}.png"
    if name.startswith(("n", "a\0", "file/")):
        assert found in fail(3, "predict", SEVEN, "--explain", picture)


@pytest.mark.parametrize("name", ["pipe", "socket", "folder"])
def test_files_of_other_kinds_among_the_data(odd: Path, name: str) -> None:
    (odd / "folder").mkdir()
    (odd / "pictures" / "train-labels-idx1-ubyte").unlink()
    (odd / name).rename(odd / "pictures" / "train-labels-idx1-ubyte")
    found = {"folder": "a directory"} | ODD
    assert found[name] in fail(3, "train", "--config", "tiny.ini")


def test_pictures_whose_name_no_file_has(odd: Path) -> None:
    for name in ("n" * 300, "a\0b", "file/below", "circle"):
        assert ODD[name].split()[-1] in fail(3, "predict", name)


@pytest.fixture
def _gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory that has been removed since."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


@pytest.mark.usefixtures("_gone")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, ("train", "--config", "tiny.ini")),
        (3, ("data", "info", "--data-dir", "data")),
        (4, ("eval", "run")),
        (4, ("train", "--config", "chain")),
        (4, ("train", "--config", "chain", "--run-dir", "run")),
        (2, ("train", "--config", "mlp", "--set", "data.dataset=idx", "--set", "data.path=here")),
        (3, ("predict", "seven.png")),
        (3, ("predict", SEVEN, "--explain", "out.png")),
        (4, ("predict", SEVEN, "--checkpoint", "run")),
        (0, ("predict", SEVEN)),
        (0, ("summary", "mlp")),
        (0, ("train", "--config", "chain", "--dry-run")),
    ],
)
def test_a_working_directory_that_was_removed(code: int, words: tuple[object, ...]) -> None:
    assert call(*words).code == code


@pytest.mark.usefixtures("_gone")
def test_absolute_paths_need_no_working_directory(tiny_run: Run, tmp_path: Path) -> None:
    succeed("eval", tiny_run.path)
    run = tmp_path / "run"
    succeed("train", "--config", tiny_run.config, "--run-dir", run, "--epochs", 1)
    succeed("train", "--resume", run, "--epochs", "+1")


def test_a_read_only_disk_is_called_by_its_name(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*words: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    message = fail(4, "train", "--config", "tiny.ini", "--run-dir", "run")
    assert "found: Read-only file system" in message
    assert "--run-dir" in message
    assert "free" not in message


def test_a_directory_without_permission(here: Path) -> None:
    (here / "locked").mkdir(mode=0o555)
    if os.access("locked", os.W_OK):
        pytest.skip("permissions do not bind this user")
    words = ("train", "--config", "tiny.ini", "--run-dir", "locked/run")
    assert "Permission denied" in fail(4, *words)
    (here / "closed").mkdir(mode=0)
    assert "Permission denied" in fail(4, "eval", "closed/last.npz")
    assert "Permission denied" in fail(3, "data", "info", "--data-dir", "closed/data")


def path_types(command: click.Command) -> list[object]:
    """Return the types of all paths that a command and those below it take."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    types: list[object] = [
        option.type for option in command.params if isinstance(option.type, click.Path)
    ]
    return types + [found for one in below for found in path_types(one)]


def test_no_command_looks_at_a_path_before_bpnet_does() -> None:
    commands = [cli.get_command(click.Context(cli), name) for name in COMMANDS]
    types = [found for command in commands if command for found in path_types(command)]
    assert len(types) > 5
    assert all(isinstance(found, PathType) for found in types)
