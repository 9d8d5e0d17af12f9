"""Check that a digit is found in pictures of every kind, and none in blank ones."""

import gzip
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bpnet.data.reading.image import BLANK, SEVERAL, read_digit, read_digits
from bpnet.data.reading.morphology import stroke_width
from tests.helpers.places import MNIST_FILES, OWN_IMAGES

Plane = NDArray[np.float64]


def ring_and_tail(side: int, pen: float) -> Plane:
    """Draw a 9 by hand: a ring and a slanted stroke, ink 1 on paper 0."""
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    ring = np.abs(np.hypot(x - 0.47, y - 0.35) - 0.15)
    along = np.clip((y - 0.35) / 0.45, 0, 1)
    tail = np.hypot(x - (0.62 - 0.1 * along), y - (0.35 + 0.45 * along))
    nine: Plane = np.clip((pen - np.minimum(ring, tail)) * side + 0.5, 0, 1)
    return nine


def encoded(values: NDArray[np.float64], file_format: str = "PNG", **options: object) -> BytesIO:
    file = BytesIO()
    pixels = np.uint8(np.rint(np.clip(values, 0, 1) * 255))
    Image.fromarray(pixels).save(file, file_format, **options)
    file.seek(0)
    return file


def saved(image: Image.Image, file_format: str = "PNG", **options: object) -> BytesIO:
    file = BytesIO()
    image.save(file, file_format, **options)
    file.seek(0)
    return file


def as_image(values: Plane) -> Image.Image:
    return Image.fromarray(np.uint8(np.rint(values * 255)))


