"""`bpnet export`: formats by their names, what is replaced, what is refused."""

import errno
import json
import os
from pathlib import Path

import pytest

from bpnet.export import formats
from tests.conftest import Run
from tests.helpers.forged import arrays_of, forge
from tests.helpers.tiny import TABLE, call, fail, succeed

NEEDED = {".onnx": "onnx", ".safetensors": "safetensors"}


def written(run: Run, place: Path) -> str:
    """Export with the format's package, or skip."""
    if package := NEEDED.get(place.suffix):
        pytest.importorskip(package, reason=f"needs {package}")
    return succeed("export", run.path, "-o", place).out


@pytest.mark.parametrize("name", ["net.onnx", "net.safetensors", "NET.ONNX", "web"])
def test_it_writes_what_the_name_says(tiny_run: Run, tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    if name == "NET.ONNX":
        pytest.importorskip("onnx")
    assert written(tiny_run, place) == f"{place}\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    before = sorted(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    written(tiny_run, place)  # replaces it
    assert before == sorted(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_json_tells_the_files(tiny_run: Run, tmp_path: Path) -> None:
    answer = succeed("export", tiny_run.path, "-o", tmp_path / "web", "--json")
    found = json.loads(answer.out)
    assert found["export"] == str(tmp_path / "web")
    assert found["format"] == "web"
    assert {Path(path) for path in found["files"]} == set((tmp_path / "web").iterdir())
    assert found["bytes"] == sum(path.stat().st_size for path in (tmp_path / "web").iterdir())
    assert found["warnings"] == []
    assert answer.err == ""


def test_the_shipped_weights_go_by_their_name(tmp_path: Path) -> None:
    succeed("export", "digits", "-o", tmp_path / "web")
    assert '\\"name\\": \\"digits\\"' in (tmp_path / "web" / "networks.js").read_text()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a.npz", "copy it"),
        ("a.pt", ".safetensors"),
        ("a.h5", ".onnx"),
        ("a.html", "bpnet draw"),
        ("-", "ends in .onnx"),
        ("a.txt", "ends in .onnx, .safetensors or .json"),
    ],
)
def test_other_names_stand_for_no_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    message = fail(2, "export", "digits", "-o", name)
    assert not list(tmp_path.iterdir())
    assert "no format goes by this name" in message
    assert hint in message


def test_the_place_must_be_free_for_it(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("old")
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    message = fail(3, "export", "digits", "-o", tmp_path / "mine")
    assert "thesis.txt" in message
    assert (tmp_path / "mine" / "index.html").read_text() == "old"
    assert "no such folder" in fail(3, "export", "digits", "-o", tmp_path / "none" / "a.json")
    assert "no such folder" in fail(3, "export", "digits", "-o", tmp_path / "none" / "web")
    (tmp_path / "file").write_text("")
    assert "there can be no folder here" in fail(3, "export", "digits", "-o", tmp_path / "file")
    (tmp_path / "mine" / "thesis.txt").unlink()
    succeed("export", "digits", "-o", tmp_path / "mine")


def test_what_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(formats, "atomic_write", full)
    message = fail(3, "export", "digits", "-o", tmp_path / "web")
    assert "the export cannot be written" in message
    assert "free some disk space" in message


@pytest.mark.parametrize("suffix", NEEDED)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("bpnet.packages.find_spec", lambda name: None)
    message = fail(2, "export", "digits", "-o", tmp_path / f"a{suffix}")
    assert f"pip install {NEEDED[suffix]}" in message
    assert not list(tmp_path.iterdir())


def test_networks_that_a_format_cannot_hold_are_refused(tiny_run: Run, tmp_path: Path) -> None:
    message = fail(2, "export", tiny_run.path, "-o", tmp_path / "network.json")
    assert "the cost cross_entropy" in message
    config = tmp_path / "table.ini"
    config.write_text(TABLE)
    succeed("train", "--config", config, "--run-dir", tmp_path / "run")
    message = fail(2, "export", tmp_path / "run", "-o", tmp_path / "web")
    assert "it does not answer grey pictures with classes" in message
    assert not (tmp_path / "web").exists()


def test_weights_that_are_not_finite_are_not_exported(tiny_run: Run, tmp_path: Path) -> None:
    arrays = arrays_of(tiny_run.path / "last.npz")
    arrays["parameters/1.weight"][0, 0] = float("nan")
    bad = forge(tmp_path / "bad.npz", arrays)
    assert "diverged" in fail(5, "export", bad, "-o", tmp_path / "web")
    assert call("export", tmp_path / "none.npz", "-o", tmp_path / "web").code == 4


def test_a_network_in_double_precision_is_told_to_compute_in_single(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="needs onnx")
    config = tmp_path / "table.ini"
    config.write_text(TABLE.replace("[train]", "dtype = float64\n[train]"))
    succeed("train", "--config", config, "--run-dir", tmp_path / "run")
    answer = succeed("export", tmp_path / "run", "-o", tmp_path / "a.onnx", "--json")
    assert "float32" in answer.err
    assert "float32" in json.loads(answer.out)["warnings"][0]
