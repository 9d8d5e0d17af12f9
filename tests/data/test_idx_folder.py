"""Folders of IDX files: every spelling is read, and what does not fit is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.files.idx import write_idx
from bpnet.data.files.names import STEMS, spellings
from bpnet.data.idx_folder import load_idx_folder
from bpnet.errors import DataError
from tests.helpers.idx_files import ARRAYS, put
from tests.helpers.places import FASHION_FILES, needs_data


class TestIdxFolder:
    @pytest.mark.parametrize("number", range(4))
    def test_loads_each_spelling(self, tmp_path: Path, number: int) -> None:
        for stem, array in zip(STEMS, ARRAYS, strict=True):
            write_idx(tmp_path / spellings(stem)[number], array)
        dataset = load_idx_folder(tmp_path)
        np.testing.assert_array_equal(dataset.train.inputs, ARRAYS[0])
        np.testing.assert_array_equal(dataset.train.targets, ARRAYS[1])
        np.testing.assert_array_equal(dataset.test.inputs, ARRAYS[2])
        np.testing.assert_array_equal(dataset.test.targets, ARRAYS[3])
        assert dataset.train.inputs.dtype == np.uint8
        assert dataset.train.targets.dtype == np.int64
        assert dataset.input_shape == (1, 5, 4)
        assert dataset.class_names == tuple("0123456789")
        assert dataset.name == "idx"

    def test_takes_as_many_classes_as_there_are(self, tmp_path: Path) -> None:
        put(tmp_path, [ARRAYS[0], ARRAYS[1] % 3, ARRAYS[2], ARRAYS[3] % 2])
        assert load_idx_folder(tmp_path).class_names == ("0", "1", "2")

    @pytest.mark.parametrize("shift", [1, -1])
    def test_labels_become_classes_by_their_values(self, tmp_path: Path, shift: int) -> None:
        labels = [ARRAYS[part].astype(np.int8) * 2 + shift for part in (1, 3)]
        put(tmp_path, [ARRAYS[0], labels[0], ARRAYS[2], labels[1][::-1]])
        dataset = load_idx_folder(tmp_path)
        assert dataset.class_names == tuple(str(2 * digit + shift) for digit in range(10))
        np.testing.assert_array_equal(dataset.train.targets, ARRAYS[1])
        np.testing.assert_array_equal(dataset.test.targets, ARRAYS[3][::-1])

    @pytest.mark.parametrize(
        ("labels", "text", "expected"),
        [
            (3, "one\ntwo\n\nthree, or more\n", ("one", "two", "three, or more")),
            (3, "\ufeffnull\r\neins\r\nzwei\r\ndrei", ("null", "eins", "zwei")),
            (1, "alone", ("alone",)),
        ],
    )
    def test_the_classes_have_the_names_beside_them(
        self, tmp_path: Path, labels: int, text: str, expected: tuple[str, ...]
    ) -> None:
        put(tmp_path, [ARRAYS[0], ARRAYS[1] % labels, ARRAYS[2], ARRAYS[3] % labels])
        (tmp_path / "classes.txt").write_bytes(text.encode())
        assert load_idx_folder(tmp_path).class_names == expected
        mine = [f"mine {number}" for number in range(labels)]
        assert load_idx_folder(tmp_path, names=mine).class_names == tuple(mine)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"a\nb\nc", "(?s)do not fit the labels.*a name for each of the 10 labels.*3 names"),
            (b"a\nb\na", '(?s)different names.*"a" twice'),
            (b"\xff\xfe", "cannot be read"),
            (b"x" * 101, "names of 1 to 100 characters"),
        ],
    )
    def test_names_that_do_not_fit_are_refused(
        self, tmp_path: Path, content: bytes, message: str
    ) -> None:
        put(tmp_path, ARRAYS)
        (tmp_path / "classes.txt").write_bytes(content)
        with pytest.raises(DataError, match=message) as raised:
            load_idx_folder(tmp_path)
        assert str(tmp_path / "classes.txt") in str(raised.value)

    @pytest.mark.parametrize(
        ("order", "message"),
        [
            ((1, 0, 2, 3), "train-images and train-labels are swapped"),
            ((1, 0, 3, 2), "train-labels as well as t10k-images and t10k-labels are swapped"),
            ((0, 3, 2, 1), "train-labels and t10k-labels are swapped"),
        ],
    )
    def test_files_with_each_other_s_names_are_called_swapped(
        self, tmp_path: Path, order: tuple[int, ...], message: str
    ) -> None:
        put(tmp_path, [ARRAYS[number] for number in order])
        with pytest.raises(DataError, match=message):
            load_idx_folder(tmp_path)

    @pytest.mark.parametrize(
        ("number", "array", "message"),
        [
            (0, ARRAYS[0][:, 0], "train-images does not hold pictures"),
            (0, ARRAYS[0].astype(np.float32), "train-images does not hold pictures"),
            (2, ARRAYS[2][:, :0], "t10k-images does not hold pictures"),
            (2, ARRAYS[2][:0], "t10k-images does not hold pictures"),
            (2, ARRAYS[2][:, :4], "differ in size"),
            (1, ARRAYS[1].reshape(6, 5), "train-labels does not hold labels"),
            (3, ARRAYS[3].astype(np.float64), "t10k-labels does not hold labels"),
            (1, ARRAYS[1][:-1], "do not belong together"),
            (3, np.append(ARRAYS[3], np.uint8(0)), "do not belong together"),
            (3, ARRAYS[3] + np.uint8(1), "classes that training never shows"),
            (3, ARRAYS[3].astype(np.int8) - np.int8(1), "classes that training never shows"),
        ],
    )
    def test_files_that_do_not_fit_are_refused(
        self, tmp_path: Path, number: int, array: NDArray[Any], message: str
    ) -> None:
        put(tmp_path, [array if index == number else good for index, good in enumerate(ARRAYS)])
        with pytest.raises(DataError, match=message) as raised:
            load_idx_folder(tmp_path)
        assert str(tmp_path) in str(raised.value)

    def test_missing_files_are_named(self, tmp_path: Path) -> None:
        put(tmp_path, ARRAYS)
        (tmp_path / f"{STEMS[1]}.gz").unlink()
        with pytest.raises(DataError, match=f"no {STEMS[1]}"):
            load_idx_folder(tmp_path)
        (tmp_path / "train_labels (1).gz").touch()
        with pytest.raises(DataError, match=rf"{STEMS[1]}: perhaps train_labels \(1\)\.gz"):
            load_idx_folder(tmp_path)
        with pytest.raises(DataError, match="no such file or directory"):
            load_idx_folder(tmp_path / "nowhere")

    def test_a_file_is_not_called_a_missing_folder(self, tmp_path: Path) -> None:
        put(tmp_path, ARRAYS)
        with pytest.raises(DataError, match=f"(?s)found: a file.*it is in, {tmp_path}"):
            load_idx_folder(tmp_path / f"{STEMS[0]}.gz")
        (tmp_path / "digits.csv").touch()
        with pytest.raises(DataError, match=r"(?s)found: a file.*import it") as raised:
            load_idx_folder(tmp_path / "digits.csv")
        assert raised.value.command == ("data", "import", str(tmp_path / "digits.csv"))

    @needs_data
    def test_loads_garments_as_plain_classes(self) -> None:
        dataset = load_idx_folder(FASHION_FILES)
        assert len(dataset.train) == 60000
        assert len(dataset.test) == 10000
        assert len(dataset.class_names) == 10
