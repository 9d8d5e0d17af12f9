"""Pictures shown several times, each time a little different."""

import math
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.distortion.affine import Affine
from bpnet.data.distortion.views import ROTATE, SCALE, SHIFT, Views, view_maps
from tests.data.distortion.test_warp import largest_error, slow_affine

SIZE = 28
CENTRE = (SIZE - 1) / 2


def parts(maps: Affine) -> NDArray[np.float64]:
    """Return shift down and right, turn and scaling (4, views) as parts of the largest ones."""
    turn = maps.angle / math.radians(ROTATE)
    return np.stack([*(maps.shift.T / SHIFT), turn, (maps.scale - 1) / SCALE])


def lies_evenly(found: NDArray[np.float64]) -> bool:
    """Return whether 100 views fill each tenth of each range and all 16 corners about alike."""
    tenths = [np.histogram(one, bins=10, range=(-1, 1))[0] for one in found]
    corners = np.bincount((found > 0).T @ [1, 2, 4, 8], minlength=16)
    return bool(np.min(tenths) >= 9 and np.max(tenths) <= 11 and corners.min() >= 3)


def dot(row: float, column: float) -> NDArray[np.uint8]:
    """Draw a smooth dot."""
    rows, columns = np.indices((SIZE, SIZE))
    distance = np.hypot(rows - row, columns - column)
    drawn: NDArray[np.uint8] = np.rint(250 * np.exp(-(distance**2) / 8)).astype(np.uint8)
    return drawn


def place(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return where a dot is: its centre of mass."""
    found = (np.indices(picture.shape) * picture).sum(axis=(1, 2))
    centre: NDArray[np.float64] = found / picture.sum()
    return centre


def noise(count: int, shape: tuple[int, int] = (SIZE, SIZE)) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def test_the_first_view_is_the_picture_itself() -> None:
    assert (parts(view_maps(1)) == 0).all()
    images = noise(3)
    assert np.array_equal(Views(4, (SIZE, SIZE), 3).show(images, 0), images)


def test_views_lie_evenly_around_the_picture() -> None:
    found = parts(view_maps(101))
    assert np.abs(found).max() <= 1
    np.testing.assert_allclose(found[:, 1::2], -found[:, 2::2])
    assert len(np.unique(found.round(6), axis=1).T) == 101
    assert lies_evenly(found[:, 1:])


def test_views_that_do_not_are_caught() -> None:
    found = np.random.default_rng(0).uniform(-1, 1, (4, 100))
    assert not lies_evenly(found)
    assert not lies_evenly(np.abs(parts(view_maps(101))[:, 1:]))


def test_more_views_begin_with_the_same_ones() -> None:
    assert np.array_equal(parts(view_maps(9))[:, :5], parts(view_maps(5)))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_view_moves_a_point_by_its_map(number: int) -> None:
    start = np.array([8.0, 17.0])
    maps = view_maps(5)
    cos, sin = np.cos(maps.angle[number]), np.sin(maps.angle[number])
    turned = maps.scale[number] * np.array([[cos, -sin], [sin, cos]]) @ (start - CENTRE)
    expected = turned + CENTRE + maps.shift[number]
    assert np.abs(expected - start).max() > 0.2
    (seen,) = Views(5, (SIZE, SIZE), 1).show(dot(*start)[None], number)
    assert place(seen) == pytest.approx(expected, abs=0.05)


def test_a_picture_s_views_depend_on_nothing_else() -> None:
    images = noise(70)
    before = images.copy()
    views, others = Views(3, (SIZE, SIZE), 70), Views(8, (SIZE, SIZE), 1)
    for number in (2, 1, 2):
        seen = views.show(images, number).copy()
        for single in (0, 33, 69):
            alone = others.show(images[[single]], number)
            assert np.array_equal(alone[0], seen[single])
    assert np.array_equal(images, before)


@pytest.mark.parametrize("shape", [(9, 14), (14, 9)])
def test_pictures_need_not_be_square(shape: tuple[int, int]) -> None:
    images = noise(2, shape)
    views = Views(4, shape, 2)
    for number in (1, 2, 3):
        for image, seen in zip(images, views.show(images, number), strict=True):
            expected = slow_affine(image, view_maps(4), number)
            assert np.abs(seen - expected).max() <= largest_error(images)


def test_memory_is_that_of_a_block_however_many_pictures_there_are() -> None:
    images = noise(50, (150, 150))
    tracemalloc.start()
    try:
        Views(2, (150, 150), 50).show(images, 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < images.nbytes + 5e6  # what is shown, and one picture's words; at once: 60e6


def test_views_of_white_paper_are_those_of_the_negative() -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE)).astype(np.uint8)
    black, white = Views(6, (SIZE, SIZE), 5), Views(6, (SIZE, SIZE), 5, bright_paper=True)
    for number in range(6):
        shown = black.show(images, number)
        assert np.array_equal(white.show(255 - images, number), 255 - shown)
