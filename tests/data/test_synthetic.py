import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data import synthetic
from bpnet.data.drawing.handwriting import Handwriting, Variation
from bpnet.data.drawing.non_digits import PRINTED_RADIUS, SHARES
from bpnet.data.drawing.signs import SIGNS
from bpnet.data.drawing.strokes import STYLES
from bpnet.data.files.idx import read_idx
from bpnet.data.files.names import STEMS
from bpnet.data.placement import BOX, PICTURE, centre_in_picture, centre_in_pictures
from bpnet.data.synthetic import BLOCK, VERSION, draw_digits, load_synthetic
from bpnet.errors import DataError
from bpnet.locks import host_name
from tests.helpers.places import MNIST_FILES, needs_data

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@pytest.fixture(scope="module")
def digits() -> tuple[Images, Labels]:
    return draw_digits(6000, seed=1)


# --- Every picture -----------------------------------------------------------------------------


def longest_sides(images: Images) -> NDArray[np.int64]:
    """Return the pixels (pictures,) from the first with ink to the last, along the longer axis."""
    sides = np.zeros(len(images), dtype=np.int64)
    for axis in (1, 2):
        lines = images.max(axis=axis) > 0
        extent = PICTURE - lines.argmax(axis=1) - lines[:, ::-1].argmax(axis=1)
        sides = np.maximum(sides, extent)
    return sides


def misplaced(images: Images) -> NDArray[np.int64]:
    """Return the numbers of pictures that MNIST's placement could not have made."""
    pixels = np.arange(PICTURE) + 0.5
    mass = images.sum(axis=(1, 2), dtype=np.int64)
    centred = np.ones(len(images), dtype=np.bool_)
    for axis in (1, 2):
        centroid = images.sum(axis=axis) @ pixels / mass
        centred &= (centroid >= 14) & (centroid <= 15)  # on either, if b is a whole number
    return np.flatnonzero(
        (longest_sides(images) != BOX) | ~centred | (images.max(axis=(1, 2)) != 255)
    )


def test_skips_and_specks_leave_a_digit_that_fills_its_box() -> None:
    styles = np.repeat(np.arange(len(STYLES)), 5)
    blemished = Handwriting(variation=Variation(skips=1, specks=1))
    ink = blemished.write(styles, np.random.default_rng(1))
    images = centre_in_pictures(np.moveaxis(ink, -1, 0))
    assert (longest_sides(images) == BOX).all()
    flawless = Handwriting(variation=Variation(skips=0, specks=0))
    assert (flawless.write(styles, np.random.default_rng(1)) != ink).any(axis=(0, 1)).all()


def test_every_picture_is_placed_as_in_mnist(digits: tuple[Images, Labels]) -> None:
    images, _ = digits
    assert images.dtype == np.uint8
    assert images.shape == (6000, PICTURE, PICTURE)
    assert len(misplaced(images)) == 0


def test_a_misplaced_picture_is_noticed(digits: tuple[Images, Labels]) -> None:
    images = digits[0][:3].copy()
    images[0] = np.roll(images[0], 1, axis=0)
    images[1, :, :14] = 0
    assert misplaced(images).tolist() == [0, 1]


def test_many_boxes_are_placed_as_each_would_be() -> None:
    boxes = np.random.default_rng(1).random((50, BOX, BOX), dtype=np.float32) ** 4
    boxes /= boxes.max(axis=(1, 2), keepdims=True)
    one_by_one = np.stack([centre_in_picture(box) for box in boxes])
    np.testing.assert_array_equal(centre_in_pictures(boxes), one_by_one)


def test_ink_is_as_much_as_in_mnist(digits: tuple[Images, Labels]) -> None:
    images, labels = digits
    assert images.mean() / 255 == pytest.approx(0.131, abs=0.01)
    assert images.std() / 255 == pytest.approx(0.308, abs=0.015)
    ink = images.sum(axis=(1, 2)) / 255
    assert ink[labels == 1].mean() == pytest.approx(62, abs=8)
    assert ink[labels == 0].mean() == pytest.approx(136, abs=12)


# --- Determinism -------------------------------------------------------------------------------


def test_pictures_do_not_depend_on_the_workers() -> None:
    alone, labels = draw_digits(3 * BLOCK + 7, seed=5, workers=1)
    for workers in (2, 3):
        again, same_labels = draw_digits(3 * BLOCK + 7, seed=5, workers=workers)
        np.testing.assert_array_equal(again, alone)
        np.testing.assert_array_equal(same_labels, labels)


def test_seed_and_purpose_make_other_pictures() -> None:
    labels = np.arange(40) % 10
    images, _ = draw_digits(labels, seed=1)
    for other in (draw_digits(labels, seed=2)[0], draw_digits(labels, seed=1, purpose="x")[0]):
        assert (images != other).any(axis=(1, 2)).all()


