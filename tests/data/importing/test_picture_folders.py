"""Folders of pictures: with a part for the test or not, of one size or of several."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bpnet.data.importing.picture_folders import fitted
from bpnet.errors import DataError
from tests.helpers.import_files import (
    IMAGES,
    LABELS,
    TEST_IMAGES,
    TEST_LABELS,
    imported,
    write_pictures,
)

NAMES = ("cat", "dog", "10", "9")
SORTED = ("9", "10", "cat", "dog")  # numbers by their value, then texts


@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "Testing"), ("train", "val")])
def test_the_folders_are_the_classes(tmp_path: Path, parts: tuple[str, str]) -> None:
    write_pictures(tmp_path / parts[0], IMAGES, [NAMES[label] for label in LABELS])
    write_pictures(tmp_path / parts[1], TEST_IMAGES, [NAMES[label] for label in TEST_LABELS])
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "labels.csv").write_text("file,class\n000.png,cat\n")
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / parts[0] / "cat" / "notes.txt").touch()
    dataset, _ = imported(tmp_path)
    assert dataset.class_names == SORTED
    assert (len(dataset.train), len(dataset.test)) == (40, 12)
    for part, images, labels in (
        (dataset.train, IMAGES, LABELS),
        (dataset.test, TEST_IMAGES, TEST_LABELS),
    ):
        for number, name in enumerate(SORTED):
            np.testing.assert_array_equal(
                part.inputs[part.targets == number], images[labels == NAMES.index(name)]
            )


def test_a_test_set_is_held_out_where_there_is_none(tmp_path: Path) -> None:
    images = np.concatenate([IMAGES, IMAGES[:8]])  # eight pictures are there twice
    labels = [NAMES[label] for label in [*LABELS, *LABELS[:8]]]
    write_pictures(tmp_path / "archive" / "digits", images, labels)
    dataset, notes = imported(tmp_path)
    assert any("held out" in note for note in notes)
    assert (len(dataset.train), len(dataset.test)) == (42, 6)
    assert set(dataset.train.targets) == {0, 1, 2, 3}
    train, test = (
        {image.tobytes() for image in part.inputs} for part in (dataset.train, dataset.test)
    )
    assert not train & test
    again, _ = imported(tmp_path)
    np.testing.assert_array_equal(again.test.inputs, dataset.test.inputs)


def test_pictures_of_several_sizes_are_brought_to_one(tmp_path: Path) -> None:
    write_pictures(tmp_path, IMAGES, [NAMES[label] for label in LABELS])
    Image.new("RGB", (60, 30), (255, 0, 0)).save(tmp_path / "cat" / "wide.jpg")
    dataset, notes = imported(tmp_path)
    assert dataset.train.inputs.shape[1:] == (28, 28)
    assert any("2 sizes, 5×4 to 30×60" in note for note in notes)
    dataset, _ = imported(tmp_path, size=(10, 8))
    assert dataset.train.inputs.shape[1:] == (10, 8)


def test_a_fitted_picture_keeps_its_proportions_on_the_colour_of_its_edge() -> None:
    picture = np.full((10, 20), 200, dtype=np.uint8)
    picture[4:6, 8:12] = 0
    whole = fitted(picture, (28, 28))
    assert (whole[[0, 6, 21, 27]] == 200).all()
    assert whole[14, 14] < 50
    rows, columns = np.nonzero(whole < 100)
    assert np.ptp(columns) > np.ptp(rows)


def test_damaged_files_are_left_out_by_name(tmp_path: Path) -> None:
    write_pictures(tmp_path, IMAGES, [NAMES[label] for label in LABELS])
    (tmp_path / "cat" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbad")
    dataset, notes = imported(tmp_path)
    assert len(dataset.train) + len(dataset.test) == 40
    assert any("bad.png" in note for note in notes)


@pytest.mark.parametrize("what", ["empty", "flat", "unreadable", "unknown class", "too few"])
def test_folders_that_give_no_data_set_are_refused(tmp_path: Path, what: str) -> None:
    if what == "flat":
        Image.fromarray(IMAGES[0]).save(tmp_path / "0.png")
    elif what == "unreadable":
        for name in "ab":
            (tmp_path / name).mkdir()
            (tmp_path / name / "bad.png").write_bytes(b"bad")
    elif what == "unknown class":
        write_pictures(tmp_path / "train", IMAGES, ["a", "b"] * 20)
        write_pictures(tmp_path / "test", TEST_IMAGES, ["a", "c"] * 6)
    elif what == "too few":
        write_pictures(tmp_path, IMAGES[:4], ["a", "b"] * 2)
    with pytest.raises(DataError) as raised:
        imported(tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert (what != "unknown class") or "found: c" in str(raised.value)


@pytest.mark.parametrize("place", ["", "cats", "mine/cats"])
def test_pictures_of_one_class_or_none_are_named_as_such(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(IMAGES[0]).save(folder / "0.png")
    with pytest.raises(DataError, match="one class or none") as raised:
        imported(tmp_path)
    assert f"all pictures in {folder}" in str(raised.value)


def test_a_picture_beside_data_hides_none_of_the_folders(tmp_path: Path) -> None:
    for place, name in (("docs", "logo.png"), ("mnist", "notes.txt")):
        (tmp_path / place).mkdir()
        (tmp_path / place / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"(?s)found:.*docs/.*mnist/"):
        imported(tmp_path)