def likeness(one: NDArray[np.uint8] | None, other: NDArray[np.uint8] | None) -> float:
    """Return the correlation of two 28×28 pictures: 1 for equal ones.

    The best of nine shifts counts, for the centre of mass is rounded to whole pixels.
    """
    assert one is not None
    assert other is not None
    shifts = [np.roll(one, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    return max(float(np.corrcoef(shift.ravel(), other.ravel())[0, 1]) for shift in shifts)


NINE = ring_and_tail(200, 0.03)
REFERENCE = read_digit(encoded(1 - NINE)).pixels


def light(strength: float) -> Plane:
    return 1 - strength * np.linspace(0, 1, 200)[:, None] * np.ones(200)


def grain(deviation: float) -> Plane:
    return np.random.default_rng(7).normal(0, deviation, (200, 200))


def every_25th(axis: int) -> Plane:
    lines = (np.arange(200) % 25 == 12).astype(float)
    return np.broadcast_to(lines[:, None] if axis == 0 else lines, (200, 200)).copy()


def coloured(ink: tuple[float, float, float]) -> Plane:
    colours: Plane = 1 - NINE[:, :, None] * (1 - np.array(ink))
    return colours


def frame() -> Plane:
    border = np.ones((200, 200))
    border[6:-6, 6:-6] = 0
    return border


def specks() -> Plane:
    dirt = np.zeros((200, 200))
    rng = np.random.default_rng(3)
    for row, column in rng.integers(0, 197, (40, 2)):
        dirt[row : row + 2, column : column + 2] = 1
    return np.maximum(dirt, NINE)


PICTURES: dict[str, Callable[[], BytesIO]] = {
    "light on dark": lambda: encoded(NINE),
    "pencil": lambda: encoded(0.8 - 0.15 * NINE + grain(0.01)),
    "little light": lambda: encoded(0.2 - 0.15 * NINE),
    "gradient of light": lambda: encoded((1 - 0.8 * NINE) * light(0.6) + grain(0.01)),
    "shadow": lambda: encoded((1 - 0.8 * NINE) * np.where(light(1) < 0.6, 0.65, 1)),
    "noise": lambda: encoded(0.8 - 0.6 * NINE + grain(0.08)),
    "strong compression": lambda: encoded(0.9 - 0.8 * NINE, "JPEG", quality=12),
    "ruled paper": lambda: encoded(np.minimum(1 - NINE, 1 - 0.6 * every_25th(0))),
    "squared paper": lambda: encoded(
        np.minimum(1 - NINE, 1 - 0.6 * np.maximum(every_25th(0), every_25th(1)))
    ),
    "specks": lambda: encoded(1 - specks()),
    "frame": lambda: encoded(1 - np.maximum(NINE, frame())),
    "dark corner": lambda: encoded(np.where(np.add.outer(*2 * [np.arange(200)]) < 50, 0, 1 - NINE)),
    "yellow ink": lambda: encoded(coloured((1, 1, 0.5))),
    "pink ink": lambda: encoded(coloured((1, 0.75, 0.85))),
    "cyan ink": lambda: encoded(coloured((0.6, 1, 1))),
    "small in a wide picture": lambda: encoded(np.pad(1 - NINE, ((90, 300), (400, 200)), "edge")),
    "one bit": lambda: saved(as_image(1 - NINE).convert("1")),
    "palette": lambda: saved(as_image(1 - NINE).convert("P")),
    "animation": lambda: saved(as_image(1 - NINE).convert("P"), "GIF", save_all=True),
    "CMYK": lambda: saved(as_image(1 - NINE).convert("RGB").convert("CMYK"), "TIFF"),
    "10 bit": lambda: saved(Image.fromarray(np.uint16((1 - NINE) * 1023))),
    "12 bit": lambda: saved(Image.fromarray(np.uint16((1 - NINE) * 4095))),
    "16 bit": lambda: saved(Image.fromarray(np.uint16((1 - NINE) * 65535))),
    "32 bit": lambda: saved(Image.fromarray(np.int32((1 - NINE) * 65535)), "TIFF"),
    "float": lambda: saved(Image.fromarray(np.float32(1 - NINE)), "TIFF"),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_the_same_digit_gives_the_same_picture_however_it_was_taken(kind: str) -> None:
    found = read_digit(PICTURES[kind]())
    assert found.warnings == []
    assert likeness(found.pixels, REFERENCE) > 0.93


def test_likeness_can_fail() -> None:
    upside_down = read_digit(encoded(1 - NINE[::-1])).pixels
    assert likeness(upside_down, REFERENCE) < 0.7


@pytest.mark.parametrize("side", [40, 100, 640, 2000])
def test_the_size_of_the_picture_does_not_matter(side: int) -> None:
    found = read_digit(encoded(1 - ring_and_tail(side, 0.03)))
    assert likeness(found.pixels, REFERENCE) > 0.9


@pytest.mark.parametrize("pen", [0.006, 0.015, 0.03, 0.05, 0.07])
def test_every_pen_draws_strokes_about_as_thick_as_in_mnist(pen: float) -> None:
    found = read_digit(encoded(1 - ring_and_tail(300, pen)))
    assert found.pixels is not None
    assert 1.6 < stroke_width(np.divide(found.pixels, 255, dtype=np.float32)) < 4
    assert likeness(found.pixels, REFERENCE) > 0.75


def test_strokes_in_the_alpha_channel_alone_are_read() -> None:
    alpha = np.uint8(np.rint(NINE * 255))
    black = np.zeros((200, 200, 3), np.uint8)
    for colour in (black, black + 255):
        image = Image.fromarray(np.dstack([colour, alpha]))
        assert likeness(read_digit(saved(image)).pixels, REFERENCE) > 0.99


def test_transparent_margins_become_paper() -> None:
    drawing = np.pad(np.dstack([np.uint8(np.rint(NINE * 255))] * 3), ((20, 40), (0, 60), (0, 0)))
    opaque = np.pad(np.full((200, 200), 255, np.uint8), ((20, 40), (0, 60)))
    image = Image.fromarray(np.dstack([drawing, opaque]))
    assert likeness(read_digit(saved(image)).pixels, REFERENCE) > 0.95


def test_the_camera_turned_on_its_side_is_turned_back() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate a quarter turn clockwise to view"
    lying = as_image(1 - NINE).transpose(Image.Transpose.ROTATE_90)
    found = read_digit(saved(lying, "JPEG", exif=exif.tobytes(), quality=95))
    assert likeness(found.pixels, REFERENCE) > 0.95


def test_a_drawing_one_pixel_wide_is_read() -> None:
    drawing = np.ones((28, 28))
    drawing[5:23, 12] = drawing[5, 12:18] = drawing[22, 12:18] = drawing[5:23, 18] = 0
    found = read_digit(encoded(drawing))
    assert found.pixels is not None
    assert found.box.height == 18
    assert found.pixels[14, 14] < 60  # the loop stays open


def test_a_picture_of_five_pixels_is_read() -> None:
    drawing = np.ones((5, 5))
    drawing[0:5, 2] = 0
    assert read_digit(encoded(drawing)).pixels is not None


BLANKS: dict[str, Callable[[], BytesIO]] = {
    "white": lambda: encoded(np.ones((30, 40))),
    "black": lambda: encoded(np.zeros((300, 200))),
    "one pixel": lambda: encoded(np.ones((1, 1))),
    "transparent": lambda: saved(Image.new("RGBA", (50, 50))),
    "light alone": lambda: encoded(0.9 * light(0.5)),
    "noise": lambda: encoded(0.5 + grain(0.1)),
    "noise of few pixels": lambda: encoded(0.5 + grain(0.2)[:28, :28]),
    "photographed paper": lambda: encoded(0.8 * light(0.3) + grain(0.02), "JPEG", quality=70),
    "ruled paper": lambda: encoded(0.9 - 0.4 * every_25th(0) + grain(0.01)),
    "shadow": lambda: encoded(0.9 * np.where(light(1) < 0.6, 0.65, 1) + grain(0.01)),
}


@pytest.mark.parametrize("kind", BLANKS)
def test_a_blank_picture_has_no_digit(kind: str) -> None:
    found = read_digit(BLANKS[kind]())
    assert found.pixels is None
    assert found.warnings == [BLANK]


def test_digits_side_by_side_are_read_from_left_to_right() -> None:
    upside_down = read_digit(encoded(1 - NINE[::-1])).pixels
    row = encoded(1 - np.hstack([NINE, NINE[::-1], NINE]))
    digits = read_digits(row)
    assert [digit.box.left for digit in digits] == sorted(digit.box.left for digit in digits)
    assert [likeness(digit.pixels, REFERENCE) > 0.93 for digit in digits] == [True, False, True]
    assert likeness(digits[1].pixels, upside_down) > 0.93
    row.seek(0)
    assert read_digit(row).warnings == [SEVERAL]


def test_a_detached_bar_belongs_to_its_digit() -> None:
    broken = NINE.copy()
    broken[108:116] = 0
    assert len(read_digits(encoded(1 - broken))) == 1


def mnist_pictures(count: int) -> NDArray[np.uint8]:
    if not MNIST_FILES.is_dir():
        pytest.skip("needs the data sets beside the project")
    content = gzip.decompress((MNIST_FILES / "t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)[:count]


def test_pictures_of_mnist_pass_nearly_unchanged() -> None:
    originals = mnist_pictures(100)
    likenesses = []
    for original in originals:
        found = read_digit(saved(Image.fromarray(original)))
        likenesses.append(likeness(found.pixels, original))
    assert np.median(likenesses) > 0.98
    assert np.mean(np.array(likenesses) > 0.9) > 0.97


def test_digits_that_people_drew_are_found() -> None:
    folder = OWN_IMAGES
    if not folder.exists():
        pytest.skip("needs the drawings beside the project")
    for path in sorted(folder.glob("[0-9]__*"))[::23]:
        found = read_digit(path)
        assert found.pixels is not None, path.name
        assert found.pixels.max() == 255
        assert 0.03 < (found.pixels > 127).mean() < 0.3, path.name
