"""Tables of pictures: with names of columns or without, and what is wrong with a line."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from bpnet.data.importing.csv_columns import find_columns
from bpnet.errors import DataError
from tests.helpers.import_files import (
    IMAGES,
    LABELS,
    SIZE,
    TEST_IMAGES,
    TEST_LABELS,
    check,
    imported,
    table,
)

PIXELS = [f"pixel{number}" for number in range(20)]
PLACES = [f"{row}x{column}" for row in range(1, 6) for column in range(1, 5)]
WORDS = ("zero", "one", "two", "three")


def put(folder: Path, header: str = "", separator: str = ",", suffix: str = ".csv") -> Path:
    """Write the samples as two tables."""
    for part, images, labels in (
        ("train", IMAGES, LABELS),
        ("test", TEST_IMAGES, TEST_LABELS),
    ):
        text = table(images, labels.tolist(), header, separator)
        (folder / f"digits_{part}{suffix}").write_text(text, encoding="utf-8")
    return folder / f"digits_train{suffix}"


@pytest.mark.parametrize("named", ["the folder", "one file"])
@pytest.mark.parametrize(
    ("header", "separator", "suffix"),
    [
        ("", ",", ".csv"),
        (",".join(["label", *PIXELS]), ",", ".csv"),
        (";".join(["Class", *PIXELS]), ";", ".csv"),
        ("\t".join(["label", *PIXELS]), "\t", ".tsv"),
        ("", " ", ".txt"),
        ("0," + ",".join(["0", *(f"0.{n}" for n in range(1, 20))]), ",", ".csv"),
    ],
)
def test_every_usual_table_is_read(
    tmp_path: Path, header: str, separator: str, suffix: str, named: str
) -> None:
    path = put(tmp_path, header, separator, suffix)
    dataset, _ = imported(path if named == "one file" else tmp_path, size=SIZE)
    check(dataset)
    assert dataset.class_names == ("0", "1", "2", "3")


def test_the_columns_names_give_the_size(tmp_path: Path) -> None:
    check(imported(put(tmp_path, ",".join(["label", *PLACES])))[0])


def test_a_table_may_be_gzipped_and_count_its_lines(tmp_path: Path) -> None:
    lines = table(IMAGES, LABELS.tolist(), ",".join(["label", *PIXELS])).splitlines()
    numbered = "\n".join([f",{lines[0]}", *(f"{n},{line}" for n, line in enumerate(lines[1:]))])
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(f"\ufeff{numbered}\r\n\r\n".encode()))
    dataset, notes = imported(tmp_path, size=SIZE)
    assert len(dataset.train) + len(dataset.test) == 40
    assert any("held out" in note for note in notes)


def test_labels_may_be_texts_and_stand_last(tmp_path: Path) -> None:
    rows = [",".join([*map(str, [0, *image.ravel()[1:]]), WORDS[label]])
            for image, label in zip(IMAGES, LABELS, strict=True)]  # fmt: skip
    (tmp_path / "a.csv").write_text("\n".join(rows), encoding="utf-8")
    dataset, _ = imported(tmp_path, size=SIZE)
    assert dataset.class_names == ("one", "three", "two", "zero")
    for name in WORDS:
        wanted = {image.ravel()[1:].tobytes() for image in IMAGES[WORDS.index(name) == LABELS]}
        number = dataset.class_names.index(name)
        for part in (dataset.train, dataset.test):
            assert {i.ravel()[1:].tobytes() for i in part.inputs[part.targets == number]} <= wanted


@pytest.mark.parametrize("white", [1.0, 16, 4095, 65535])
def test_pixels_of_other_ranges_become_bytes(tmp_path: Path, white: float) -> None:
    scaled = IMAGES / 255 * white if white == 1 else np.rint(IMAGES / 255.0 * white).astype(int)
    (tmp_path / "a_train.csv").write_text(table(scaled, LABELS.tolist()))
    (tmp_path / "a_test.csv").write_text(table(scaled[:4], LABELS[:4].tolist()))
    dataset, notes = imported(tmp_path, size=SIZE)
    expected = np.rint(np.asarray(scaled) * (255 / white))
    np.testing.assert_array_equal(dataset.train.inputs, expected)
    assert any("became 0–255" in note for note in notes)


def test_a_test_without_labels_is_left_out(tmp_path: Path) -> None:
    squares = np.random.default_rng(0).integers(0, 256, (40, 3, 3))
    (tmp_path / "train.csv").write_text(table(squares, LABELS.tolist()))
    (tmp_path / "test.csv").write_text(table(squares, None))
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    dataset, notes = imported(tmp_path)
    assert len(dataset.train) + len(dataset.test) == 40
    assert any("the test table has no labels" in note for note in notes)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda lines: [*lines[:3], "1,2", *lines[3:]], "2 columns in line 4, but 21"),
        (lambda lines: [*lines[:3], lines[3].replace(",", ",x", 1)], r'"x\d+" in line 4, column 2'),
        (lambda lines: [*lines[:3], "1" + "," * 20], 'found: "" in line 4, column 2'),
        (lambda lines: [*lines[:3], "1" + ",-5" * 20], "no usual range"),
        (lambda lines: [*lines[:3], "1" + ",nan" * 20], '"nan" in line 4'),
        (lambda lines: [*lines[:3], lines[3] + ",7"], "22 columns in line 4, but 21"),
        (lambda lines: [*lines[:3], lines[3].rpartition(",")[0]], "20 columns in line 4, but 21"),
        (lambda lines: [*lines[:3], "" + lines[3][1:]], "no label in line 4"),
        (lambda lines: ["label,a", *lines], "2 names of columns, but 21"),
        (lambda lines: [line[2:] for line in lines], "do not make rows|no labels|not labels"),
        (lambda lines: [], "an empty file"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, harm: object, message: str) -> None:
    lines = table(IMAGES, LABELS.tolist()).splitlines()
    assert callable(harm)
    (tmp_path / "a.csv").write_text("\n".join(harm(lines)))
    with pytest.raises(DataError, match=message) as raised:
        imported(tmp_path / "a.csv", size=SIZE)
    assert "a.csv" in str(raised.value)


def test_pixels_that_make_no_square_need_a_size(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(table(IMAGES, LABELS.tolist()))
    with pytest.raises(DataError, match="--size 20x24"):
        imported(tmp_path)


def test_the_label_is_last_where_the_first_column_never_changes() -> None:
    columns = find_columns(["0,5,1", "0,6,2", "0,7,1"], Path("a.csv"))
    assert (columns.label, columns.pixels) == (2, [0, 1])
    assert find_columns(["3,5,1", "1,6,2"], Path("a.csv")).label == 0


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("corner", [0, 9])
def test_the_labels_of_a_sorted_table_are_found(tmp_path: Path, is_last: bool, corner: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (240, 9))
    pictures[:, 0] = 0
    pictures[100:200:50, 0] = corner  # a pixel that is seldom anything but black
    lines = [
        ",".join(map(str, [*image, n // 80] if is_last else [n // 80, *image]))
        for n, image in enumerate(pictures)
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    dataset, notes = imported(tmp_path / "a.csv")
    assert dataset.class_names == ("0", "1", "2")
    assert any("the last one was taken" in note for note in notes) is is_last


def test_the_last_column_s_label_may_be_missing(tmp_path: Path) -> None:
    lines = [line.partition(",")[2] + f",{n % 2}" for n, line in
             enumerate(table(IMAGES, LABELS.tolist()).splitlines())]  # fmt: skip
    lines[5] = lines[5].rpartition(",")[0]
    header = ",".join([*PIXELS, "label"])
    (tmp_path / "a.csv").write_text("\n".join([header, *lines]))
    with pytest.raises(DataError, match="20 columns in line 7, but 21"):
        imported(tmp_path / "a.csv", size=SIZE)


def test_only_the_table_that_differs_in_the_part_alone_belongs_to_one(tmp_path: Path) -> None:
    path = put(tmp_path)
    for name in ("digits_train_few.csv", "digits_test_few.csv"):
        (tmp_path / name).write_text(table(IMAGES[:8], LABELS[:8].tolist()))
    check(imported(path, size=SIZE)[0])
    assert len(imported(tmp_path / "digits_train_few.csv", size=SIZE)[0].train) == 8
    with pytest.raises(DataError, match="several data sets"):
        imported(tmp_path, size=SIZE)
