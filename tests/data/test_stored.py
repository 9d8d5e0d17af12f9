"""Pictures that stay on disk: the same bits as in memory, whatever asks for them."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.aside import aside
from bpnet.data.distortion import draw
from bpnet.data.files import pictures
from bpnet.data.files.names import STEMS
from bpnet.data.files.stored_array import CAN_STORE, StoredArray, blocks_of, is_stored
from bpnet.data.idx_folder import load_idx_folder
from bpnet.errors import DataError
from bpnet.model.inputs import grey_counts
from tests.helpers.tiny import (
    NET,
    TRAIN,
    config_file,
    draw_dataset,
    fail,
    read_config,
    succeed,
    train,
    weights,
    write_idx_folder,
)

pytestmark = pytest.mark.skipif(not CAN_STORE, reason="this system reads no file at a place")
DATASET = draw_dataset(train=300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_idx_folder(tmp_path / "pictures", DATASET)


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_RESIDENT", 1000)


def stored(folder: Path) -> StoredArray:
    found: object = pictures.open_array(folder / STEMS[0])
    assert isinstance(found, StoredArray)
    return found


@pytest.mark.usefixtures("on_disk")
def test_rows_are_those_of_the_array(folder: Path) -> None:
    array, whole = stored(folder), DATASET.train.inputs
    assert (array.shape, array.dtype, array.ndim) == (whole.shape, whole.dtype, whole.ndim)
    assert (len(array), array.size, array.nbytes) == (300, whole.size, whole.nbytes)
    rng = np.random.default_rng(1)
    slices = (slice(5, 9), slice(None), slice(250, 2, -3), slice(9, 5))
    numbers = (
        rng.permutation(300)[:20],
        np.array([299, 0, -3]),
        np.arange(40, 80),
        np.array([], int),
    )
    chosen: tuple[Any, ...] = (7, -1, whole[:, 0, 0] > 40, *slices, *numbers)
    for rows in chosen:
        np.testing.assert_array_equal(array[rows], whole[rows])
    np.testing.assert_array_equal(np.asarray(array), whole)
    np.testing.assert_array_equal(np.concatenate(list(blocks_of(array))), whole)
    out = np.empty((3, *whole.shape[1:]), np.uint8)
    assert array.take(np.array([200, 3, 100]), axis=0, out=out, mode="clip") is out
    np.testing.assert_array_equal(out, whole[[200, 3, 100]])
    with pytest.raises(IndexError):
        array[300]


@pytest.mark.usefixtures("on_disk")
def test_what_looks_at_all_of_them_finds_the_same(folder: Path) -> None:
    dataset, every = load_idx_folder(folder), np.arange(300)
    assert is_stored(dataset.train.inputs)
    assert dataset.fingerprint() == DATASET.fingerprint()
    found, expected = (grey_counts(part.train.inputs, every) for part in (dataset, DATASET))
    np.testing.assert_array_equal(found, expected)
    assert aside(dataset.train).inputs is dataset.train.inputs


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("split", ["samples", "units"])
def test_a_run_has_the_same_bits(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, split: str, workers: int
) -> None:
    text = NET + TRAIN
    if split == "units":
        text = text.replace("conv 3 kernel=3", "flatten").replace("maxpool 2", "linear 12")
        text = text.replace("    flatten\n    linear 3", "    linear 3").replace("    relu\n", "")
    settings = read_config(text, f"train.split={split}", "augment.shift=1")
    runs: list[NDArray[np.floating]] = []
    for limit in (1 << 28, 1000):
        monkeypatch.setattr(pictures, "MOST_RESIDENT", limit)
        dataset = load_idx_folder(folder)
        assert is_stored(dataset.train.inputs) is (limit == 1000)
        runs.append(weights(train(settings, tmp_path / str(limit), dataset, workers=workers).model))
    assert runs[0].tobytes() == runs[1].tobytes()


def test_the_draws_of_millions_are_not_kept_and_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [f"augment.{key}" for key in ("shift=1", "rotate=9", "thickness=1", "cutout=2")]
    settings += ["augment.elastic_alpha=8", "augment.scale=0.1", "augment.shear=5"]
    config = read_config(NET + TRAIN, *settings)
    kept = weights(train(config, tmp_path / "kept", DATASET).model)
    monkeypatch.setattr(draw, "MOST_KEPT", 100)
    assert weights(train(config, tmp_path / "drawn", DATASET).model).tobytes() == kept.tobytes()


@pytest.mark.usefixtures("on_disk")
def test_the_commands_take_them(tmp_path: Path, folder: Path) -> None:
    config = config_file(tmp_path, NET + TRAIN.replace("epochs = 3", "epochs = 1"))
    run = tmp_path / "run"
    succeed("train", config, "--run-dir", run)
    for split in ("train", "validation", "test"):
        assert "accuracy" in succeed("eval", run, "--split", split).out
    succeed("report", run, "-o", tmp_path / "page.html")
    assert succeed("verify-run", run).code == 0
    np.testing.assert_array_equal(np.asarray(stored(folder)), DATASET.train.inputs)


@pytest.mark.parametrize("limit", [1000, 1 << 28])
def test_arrays_of_numpy_serve_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(pictures, "MOST_RESIDENT", limit)
    parts = (DATASET.train, DATASET.test)
    arrays = [array for part in parts for array in (part.inputs, part.targets)]
    for stem, array in zip(STEMS, arrays, strict=True):
        np.save(tmp_path / f"{stem}.npy", array)
    dataset = load_idx_folder(tmp_path)
    assert is_stored(dataset.train.inputs) is (limit == 1000)
    assert dataset.fingerprint() == DATASET.fingerprint()
    np.testing.assert_array_equal(dataset.test.inputs[:], DATASET.test.inputs)


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("change", ["short", "long", "header", "columns", "objects"])
def test_damaged_files_are_named(tmp_path: Path, folder: Path, change: str) -> None:
    path = folder / STEMS[0]
    content = path.read_bytes()
    if change in ("columns", "objects", "header"):
        path.unlink()
        path = path.with_name(path.name + ".npy")
        columns = np.asfortranarray(DATASET.train.inputs)
        np.save(path, np.array([{}, None]) if change == "objects" else columns)
        if change == "header":
            path.write_bytes(path.read_bytes()[:20])
    else:
        path.write_bytes(content[:-1] if change == "short" else content + b"x")
    config = config_file(tmp_path, NET + TRAIN)
    message = fail(3, "train", config, "--run-dir", tmp_path / "run")
    assert path.name in message
    assert "damaged" in message


@pytest.mark.usefixtures("on_disk")
def test_a_file_that_shrinks_is_noticed(folder: Path) -> None:
    array, path = stored(folder), folder / STEMS[0]
    path.write_bytes(path.read_bytes()[:8000])
    for rows in (np.array([5, 299, 100]), slice(None)):
        with pytest.raises(DataError, match="shorter"):
            array[rows]


def test_bytes_and_other_labels_become_the_same_classes(folder: Path) -> None:
    labels = DATASET.train.targets * 7 + 1
    kinds = [np.uint8, np.int32]
    found = []
    for kind in kinds:
        for stem, part in ((STEMS[1], labels), (STEMS[3], DATASET.test.targets * 7 + 1)):
            (folder / stem).unlink(missing_ok=True)
            np.save(folder / f"{stem}.npy", part.astype(kind))
        found.append(load_idx_folder(folder))
    assert found[0].class_names == found[1].class_names == ("1", "8", "15")
    for dataset in found:
        assert dataclasses.asdict(dataset)["train"]["targets"].dtype == np.int64
        np.testing.assert_array_equal(dataset.train.targets, DATASET.train.targets)
