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
            (1, ARRAYS[1] + np.uint8(1), r"(?s)without a gap.*0 to 9.*1 to 10"),
            (1, ARRAYS[1] * np.uint8(2), "without a gap"),
            (1, ARRAYS[1].astype(np.int8) - np.int8(1), "without a gap"),
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
        with pytest.raises(DataError, match="no such file or directory"):
            load_idx_folder(tmp_path / "nowhere")

    @needs_data
    def test_loads_garments_as_plain_classes(self) -> None:
        dataset = load_idx_folder(FASHION_FILES)
        assert len(dataset.train) == 60000
        assert len(dataset.test) == 10000
        assert len(dataset.class_names) == 10
