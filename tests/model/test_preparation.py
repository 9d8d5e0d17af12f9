"""Pictures that go to a network as they are, and such as are made like its training pictures."""

import dataclasses
import json
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bpnet.data.reading.image import BLANK, DigitPicture, read_digit
from bpnet.data.reading.picture import open_picture
from bpnet.data.reading.shape import CROWDED, WHOLE
from bpnet.data.synthetic import draw_digits
from bpnet.model.preparation import Preparation, prepare
from bpnet.training.preparation import MNIST

DIGITS = draw_digits(12, 8)[0]
EVERYTHING = ((0.0, 1.1), (-0.1, 1.0), (0.3, 1.0), (0.1, 1.0), (0.0, 28.0), (0.0, 28.0))
GARMENT = dataclasses.replace(
    MNIST, strokes=False, box=(28, 28), centre=(14.0, 14.0), by_mass=False, bounds=EVERYTHING
)


def file_of(pixels: NDArray[np.uint8], mode: str | None = None) -> BytesIO:
    file = BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, "PNG")
    file.seek(0)
    return file


def prepared(pixels: NDArray[np.uint8], form: Preparation, mode: str | None = None) -> DigitPicture:
    (entry,) = prepare(open_picture(file_of(pixels, mode)), form)
    return entry


def pixels_of(
    pixels: NDArray[np.uint8], form: Preparation, mode: str | None = None
) -> NDArray[np.uint8]:
    found = prepared(pixels, form, mode).pixels
    assert found is not None
    return found


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_a_picture_of_the_data_set_goes_as_it_is(mode: str) -> None:
    for digit in DIGITS:
        assert np.array_equal(pixels_of(digit, MNIST, mode), digit)


def test_any_other_picture_goes_through_the_reader() -> None:
    digit = DIGITS[0]
    tinted = np.stack([digit, digit, digit // 2], axis=2)
    framed = np.pad(digit, 1)
    for picture in (255 - digit, np.roll(digit, 4, axis=0), digit // 2 + 20, tinted, framed):
        expected = read_digit(file_of(picture)).pixels
        assert expected is not None
        assert np.array_equal(pixels_of(picture, MNIST), expected)
    blank = prepared(np.zeros_like(digit), MNIST)
    assert blank.pixels is None
    assert blank.warnings == [BLANK]


def test_few_greys_shown_as_black_and_white_are_brought_back() -> None:
    few = dataclasses.replace(MNIST, ink=1.0, bounds=(*MNIST.bounds[:4], (12, 17), (12, 17)))
    digit = (DIGITS[0] > 127).astype(np.uint8)
    assert np.array_equal(pixels_of(digit, few), digit)
    assert np.array_equal(pixels_of(digit * 255, few), digit)


def test_what_the_reader_finds_is_turned_and_coloured() -> None:
    turned = dataclasses.replace(MNIST, paper=255.0, ink=0.0, orientation=(True, False, True))
    large = np.kron(DIGITS[1], np.ones((3, 3), np.uint8))
    upright = read_digit(file_of(large)).pixels
    assert upright is not None
    assert np.array_equal(pixels_of(large, turned), 255 - upright.T[:, ::-1])


def test_digits_are_fitted_into_another_frame() -> None:
    form = dataclasses.replace(MNIST, frame=(24, 20), box=(17, 14), centre=(12.4, 10.4))
    found = pixels_of(np.kron(255 - DIGITS[2], np.ones((4, 4), np.uint8)), form)
    assert found.shape == (24, 20)
    rows, columns = (np.flatnonzero(found.any(axis=axis)) for axis in (1, 0))
    assert rows[-1] - rows[0] <= 17
    assert columns[-1] - columns[0] <= 14
    assert found.max() == 255


def test_a_picture_in_a_turned_data_set_s_form_carries_a_warning() -> None:
    turned = dataclasses.replace(MNIST, orientation=(True, True, False))
    (entry,) = prepare(open_picture(file_of(DIGITS[0])), turned)
    assert "transposed and flipped" in entry.warnings[0]


def test_a_shape_is_found_whichever_way_it_stands_out() -> None:
    shirt = np.zeros((28, 28), np.uint8)
    shirt[2:26, 6:22] = 180
    shirt[2:8, :] = 255
    assert np.array_equal(pixels_of(shirt, GARMENT), shirt)
    assert np.array_equal(pixels_of(255 - shirt, GARMENT), shirt)
    large = np.kron(255 - shirt, np.ones((4, 4), np.uint8))
    found = pixels_of(np.pad(large, ((10, 60), (40, 40)), constant_values=255), GARMENT)
    assert np.corrcoef(found.ravel(), shirt.ravel())[0, 1] > 0.8
    assert prepared(np.full((50, 50), 90, np.uint8), GARMENT).pixels is None
    crowd = np.random.default_rng(2).integers(0, 256, (60, 60), dtype=np.uint8)
    assert prepared(crowd, GARMENT).warnings == [CROWDED]


def test_without_a_plain_background_pictures_are_taken_whole() -> None:
    form = dataclasses.replace(GARMENT, paper=None, bounds=())
    noise = np.random.default_rng(3).integers(0, 256, (28, 28), dtype=np.uint8)
    assert np.array_equal(pixels_of(noise, form), noise)
    entry = prepared(np.kron(noise, np.ones((2, 4), np.uint8)), form)
    assert entry.pixels is not None
    assert np.array_equal(entry.pixels, noise)
    assert entry.warnings[0] == WHOLE
    assert "28×28" in entry.warnings[1]


def test_a_record_brings_the_same_form_back() -> None:
    record = json.loads(json.dumps(MNIST.as_record()))
    assert record == MNIST.as_record()  # as `verify-run` compares them
    assert Preparation.from_record(record) == MNIST
