"""Archives from strangers: refused before they cost time or memory, whatever is in them."""

import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpnet.errors import CheckpointError
from bpnet.model import archive as module
from bpnet.model.checkpoint import load_checkpoint
from tests.conftest import Run
from tests.helpers.forged import (
    arrays_of,
    forge,
    forge_record_text,
    rename_layers,
    rewrite,
    write_zeros,
)
from tests.helpers.places import PROJECT
from tests.helpers.tiny import process_environment

WEIGHT = "parameters/1.weight"


@pytest.fixture
def source(tiny_run: Run) -> Path:
    return tiny_run.path / "last.npz"


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


# Arrays of another form


def other_forms() -> dict[str, Any]:
    plain = np.zeros((3, 1, 3, 3), np.float32)
    return {
        "date": plain.astype("M8[ns]"),
        "text": plain.astype("U4"),
        "bytes": plain.astype("S4"),
        "bool": plain.astype(bool),
        "int": plain.astype(np.int32),
        "half": plain.astype(np.float16),
        "double": plain.astype(np.float64),
        "long double": plain.astype(np.longdouble),
        "complex": plain.astype(np.complex64),
        "byte order": plain.astype(">f4"),
        "structure": np.zeros(plain.shape, [("a", "<f4")]),
        "columns first": np.asfortranarray(np.ones((3, 1, 3, 3), np.float32)),
        "shape": np.zeros((3, 9), np.float32),
        "one number": np.float32(0),
    }


@pytest.mark.parametrize("form", other_forms())
def test_an_array_of_another_form_is_refused(source: Path, tmp_path: Path, form: str) -> None:
    array = other_forms()[form]
    message = refused(forge(tmp_path / "a.npz", arrays_of(source) | {WEIGHT: array}))
    assert "1.weight" in message
    assert "another network" in message or "not a plain array" in message


@pytest.mark.parametrize(
    "name", ["parameters/9.weight", "1.weight", "state/1.mean", "averaged/parameters/1.weight"]
)
def test_an_array_that_no_network_has_is_refused(source: Path, tmp_path: Path, name: str) -> None:
    extra = {name: np.zeros(3, np.float32)}
    message = refused(forge(tmp_path / "a.npz", arrays_of(source) | extra))
    assert "belong to another network" in message


def test_an_optimiser_has_few_memories(source: Path, tmp_path: Path) -> None:
    arrays = arrays_of(source)
    parameters = {name: array for name, array in arrays.items() if name.startswith("parameters/")}
    for number in range(5):
        arrays |= {
            name.replace("parameters", f"optimizer/{number}"): array
            for name, array in parameters.items()
        }
    assert "optimizer/" in refused(forge(tmp_path / "a.npz", arrays))


# Members that are no arrays

HEADERS = {
    "nothing": b"",
    "magic": b"\x93NUMPX\x01\x00\x02\x00{}",
    "version": b"\x93NUMPY\x03\x00\x02\x00\x00\x00{}",
    "cut": b"\x93NUMPY\x01\x00\x80\x00{'descr'",
    "tokens": b"\x93NUMPY\x01\x00\x04\x00{'''",
    "code": b"\x93NUMPY\x01\x00\x14\x00__import__('os')...",
    "brackets": b"\x93NUMPY\x01\x00\x40\x1f" + b"[" * 8000,
}


def header(descr: object, shape: object) -> bytes:
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


