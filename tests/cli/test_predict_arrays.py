"""`bpnet predict` of arrays of pictures, as IDX and NumPy's files hold them."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bpnet
from bpnet.bulk.picture_list import open_once
from bpnet.data.files.idx import write_idx
from bpnet.data.files.stored_array import CAN_STORE, is_stored
from tests.conftest import Run
from tests.helpers.bars import bars
from tests.helpers.tiny import call, fail, succeed

COUNT = 150  # more than a block of the network, and not a multiple of one


def predictions(run: Run, *words: object) -> list[dict[str, Any]]:
    said = succeed("predict", "--checkpoint", run.path, *words, "--json").out
    found: list[dict[str, Any]] = json.loads(said)["predictions"]
    return found


@pytest.mark.parametrize("name", ["rows.npy", "rows-idx3-ubyte", "rows-idx3-ubyte.gz", "rows"])
def test_rows_go_into_the_network_as_they_are(digit_run: Run, tmp_path: Path, name: str) -> None:
    images, path = bars(COUNT), tmp_path / name
    if path.suffix == ".npy":
        np.save(path, images)
    else:
        write_idx(path, images)
    found = predictions(digit_run, path, "--top", 10)
    assert [entry["image"] for entry in found] == [f"{path}[{row}]" for row in range(COUNT)]
    labels, probabilities = bpnet.load(digit_run.path).predict(images)
    assert [int(entry["label"]) for entry in found] == labels.tolist()
    for entry, expected in zip(found, probabilities.tolist(), strict=True):
        by_label = {int(one["label"]): one["probability"] for one in entry["top"]}
        assert [by_label[label] for label in range(10)] == expected
        assert entry["probability"] == max(expected) == entry["top"][0]["probability"]
        assert entry["warnings"] == []


@pytest.mark.skipif(not CAN_STORE, reason="the system cannot read at a place")
def test_a_large_array_stays_on_disk(
    digit_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = bars(COUNT)
    write_idx(tmp_path / "rows", images)
    np.save(tmp_path / "rows.npy", images)
    expected = predictions(digit_run, tmp_path / "rows.npy")
    monkeypatch.setattr("bpnet.data.files.pictures.MOST_RESIDENT", 0)
    (tmp_path / "rows.npy").touch()  # so that it is opened again
    for name in ("rows", "rows.npy"):
        found = predictions(digit_run, tmp_path / name)
        assert is_stored(open_once(str(tmp_path / name)))
        assert [{**one, "image": ""} for one in found] == [{**one, "image": ""} for one in expected]


def test_rows_of_another_size_are_read_as_files_are(digit_run: Run, tmp_path: Path) -> None:
    images, folder = bars(5, side=40), tmp_path / "files"
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")
    np.save(tmp_path / "rows.npy", images)
    for options in ((), ("--segment",), ("--views", 3)):
        files = predictions(digit_run, *(folder / f"{n}.png" for n in range(5)), *options)
        rows = predictions(digit_run, tmp_path / "rows.npy", *options)
        for one, other in zip(rows, files, strict=True):
            assert one.keys() == other.keys()
            assert one["reason"] == other["reason"]
            assert one.get("label") == other.get("label")
            assert one.get("text") == other.get("text")


def test_arrays_and_files_mix_and_are_drawn(digit_run: Run, tmp_path: Path) -> None:
    images = bars(3)
    np.save(tmp_path / "rows.npy", images)
    Image.fromarray(images[0]).save(tmp_path / "one.png")
    words = (tmp_path / "one.png", tmp_path / "*.npy", "--explain", tmp_path / "out.png")
    found = predictions(digit_run, *words)
    assert [Path(entry["image"]).name for entry in found] == [
        "one.png",
        *(f"rows.npy[{row}]" for row in range(3)),
    ]
    assert found[0]["label"] == found[1]["label"]
    assert (tmp_path / "out.png").exists()
    said = succeed("predict", "--checkpoint", digit_run.path, tmp_path / "rows.npy").out
    assert len(said.splitlines()) == 3


def test_what_is_no_array_of_pictures_is_told(digit_run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", np.zeros(9, np.uint8))
    np.save(tmp_path / "rows.npy", bars(3))
    alone = fail(3, "predict", tmp_path / "labels.npy")
    assert "does not hold grey pictures" in alone
    assert "(9,)" in alone
    answer = call("predict", "--checkpoint", digit_run.path, tmp_path / "*.npy")
    assert answer.code == 3
    assert len(answer.out.splitlines()) == 3
    assert "1 of 4 pictures" in answer.err
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"no array"))
    assert "this is not a picture" in fail(3, "predict", tmp_path / "text.gz")
    assert "standard input" in fail(2, "predict", "-", tmp_path / "rows.npy")
