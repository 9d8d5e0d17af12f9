"""NumPy's and MATLAB's files: arrays of every usual name and shape, and files that lie."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.importing import numpy_files
from bpnet.errors import DataError
from tests.helpers.import_files import (
    IMAGES,
    LABELS,
    SIZE,
    TEST_IMAGES,
    TEST_LABELS,
    check,
    imported,
)

Arrays = dict[str, NDArray[Any]]
HALVES: Arrays = {"x_train": IMAGES[:20], "y_train": LABELS[:20]}
HALVES |= {"x_val": IMAGES[20:], "y_val": LABELS[20:], "x_test": TEST_IMAGES, "y_test": TEST_LABELS}


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("trainX", "trainY", "testX", "testY"),
        ("kmnist-train-imgs", "kmnist-train-labels", "kmnist-test-imgs", "kmnist-test-labels"),
        ("data", "target", "t10k_data", "t10k_target"),
        ("train", "train_digits", "test", "test_digits"),
    ],
)
@pytest.mark.parametrize("kind", ["npz", "npy", "one array per npz"])
def test_arrays_are_known_by_their_names(tmp_path: Path, names: tuple[str, ...], kind: str) -> None:
    arrays: Arrays = dict(zip(names, (IMAGES, LABELS, TEST_IMAGES, TEST_LABELS), strict=True))
    if kind == "npz":
        np.savez_compressed(tmp_path / "all.npz", **arrays)  # type: ignore[arg-type]
    for name, array in arrays.items():
        if kind == "npy":
            np.save(tmp_path / f"{name}.npy", array)
        elif kind == "one array per npz":
            np.savez(tmp_path / f"{name}.npz", array)
    check(imported(tmp_path)[0])


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (IMAGES[..., None], LABELS[:, None]),
        (IMAGES[:, None], np.eye(4)[LABELS]),
        (np.repeat(IMAGES[..., None], 3, axis=3), LABELS.astype(np.float32)),
        (np.repeat(IMAGES[:, None], 3, axis=1), LABELS.astype(np.uint8)[None]),
        (IMAGES.reshape(40, 20), LABELS),
        (IMAGES.reshape(40, 20).T, LABELS),
        (np.asfortranarray(IMAGES), LABELS),
        (np.moveaxis(IMAGES, 0, -1), LABELS),
        (IMAGES / 255.0, LABELS),
        ((IMAGES / 127.5 - 1).astype(np.float32), LABELS),
        (IMAGES.astype(">i4"), LABELS.astype("S1")),
    ],
)
def test_arrays_may_have_many_shapes_and_types(
    tmp_path: Path, images: NDArray[Any], labels: NDArray[Any]
) -> None:
    test = {"x_test": images[:, :4] if len(images) == 20 else images[:4], "y_test": LABELS[:4]}
    if images.shape[-1] == 40:
        test["x_test"] = images[..., :4]
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, **test)  # type: ignore[arg-type]
    if labels.dtype.kind == "S":
        np.savez(tmp_path / "a.npz", x=images, y=labels)
    dataset, _ = imported(tmp_path, size=SIZE)
    if labels.dtype.kind == "S":
        assert dataset.class_names == ("0", "1", "2", "3")
        return
    check(dataset, test=False)


def test_validation_samples_are_added_or_become_the_test(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **HALVES)  # type: ignore[arg-type]
    dataset, notes = imported(tmp_path / "a.npz")
    check(dataset)
    assert any("added to training" in note for note in notes)
    del HALVES["x_test"], HALVES["y_test"]
    np.savez(tmp_path / "a.npz", **HALVES)  # type: ignore[arg-type]
    dataset, notes = imported(tmp_path / "a.npz")
    np.testing.assert_array_equal(dataset.test.inputs, IMAGES[20:])
    assert any("became the test" in note for note in notes)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": IMAGES}, "not clear which arrays"),
        ({"x_train": IMAGES, "X_train_few": IMAGES, "y": LABELS}, "not clear which is meant"),
        ({"x_train": IMAGES, "y_train": LABELS[:-1]}, "do not belong together"),
        ({"x_train": IMAGES, "y_train": LABELS / 2}, "are not labels"),
        ({"x_train": IMAGES - 1000.0, "y_train": LABELS}, "no usual range"),
        ({"x_train": IMAGES * np.nan, "y_train": LABELS}, "no usual range"),
        ({"x_train": IMAGES[..., None, None], "y_train": LABELS}, "do not belong|not pictures"),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "no pixels|cannot be read"),
        ({"x_train": IMAGES, "y_train": np.arange(40)}, "too few"),
        ({"x": np.array([{}], dtype=object), "y": LABELS}, "Python objects"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(
    tmp_path: Path, arrays: Arrays, message: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        imported(tmp_path)


def with_header(text: str) -> bytes:
    """Return an `.npy` file with this header and no content."""
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"\x93NUMPY\x09\x00",
        with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999, 99)}"),
        with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-9, 9)}"),
        with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (9, 9)}"),
        with_header("{'descr': 'evil', 'fortran_order': False, 'shape': (9,)}"),
        with_header("__import__('os')"),
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_files_that_lie_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    if suffix == ".npz" and content.startswith(b"\x93"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x_train.npy", content)
        content = packed.getvalue()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="the NumPy file cannot be read") as raised:
        imported(path)
    assert str(path) in str(raised.value)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_files, "LARGE", 1 << 16)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((1000, 28, 28), np.uint8), y=np.zeros(1000))
    with pytest.raises(DataError, match=r"declares 784,000 bytes"):
        imported(tmp_path)


def test_matlab_s_files_are_read_where_scipy_is(tmp_path: Path) -> None:
    scipy = pytest.importorskip("scipy.io")
    parts = {"train": (IMAGES, LABELS), "test": (TEST_IMAGES, TEST_LABELS)}
    content = {
        name: {"images": images.reshape(-1, 20), "labels": labels[:, None]}
        for name, (images, labels) in parts.items()
    }
    scipy.savemat(tmp_path / "digits.mat", {"dataset": content})
    check(imported(tmp_path, size=SIZE)[0])
    (tmp_path / "digits.mat").write_bytes(b"MATLAB 7.3 and so on" * 99)
    with pytest.raises(DataError, match="cannot be read"):
        imported(tmp_path)


def test_without_scipy_matlab_s_files_are_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    (tmp_path / "digits.mat").touch()
    with pytest.raises(DataError, match="pip install scipy"):
        imported(tmp_path)