def test_labels_are_balanced_shuffled_and_kept(digits: tuple[Images, Labels]) -> None:
    _, labels = digits
    assert labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [600] * 10
    assert (labels[1:] == labels[:-1]).any()
    assert np.bincount(draw_digits(23, seed=1)[1]).tolist() == [3] * 3 + [2] * 7
    wanted = np.array([7, 7, 0])
    np.testing.assert_array_equal(draw_digits(wanted, seed=1)[1], wanted)


def test_progress_hears_of_every_picture() -> None:
    drawn: list[int] = []
    draw_digits(BLOCK + 10, seed=1, progress=drawn.append)
    assert drawn == [BLOCK, 10]


# --- The cache ---------------------------------------------------------------------------------


@pytest.fixture
def count_draws(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    calls = []
    original = synthetic.draw_digits

    def counting(size: int, *args: object, **named: object) -> object:
        calls.append(size)
        return original(size, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(synthetic, "draw_digits", counting)
    return lambda: len(calls)


def test_a_set_is_drawn_once_and_then_read(tmp_path: Path, count_draws: Callable[[], int]) -> None:
    first = load_synthetic(tmp_path / "new", 60, 20, seed=3)
    assert count_draws() == 2
    again = load_synthetic(tmp_path / "new", 60, 20, seed=3)
    assert count_draws() == 2
    assert again.fingerprint() == first.fingerprint()
    assert again.train.targets.dtype == np.int64
    assert again.input_shape == (1, 28, 28)
    assert again.class_names == tuple("0123456789")
    assert (len(again.train), len(again.test)) == (60, 20)


def test_training_and_test_pictures_differ(tmp_path: Path) -> None:
    data = load_synthetic(tmp_path, 60, 60, seed=3)
    train, test = ({image.tobytes() for image in part.inputs} for part in (data.train, data.test))
    assert not train & test


def test_sizes_and_seeds_have_folders_of_their_own(tmp_path: Path) -> None:
    for train_size, test_size, seed in ((30, 20, 1), (40, 20, 1), (30, 10, 1), (30, 20, 2)):
        data = load_synthetic(tmp_path, train_size, test_size, seed)
        assert (len(data.train), len(data.test)) == (train_size, test_size)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", [*STEMS, synthetic.SUMS])
@pytest.mark.parametrize("harm", ["flip a bit", "cut short", "remove"])
def test_damaged_files_are_drawn_anew(
    tmp_path: Path, count_draws: Callable[[], int], name: str, harm: str
) -> None:
    first = load_synthetic(tmp_path, 30, 20, seed=3)
    (path,) = tmp_path.glob(f"*/{name}")
    content = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(
            content[:-3] if harm == "cut short" else content[:-2] + bytes([content[-2] ^ 1]) + b"0"
        )
    assert load_synthetic(tmp_path, 30, 20, seed=3).fingerprint() == first.fingerprint()
    assert count_draws() == 4
    assert path.read_bytes() == content


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    first = load_synthetic(tmp_path, 30, 20, seed=3)
    (folder,) = tmp_path.iterdir()
    names = sorted(path.name for path in folder.iterdir())
    (folder / synthetic.SUMS).unlink()
    (folder / f".bpnet-1-{host_name()}-abcd_123.tmp").write_bytes(b"half")
    assert load_synthetic(tmp_path, 30, 20, seed=3).fingerprint() == first.fingerprint()
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file"):
        load_synthetic(tmp_path / "file", 30, 20, seed=3)


def test_the_version_follows_the_styles() -> None:
    """The cache knows a set by its version: whoever changes what is drawn must raise it."""
    drawn_by = (STYLES, SIGNS, SHARES, PRINTED_RADIUS, Variation())
    assert (VERSION, zlib.crc32(repr(drawn_by).encode())) == (7, 903050204)


# --- Real digits -------------------------------------------------------------------------------


def ridge_accuracy(train: Images, labels: Labels, test: Images, test_labels: Labels) -> float:
    """Return the accuracy of a linear least-squares classifier (28×28 pixels and a constant)."""
    x, z = (
        np.hstack([images.reshape(len(images), -1) / 255, np.ones((len(images), 1))])
        for images in (train, test)
    )
    weight = np.linalg.solve(x.T @ x + 30 * np.eye(x.shape[1]), x.T @ np.eye(10)[labels])
    return float(((z @ weight).argmax(axis=1) == test_labels).mean())


@needs_data
def test_a_linear_reader_of_drawn_digits_reads_real_ones(digits: tuple[Images, Labels]) -> None:
    images, labels = digits
    real = read_idx(MNIST_FILES / "train-images-idx3-ubyte.gz")[:4000]
    answers = read_idx(MNIST_FILES / "train-labels-idx1-ubyte.gz")[:4000].astype(np.int64)
    assert ridge_accuracy(images, labels, real, answers) > 0.7
    mirrored = images[:, :, ::-1]
    assert ridge_accuracy(mirrored, labels, real, answers) < 0.6
