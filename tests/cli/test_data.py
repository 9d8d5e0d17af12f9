import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from click.testing import CliRunner, Result

from bpnet.cli import main
from bpnet.cli.data import KNOWN_NAMES, command
from bpnet.cli.download_progress import DownloadProgress
from bpnet.data.files.catalogue import KNOWN, MNIST
from bpnet.data.idx_folder import load_idx_folder
from bpnet.errors import BpnetError, ConfigError, DataError
from tests.helpers.file_server import by_path, serving, status, whole
from tests.helpers.places import MNIST_FILES, PROJECT, needs_data

NAMES = [file.remote.name for file in MNIST.files]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    own = tmp_path / "own"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *args, **options: own)
    monkeypatch.delenv("BPNET_DATA_DIR", raising=False)
    monkeypatch.delenv("BPNET_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    return own / "mnist"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def error_of(result: Result) -> BpnetError:
    assert isinstance(result.exception, BpnetError)
    return result.exception


def mirror(**replaced: Any) -> Any:
    answers = {name: whole((MNIST_FILES / name).read_bytes()) for name in NAMES}
    return serving(by_path(answers | replaced))


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bpnet.cli.data import command\n"
        "command(['--help'], standalone_mode=False)\n"
        "print([name for name in ('numpy', 'requests', 'tqdm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    for name in ("fetch", "import", "verify", "info", "synthesize"):
        assert f"  {name} " in done.stdout
    assert done.stdout.endswith("[]\n")


def test_the_names_are_those_of_the_catalogue() -> None:
    assert list(KNOWN) == KNOWN_NAMES


def test_an_unknown_data_set_is_wrong_usage() -> None:
    assert run("fetch", "cifar10").exit_code == 2


@needs_data
def test_fetch_import_verify_and_info_agree(tmp_path: Path, cache: Path) -> None:
    with mirror() as server:
        paths = succeed("fetch", "--mirror", server.url).split()
    assert paths == [str(cache / name) for name in NAMES]
    named = tmp_path / "named"
    named.mkdir()
    assert succeed("import", cache, "--data-dir", named).split() == [
        str(named / "mnist" / name) for name in NAMES
    ]
    assert succeed("verify", "mnist", "--data-dir", named).count("good") == 4
    mnist, fashion = json.loads(succeed("info", "--data-dir", named, "--json"))["datasets"]
    assert mnist["complete"]
    assert (mnist["train_samples"], mnist["test_samples"]) == (60000, 10000)
    assert mnist["files"][3] == {
        "name": NAMES[3],
        "status": "good",
        "path": str(named / "mnist" / NAMES[3]),
        "bytes": 4542,
        "shape": [10000],
        "sha256": MNIST.files[3].content_sha256,
    }
    assert not fashion["complete"]
    assert {file["status"] for file in fashion["files"]} == {"missing"}
    text = succeed("info", "mnist")
    assert "60000 × 28 × 28" in text
    assert "fashion" not in text


@needs_data
def test_verify_names_each_file_and_fails_for_a_bad_one(cache: Path) -> None:
    succeed("import", MNIST_FILES)
    (cache / NAMES[1]).write_bytes(b"<html>404</html>")
    (cache / NAMES[3]).unlink()
    result = run("verify")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["good", "damaged", "good", "missing"]
    error = error_of(result)
    assert error.exit_code == 3
    assert "web page" in str(error)


def test_synthesize_draws_what_info_then_finds(tmp_path: Path) -> None:
    arguments = ("--train", 20, "--test", 10, "--seed", 3, "--data-dir", tmp_path)
    assert str(tmp_path / "synthetic") in succeed("synthesize", *arguments)
    [folder] = json.loads(succeed("info", "--data-dir", tmp_path, "--json"))["synthetic"]
    assert len(load_idx_folder(Path(folder)).train) == 20
    assert folder in succeed("info", "--data-dir", tmp_path)


def test_fetch_without_a_server_fails_with_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(status(404)) as server:
        monkeypatch.setitem(KNOWN, "mnist", dataclasses.replace(MNIST, mirrors=()))
        result = run("fetch", "--mirror", server.url)
    assert isinstance(error_of(result), DataError)
    assert f"{server.url}: it answers 404 Not Found" in str(result.exception)
    assert result.stdout == ""


def test_a_mirror_that_is_no_address_is_wrong_usage() -> None:
    assert isinstance(error_of(run("fetch", "--mirror", "somewhere")), ConfigError)


def test_the_bar_is_drawn_on_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    progress = DownloadProgress()
    progress.start("images.gz", 100, 10)
    progress.advance(90)
    progress.stop()
    progress.note("a note")
    assert capsys.readouterr() == ("", "a note\n")


def test_the_command_that_fetches_a_missing_file_runs_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/bpnet"])
    assert main.run(["data", "verify", "--data-dir", str(tmp_path)], debug=False) == 3
    wanted = f"try: download it with bin/bpnet data fetch mnist --data-dir {tmp_path}\n"
    assert capsys.readouterr().err.endswith(wanted)


@pytest.mark.parametrize("words", [("verify",), ("info",), ("import", "."), ("synthesize",)])
@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_named_directory_that_does_not_exist_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], how: str
) -> None:
    named = tmp_path / "typo"
    options = ("--data-dir", named) if how == "option" else ()
    if how == "variable":
        monkeypatch.setenv("BPNET_DATA_DIR", str(named))
    error = error_of(run(*words, *options))
    assert error.exit_code == 3
    assert f"where: {named}" in str(error)
    assert not named.exists()


def test_fetch_makes_the_directory_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(status(404)) as server:
        monkeypatch.setitem(KNOWN, "mnist", dataclasses.replace(MNIST, mirrors=()))
        error = error_of(run("fetch", "--mirror", server.url, "--data-dir", tmp_path / "a" / "b"))
    assert "404" in str(error)
    assert (tmp_path / "a" / "b").is_dir()
