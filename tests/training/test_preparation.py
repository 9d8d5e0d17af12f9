"""What is learned from training pictures: greys, place, size and orientation."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.dataset import Dataset, Samples
from bpnet.data.idx_folder import load_idx_folder
from bpnet.data.reading.resample import resample
from bpnet.data.synthetic import draw_digits
from bpnet.model.preparation import Preparation, compared, measures
from bpnet.training.preparation import MNIST, learn_preparation
from tests.helpers.places import MNIST_FILES, needs_data

IMAGES, LABELS = draw_digits(600, 5)
NAMES = tuple("0123456789")


def learned(images: NDArray[np.uint8], names: tuple[str, ...] = NAMES) -> Preparation:
    samples = Samples(images, LABELS)
    form = learn_preparation(Dataset("idx", samples, samples, names), np.arange(len(images)))
    assert form is not None
    return form


def within_bounds(form: Preparation, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which pictures may go to the network as they are."""
    found = compared(measures(form.strength(images)), form.box, by_mass=form.by_mass)
    low, high = np.array(form.bounds).T
    inside: NDArray[np.bool_] = np.all((found >= low - 0.02) & (found <= high + 0.02), axis=1)
    return inside


@pytest.mark.parametrize("orientation", list(itertools.product((False, True), repeat=3)))
def test_digits_are_recognised_in_every_orientation(orientation: tuple[bool, ...]) -> None:
    transposed, flipped, mirrored = orientation
    images = IMAGES.transpose(0, 2, 1) if transposed else IMAGES
    images = images[:, :: -1 if flipped else 1, :: -1 if mirrored else 1]
    form = learned(np.ascontiguousarray(images))
    assert form.orientation == orientation
    assert form.box == (20, 20)


def test_what_is_no_digit_stays_as_it_is() -> None:
    turned = np.ascontiguousarray(IMAGES.transpose(0, 2, 1))
    assert not any(learned(turned, tuple("ABCDEFGHIJ")).orientation)
    shuffled = Samples(turned, np.roll(LABELS, 1))  # named like digits, as garments may be
    form = learn_preparation(Dataset("idx", shuffled, shuffled, NAMES), np.arange(600))
    assert form is not None
    assert not any(form.orientation)


def test_greys_of_paper_and_ink_are_found() -> None:
    form = learned(IMAGES)
    assert (form.paper, form.ink, form.strokes) == (0, 255, True)
    assert form.is_placed_like_mnist
    dark = learned(255 - IMAGES)
    assert (dark.paper, dark.ink) == (255, 0)
    few = learned((IMAGES > 127).astype(np.uint8))
    assert (few.paper, few.ink) == (0, 1)
    noise = np.random.default_rng(0).integers(0, 40, IMAGES.shape, dtype=np.uint8)
    grainy = learned(np.maximum(IMAGES // 4 * 3, noise) + 30)
    assert 30 < (grainy.paper or 0) < 70
    assert grainy.ink == pytest.approx(220, abs=5)


def test_a_frame_that_is_full_has_no_paper() -> None:
    rng = np.random.default_rng(1)
    form = learned(rng.integers(0, 256, IMAGES.shape, dtype=np.uint8))
    assert form.paper is None
    assert not form.strokes
    assert learned(np.full_like(IMAGES, 7)).paper is None


def test_filled_shapes_are_no_strokes() -> None:
    filled = np.zeros_like(IMAGES)
    filled[:, 4:24, 6:22] = 200
    assert not learned(filled).strokes


def test_pictures_squeezed_in_one_direction_have_a_box_like_that() -> None:
    squeezed = IMAGES.reshape(600, 28, 14, 2).mean(axis=3).astype(np.uint8)
    height, width = learned(squeezed).box
    assert height == 20
    assert 10 <= width <= 11


def ink_sizes(form: Preparation, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return height and width of the ink (2, pictures)."""
    top, bottom, left, right = measures(form.strength(images))[:, 5:].T
    return np.stack([bottom - top, right - left])


def fitted(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 32×16 pixels that hold ink undistorted in the 26×13 in their middle."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    factor = min(26 / cropped.shape[0], 13 / cropped.shape[1])
    height, width = (max(1, round(side * factor)) for side in cropped.shape)
    frame = np.zeros((32, 16), np.uint8)
    top, left = (32 - height) // 2, (16 - width) // 2
    frame[top : top + height, left : left + width] = np.rint(resample(cropped, height, width))
    return frame


def test_ink_in_a_tall_box_keeps_its_aspect_as_in_training() -> None:
    tall = np.stack(list(map(fitted, IMAGES)))
    form = learned(tall)
    assert form.box == (26, 13)
    assert form.keeps_aspect
    placed = np.stack([form.placed(digit / np.float32(255)) for digit in IMAGES])
    assert np.abs(ink_sizes(form, placed) - ink_sizes(form, tall)).max() <= 2
    squeezed = IMAGES.reshape(600, 28, 14, 2).mean(axis=3).astype(np.uint8)
    assert not learned(squeezed).keeps_aspect


def test_bounds_hold_the_data_set_and_leave_out_what_is_placed_otherwise() -> None:
    form = learned(IMAGES[:300])
    others = draw_digits(1000, 6)[0]
    assert within_bounds(form, others).mean() > 0.999
    assert not within_bounds(form, 255 - others).any()
    assert not within_bounds(form, np.roll(others, 4, axis=2)).any()
    assert not within_bounds(form, others // 2).any()
    assert not within_bounds(form, np.zeros_like(others)).any()


def test_samples_that_are_no_pictures_have_no_form() -> None:
    numbers = Samples(np.zeros((4, 1, 28, 28), np.float32), np.arange(4))
    assert learn_preparation(Dataset("table", numbers, numbers, NAMES), np.arange(4)) is None


@needs_data
def test_the_form_of_mnist_is_what_its_pictures_show() -> None:
    data = load_idx_folder(MNIST_FILES)
    form = learn_preparation(data, np.arange(0, 60_000, 12))
    assert form is not None
    for name in ("frame", "paper", "ink", "strokes", "box", "by_mass", "orientation"):
        assert getattr(form, name) == getattr(MNIST, name)
    assert form.centre == pytest.approx(MNIST.centre, abs=0.02)
    assert within_bounds(MNIST, data.train.inputs[::10]).all()
    assert within_bounds(MNIST, data.test.inputs).all()
    assert within_bounds(MNIST, IMAGES).all()  # drawn digits as well