HEADERS |= {
    "element": header("<q3", "(3,)"),
    "negative": header("<f4", "(-3,)"),
    "huge": header("<f4", f"({10**17}, {10**17})"),
    "objects": header("|O", "(3,)"),
    "dimensions": header("<f4", "(" + "1, " * 40 + ")"),
    "long": header("<f4", "(27,)") + bytes(4 * 27 + 1),
    "short": header("<f4", "(27,)") + bytes(4 * 27 - 1),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_broken_header_is_refused(source: Path, tmp_path: Path, kind: str) -> None:
    message = refused(rewrite(source, tmp_path / "a.npz", {f"{WEIGHT}.npy": HEADERS[kind]}))
    assert WEIGHT in message


def test_members_that_are_no_arrays_are_refused(source: Path, tmp_path: Path) -> None:
    for name in ("notes.txt", "x" * 300 + ".npy", "\x1b[31m"):
        message = refused(rewrite(source, tmp_path / "a.npz", {name: b"hello"}))
        assert "not an array" in message
        assert "\x1b" not in message


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(source: Path, tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert f"compressed by method {method}" in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_a_name_are_refused(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(source.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{WEIGHT}.npy", b"")
    assert "two members named" in refused(path)


def test_encrypted_members_are_refused(source: Path, tmp_path: Path) -> None:
    content = bytearray(source.read_bytes())
    place = content.index(b"PK\x01\x02")  # the first member in the list; flags follow
    content[place + 8] |= 1
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    assert "encrypted" in refused(path)


def test_members_that_overlap_are_refused(source: Path, tmp_path: Path) -> None:
    """All members of a list may stand for the same bytes, which would be read again and again."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.npy", bytes(1000) if number == 0 else b"")
        for entry in archive.infolist():
            entry.file_size = entry.compress_size = 1000
            entry.header_offset = 0
    assert "overlap" in refused(path)


def test_limits_of_the_list_of_members(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MEMBERS", 3)
    assert "where 3 are the most" in refused(source)
    monkeypatch.setattr(module, "LARGEST_DIRECTORY", 100)
    assert "a list of members of more than 100 bytes" in refused(source)


def test_a_bounded_file_reads_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "letters"
    path.write_bytes(b"abcdef")
    with module.BoundedFile(io.FileIO(path)) as file:
        assert [file.read(size) for size in (0, 2, 0, 1, -1)] == [b"", b"ab", b"", b"c", b"def"]


# What files cost that unpack to far more than they hold


def lists(source: Path, path: Path) -> Path:
    return forge_record_text(source, path, b'{"format":1,"x":[' + b"[]," * 9_000_000 + b"[]]}")


def nested(source: Path, path: Path) -> Path:
    return forge_record_text(source, path, b"[" * 1_000_000)


def wide_letters(source: Path, path: Path) -> Path:
    text = json.dumps({"format": 1, "x": "a" * (20 << 20) + "😀"}, ensure_ascii=False)
    return forge_record_text(source, path, text.encode())


def zeros(source: Path, path: Path) -> Path:
    return write_zeros(source, path, WEIGHT, (3, 50 * 10**6))


def memories(source: Path, path: Path) -> Path:
    return write_zeros(source, path, "optimizer/mean/1.weight", (15 * 10**6,))


def wide_layers(source: Path, path: Path) -> Path:
    return rename_layers(source, path, "    flatten\n    linear 100000\n    linear 3")


def many_members(source: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number}.npy", b"")
    return path


MEASURE = """
import sys, time
from bpnet.cli.main import run
began = time.process_time()
for path in sys.argv[1:]:
    code = run(["eval", path], debug=False)
    seconds = time.process_time() - began
    with open("/proc/self/status") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    print(code, seconds, int(peak) * 1024)
    began = time.process_time()
"""
MOST_MEMORY = 500_000_000  # bytes
MOST_SECONDS = 5  # of a processor
BOMBS: list[Callable[[Path, Path], Path]] = [
    *(lists, nested, wide_letters, zeros, memories, wide_layers, many_members)
]


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux does")
def test_no_file_costs_much_memory_or_time(source: Path, tmp_path: Path) -> None:
    paths = [make(source, tmp_path / f"{make.__name__}.npz") for make in BOMBS]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, paths)],
        env=process_environment(),
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "unexpected" not in done.stderr
    unpacked = r"compressed arrays of 60\d{7} bytes, where 67108864 are the most"
    assert re.search(unpacked, done.stderr)
    for path, line in zip(paths, done.stdout.splitlines(), strict=True):
        code, seconds, peak = map(float, line.split())
        assert path.stat().st_size < 10_000_000, path
        assert (code, seconds < MOST_SECONDS, peak < MOST_MEMORY) == (4, True, True), (path, line)


def test_a_compressed_checkpoint_of_modest_size_loads(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with np.load(source) as file, io.BytesIO() as buffer:
        np.savez_compressed(buffer, **dict(file))
        path.write_bytes(buffer.getvalue())
    assert load_checkpoint(path).arrays.keys() == load_checkpoint(source).arrays.keys()
