"""Which files belong together, what they are called, and how the pictures lie."""

import lzma
from pathlib import Path

import numpy as np
import pytest

from bpnet.data.files.idx import write_idx
from bpnet.data.files.names import STEMS
from bpnet.data.importing.checks import warnings_of
from bpnet.data.importing.emnist import lies_on_its_side
from bpnet.data.importing.found import Labelled
from bpnet.data.importing.source import check_names
from bpnet.data.importing.store import name_for
from bpnet.data.synthetic import draw_digits
from bpnet.errors import DataError
from tests.helpers.idx_files import ARRAYS, put
from tests.helpers.import_files import (
    IMAGES,
    LABELS,
    TEST_IMAGES,
    TEST_LABELS,
    check,
    imported,
)
from tests.helpers.tiny import draw_dataset

BYTES = LABELS.astype(np.uint8), TEST_LABELS.astype(np.uint8)


def put_emnist(folder: Path, kind: str, first: int) -> Path:
    """Write the samples as EMNIST has them: on their side, with labels from `first` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, images, labels in (
        ("train", IMAGES, BYTES[0]),
        ("test", TEST_IMAGES, BYTES[1]),
    ):
        start = folder / f"emnist-{kind}-{part}"
        write_idx(Path(f"{start}-images-idx3-ubyte.gz"), images.swapaxes(1, 2))
        write_idx(Path(f"{start}-labels-idx1-ubyte.gz"), labels + np.uint8(first))
    return folder


@pytest.mark.parametrize(
    ("kind", "first", "names"),
    [
        ("letters", 1, "ABCD"),
        ("letters", 23, "WXYZ"),
        ("byclass", 36, "abcd"),
        ("bymerge", 36, "abde"),
    ],
)
def test_emnist_is_set_upright_and_has_its_classes(
    tmp_path: Path, kind: str, first: int, names: str
) -> None:
    put_emnist(tmp_path / "gzip", kind, first)
    dataset, notes = imported(tmp_path)
    check(dataset)
    assert dataset.class_names == tuple(names)
    assert any("on their side" in note for note in notes)
    dataset, _ = imported(tmp_path, transpose=False)
    np.testing.assert_array_equal(dataset.train.inputs, IMAGES.swapaxes(1, 2))


def test_the_mapping_beside_emnist_names_its_classes(tmp_path: Path) -> None:
    put_emnist(tmp_path, "balanced", 0)
    mapping = tmp_path / "emnist-balanced-mapping.txt"
    mapping.write_text("0 119\n1 120\n2 121\n3 122\n")
    assert imported(tmp_path)[0].class_names == tuple("wxyz")
    mapping.write_text("0 119\none\n")
    with pytest.raises(DataError, match=r"(?s)mapping.*emnist-balanced-mapping\.txt"):
        imported(tmp_path)


def test_one_of_several_data_sets_is_named_by_a_file(tmp_path: Path) -> None:
    put_emnist(put_emnist(tmp_path, "digits", 0), "letters", 1)
    with pytest.raises(DataError, match="several data sets"):
        imported(tmp_path)
    dataset, _ = imported(tmp_path / "emnist-letters-test-labels-idx1-ubyte.gz")
    check(dataset)
    assert dataset.class_names == tuple("ABCD")


def test_qmnist_has_its_labels_in_the_first_column(tmp_path: Path) -> None:
    for part, images, labels in (("train", IMAGES, LABELS), ("test", TEST_IMAGES, TEST_LABELS)):
        columns = np.zeros((len(labels), 8), dtype=np.int32)
        columns[:, 0], columns[:, 1] = labels, np.arange(len(labels))
        write_idx(tmp_path / f"qmnist-{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"qmnist-{part}-labels-idx2-int.gz", columns)
    check(imported(tmp_path)[0])


@pytest.mark.parametrize("is_inverted", [False, True])
def test_digits_on_their_side_are_known_without_a_name(tmp_path: Path, is_inverted: bool) -> None:
    images, labels = draw_digits(300, seed=5, workers=1)
    images = 255 - images if is_inverted else images
    arrays = [images, labels.astype(np.uint8), images[:50], labels[:50].astype(np.uint8)]
    put(tmp_path / "upright", arrays)
    put(
        tmp_path / "sideways",
        [arrays[0].swapaxes(1, 2), arrays[1], arrays[2].swapaxes(1, 2), arrays[3]],
    )
    for name, is_noted in (("upright", False), ("sideways", True)):
        dataset, notes = imported(tmp_path / name)
        np.testing.assert_array_equal(dataset.train.inputs, images)
        assert any("lay on their side" in note for note in notes) is is_noted
    np.random.default_rng(1).shuffle(arrays[1])
    put(tmp_path / "nonsense", arrays)
    np.testing.assert_array_equal(imported(tmp_path / "nonsense")[0].train.inputs, images)


def test_classes_of_two_digits_are_no_digits() -> None:
    images, labels = draw_digits(20, seed=5, workers=1)
    names = [str(number) for number in range(12, 22)]
    assert lies_on_its_side(Labelled(images, labels), names) is None


@pytest.mark.parametrize("name", ["#hash", ";semi", "", "a ", "a\nb", "n" * 1000])
def test_a_name_that_no_class_can_have_is_named_alone(name: str) -> None:
    check_names(["a", "b c"], "here")
    with pytest.raises(DataError, match="cannot have such a name") as raised:
        check_names(["other", name], "here")
    assert "other" not in str(raised.value)


def test_a_raw_file_beside_its_gzip_counts_once(tmp_path: Path) -> None:
    put(tmp_path, ARRAYS)
    put(tmp_path, ARRAYS, suffix="")
    assert len(imported(tmp_path)[0].train) == 30


def test_swapped_files_are_named(tmp_path: Path) -> None:
    put(tmp_path, [ARRAYS[1], ARRAYS[0], *ARRAYS[2:]])
    with pytest.raises(DataError, match="are swapped"):
        imported(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nowhere", "no such file"), ("a.zip", "unpack it"), ("a.pdf", "not known as data")],
)
def test_what_is_no_data_is_refused(tmp_path: Path, name: str, expected: str) -> None:
    if name != "nowhere":
        (tmp_path / name).write_bytes(lzma.compress(b"x"))
    with pytest.raises(DataError, match=expected) as raised:
        imported(tmp_path / name)
    assert name in str(raised.value)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters"),
        ("mnist_train.csv", "my-mnist"),
        ("my pictures", "my-pictures"),
        ("x_train.npy", "x"),
        ("latest-contest", "latest-contest"),
        ("lastlabel.csv", "lastlabel"),
        ("…", "data"),
        ("train.csv", "data"),
        (STEMS[0], "data"),
    ],
)
def test_an_import_is_called_after_its_source(tmp_path: Path, source: str, name: str) -> None:
    assert name_for(tmp_path / source) == name


def test_good_data_give_no_warning() -> None:
    assert list(warnings_of(draw_dataset())) == []


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        ("copies", "5 of the 30 test pictures are training pictures too"),
        ("contradiction", "1 training pictures are there twice with different labels: 0 and 1"),
        ("inverted test", "training has dark grounds, the test bright ones"),
        ("inverted", "dark on a bright ground"),
        ("mixed", "50 % of the training pictures have a bright ground"),
        ("blank", "1 training pictures are of one grey all over"),
        ("rare", "fewer than 10 training pictures of: 2"),
        ("no test", "no test picture of: 2"),
    ],
)
def test_what_is_suspicious_is_warned_of(harm: str, expected: str) -> None:
    dataset = draw_dataset()
    train, test = dataset.train, dataset.test
    if harm == "copies":
        test.inputs[10:15] = train.inputs[20:25]
    elif harm == "contradiction":
        train.inputs[1] = train.inputs[0]
    elif harm == "inverted test":
        test.inputs[:] = 255 - test.inputs
    elif harm == "inverted":
        test.inputs[:], train.inputs[:] = 255 - test.inputs, 255 - train.inputs
    elif harm == "mixed":
        train.inputs[::2] = 255 - train.inputs[::2]
    elif harm == "blank":
        train.inputs[3] = 7
    elif harm == "rare":
        train.targets[:95] = np.arange(95) % 2
    elif harm == "no test":
        test.targets[:] = np.arange(30) % 2
    assert any(expected in warning for warning in warnings_of(dataset)), list(warnings_of(dataset))
