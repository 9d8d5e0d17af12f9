"""Moving pictures against slow, obviously right references."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.distortion.affine import Affine
from bpnet.data.distortion.grid import UNITS, AffineGrid
from bpnet.data.distortion.warp import LARGEST_SIDE, WEIGHT_SUM, BilinearSampler, packed_weights

Pictures = NDArray[np.uint8]
SHAPES = [(28, 28), (17, 31), (32, 9), (1, 5), (3, 130)]  # the last takes 32-bit coordinates


def noise_pictures(count: int, shape: tuple[int, int] = (28, 28)) -> Pictures:
    """Return pictures of unrelated pixels, on which every misplaced pixel shows."""
    rng = np.random.default_rng(count + shape[0])
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)


def slopes(count: int, shape: tuple[int, int]) -> Pictures:
    """Return pictures whose grey levels rise by no more than 10 from pixel to pixel."""
    rows, columns = np.indices(shape) + 0.5
    waves = np.sin(np.pi * rows / shape[0]) * np.sin(np.pi * columns / shape[1])
    most = 10 * min(shape) / np.pi
    return np.repeat((waves * min(most, 255))[None].astype(np.uint8), count, axis=0)


def disc_pictures(count: int, size: int = 28, radius: float = 6.0) -> Pictures:
    """Return smooth discs around the centre of the picture."""
    distance = np.hypot(*(np.indices((size, size)) - (size - 1) / 2))
    disc = np.clip(radius + 0.5 - distance, 0, 1) * 255
    return np.repeat(np.rint(disc)[None].astype(np.uint8), count, axis=0)


def affine(
    count: int,
    *,
    shift: Any = (0, 0),
    angle: Any = 0.0,
    scale: Any = 1.0,
    slant: Any = 0.0,
    mirrored: Any = False,
) -> Affine:
    """Return one map per picture, with angles in degrees."""
    return Affine(
        shift=np.zeros((count, 2)) + shift,
        angle=np.zeros(count) + np.radians(angle),
        scale=np.zeros(count) + scale,
        slant=np.zeros(count) + np.radians(slant),
        mirrored=np.zeros(count, dtype=bool) | mirrored,
    )


def distort(images: Pictures, by: Affine) -> Pictures:
    """Move pictures by given maps, as an augmenter does with drawn ones."""
    count, shape = len(images), (images.shape[1], images.shape[2])
    grid = AffineGrid(shape, stretch=2.0, bend=0.0)
    sampler = BilinearSampler(shape, count + 1, grid.reach)
    sampler.source(count)[...] = images
    grid.lay(grid.maps(by), out=sampler.grid(count))
    out = np.full_like(images, 99)
    sampler.sample(count, out)
    return out


def exact_maps(by: Affine, size: int) -> NDArray[np.float64]:
    """Return what `AffineGrid.maps` should, before rounding, for maps that shift nothing."""
    matrix = by.inverse().transpose(0, 2, 1)
    middle = UNITS * ((size - 1) / 2 + 1) + 0.5
    return np.dstack([UNITS * matrix, np.full(matrix.shape[:2], middle)])


def largest_error(images: Pictures) -> float:
    """Return the bound that `BilinearSampler` states for these pictures."""
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(int)
    steps = (np.abs(np.diff(framed, axis=axis)).max() for axis in (1, 2))
    return 0.5 + 3 * float(max(steps)) / 256


def read_between(picture: Pictures, y: float, x: float) -> float:
    """Interpolate one value, pixel by pixel: the reference."""
    height, width = picture.shape
    value = 0.0
    for i in (math.floor(y), math.floor(y) + 1):
        for j in (math.floor(x), math.floor(x) + 1):
            if 0 <= i < height and 0 <= j < width:
                value += (1 - abs(y - i)) * (1 - abs(x - j)) * float(picture[i, j])
    return value


def slow_affine(picture: Pictures, by: Affine, number: int) -> NDArray[np.float64]:
    """Move a picture by the forward map F, inverted by `np.linalg.inv`: the reference."""
    angle, slant = by.angle[number], by.slant[number]
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1.0, 0.0], [-np.tan(slant), 1.0]])
    backward = np.linalg.inv(by.scale[number] * rotation @ shear)
    centre = (np.array(picture.shape) - 1) / 2
    result = np.zeros(picture.shape)
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            y, x = backward @ (np.array([i, j]) - centre - by.shift[number]) + centre
            result[i, j] = read_between(picture, y, x)
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_points_are_read_as_the_reference_reads_them(shape: tuple[int, int]) -> None:
    images = noise_pictures(3, shape)
    rng = np.random.default_rng(5)
    points = np.rint(rng.uniform(-4, max(shape) + 4, (2, 3, *shape)) * UNITS) / UNITS
    points[:, 0] = np.rint(points[:, 0])  # also exactly on the pixels and on the border
    sampler = BilinearSampler(shape, max_pictures=4, reach=(max(shape) + 6) * UNITS)
    sampler.source(3)[...] = images
    sampler.grid(3)[...] = UNITS * (points.reshape(2, 3, -1) + 1) + 0.5
    out = np.empty_like(images)
    sampler.sample(3, out)
    expected = [
        read_between(images[n], points[0, n, i, j], points[1, n, i, j])
        for n, i, j in np.ndindex(3, *shape)
    ]
    difference = np.abs(out - np.array(expected).reshape(out.shape))
    assert difference[0].max() == 0
    assert difference.max() <= 0.5 + 255 / 256  # whole greys, and weights of 1/256


def test_weights_are_those_of_the_equation() -> None:
    words = packed_weights().reshape(UNITS, UNITS)
    weights = np.sort([(words >> np.uint64(bit)) & np.uint64(0xFFFF) for bit in (0, 16, 32, 48)], 0)
    assert (weights.sum(axis=0) == WEIGHT_SUM).all()
    down, right = np.indices(words.shape) / UNITS
    exact = [f * g for f in (down, 1 - down) for g in (right, 1 - right)]
    assert np.abs(weights / WEIGHT_SUM - np.sort(exact, axis=0)).max() <= 0.5 / WEIGHT_SUM


def test_a_batch_of_points_is_computed_without_rounding() -> None:
    grid = AffineGrid((28, 28), stretch=1.5, bend=20.0)
    rng = np.random.default_rng(0)
    by = affine(
        50,
        shift=rng.uniform(-3, 3, (50, 2)),
        angle=rng.uniform(-20, 20, 50),
        scale=rng.uniform(0.8, 1.2, 50),
    )
    maps, points = grid.maps(by), np.empty((2, 50, 784), dtype=np.float32)
    grid.lay(maps, out=points)
    rows, columns = np.indices((28, 28)).reshape(2, -1) - 13.5
    pixels = np.vstack([rows, columns, np.ones(784)])
    np.testing.assert_array_equal(points, maps.astype(np.float64) @ pixels)
    assert np.abs(points).max() < grid.reach
    middle = 13.5 - (by.inverse() * by.shift.T).sum(axis=1)
    true = by.inverse().transpose(0, 2, 1) @ pixels[:2] + middle[..., None]
    assert np.abs((points - 0.5) / UNITS - 1 - true).max() < 1e-3
    # and the comparison can fail: numbers as they come are rounded somewhere
    rough = (maps * np.float32(1.1)).astype(np.float32)
    grid.lay(rough, out=points)
    assert (points != rough.astype(np.float64) @ pixels).any()


def test_points_far_outside_read_background() -> None:
    images = np.full((1, 28, 28), 255, dtype=np.uint8)
    for shift in ((1e5, 0), (0, -1e5), (28, 0), (0, -28)):
        assert not distort(images, affine(1, shift=shift)).any()


def test_picture_too_large_is_refused() -> None:
    for shape in ((LARGEST_SIDE + 1, 1), (1, LARGEST_SIDE + 1)):
        with pytest.raises(ValueError, match="too large"):
            BilinearSampler(shape, max_pictures=1, reach=1e6)
    with pytest.raises(ValueError, match="too far"):
        BilinearSampler((28, 28), max_pictures=1, reach=2**31)


@pytest.mark.parametrize(
    ("size", "stretch", "bend", "most"),
    [  # as `AffineGrid` tells
        (28, 1.25, 0, 1 / 1000),
        (28, 1 / (0.3 * 0.5), 0, 1 / 1000),
        (28, 1, 121, 1 / 1000),
        (28, 1, 601, 1 / 290),
        (LARGEST_SIDE, 1.25, 0, 1 / 16),
    ],
)
def test_points_are_moved_by_rounding_as_far_as_stated(
    size: int, stretch: float, bend: float, most: float
) -> None:
    grid = AffineGrid((size, size), stretch, bend)
    bound = 2.0 ** (math.frexp(grid.reach / UNITS)[1] - 24) * size
    assert bound <= most
    by = affine(1000, angle=np.linspace(-180, 180, 1000), scale=1 / stretch)
    error = np.abs(grid.maps(by) - exact_maps(by, size)) / UNITS
    farthest = (error @ [(size - 1) / 2, (size - 1) / 2, 1]).max()
    assert bound / 4 < farthest <= bound  # not below it by much: the statement says something


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_drawn_changes_nothing(shape: tuple[int, int]) -> None:
    images = noise_pictures(70, shape)
    assert np.array_equal(distort(images, affine(70)), images)


@pytest.mark.parametrize(("down", "right"), [(3, 0), (0, -2), (-5, 4)])
def test_whole_pixel_shift_moves_exactly(down: int, right: int) -> None:
    images = noise_pictures(2, (17, 31))
    expected = np.zeros_like(images)
    expected[:, max(down, 0) : 17 + min(down, 0), max(right, 0) : 31 + min(right, 0)] = images[
        :, max(-down, 0) : 17 - max(down, 0), max(-right, 0) : 31 - max(right, 0)
    ]
    assert np.array_equal(distort(images, affine(2, shift=(down, right))), expected)


@pytest.mark.parametrize("size", [27, 28])
def test_quarter_turn_equals_rot90(size: int) -> None:
    images = noise_pictures(3, (size, size))
    turned = distort(images, affine(3, angle=[90, 180, -90]))
    expected = [np.rot90(image, turns) for image, turns in zip(images, (1, 2, -1), strict=True)]
    assert np.array_equal(turned, np.stack(expected))


@pytest.mark.parametrize("shape", SHAPES)
def test_mirrored_pictures_are_read_from_right_to_left(shape: tuple[int, int]) -> None:
    images = noise_pictures(3, shape)
    flipped = distort(images, affine(3, mirrored=[True, False, True]))
    assert np.array_equal(flipped[::2], images[::2, :, ::-1])
    assert np.array_equal(flipped[1], images[1])
    moved = distort(images, affine(3, mirrored=True, angle=30, shift=(1, 2.5)))
    expected = slow_affine(images[0, :, ::-1], affine(1, angle=30, shift=(1, 2.5)), 0)
    assert np.abs(moved[0] - expected).max() <= largest_error(images)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("draw", [noise_pictures, slopes])
def test_affine_map_equals_the_reference(
    draw: Callable[[int, tuple[int, int]], Pictures], shape: tuple[int, int]
) -> None:
    images = draw(5, shape)
    by = affine(
        5,
        shift=[(0.25, -0.5), (0, 0), (0, 0), (0, 0), (1.3, 2.6)],
        angle=[0, 0, 0, 30, -17],
        scale=[1, 1.3, 1, 1, 0.8],
        slant=[0, 0, 20, 0, -12],
    )
    moved = distort(images, by)
    for number in range(5):
        difference = moved[number] - slow_affine(images[number], by, number)
        assert np.abs(difference).max() <= largest_error(images)


def test_directions_are_those_of_the_documentation() -> None:
    bar = np.zeros((1, 28, 28), dtype=np.uint8)
    bar[:, 4:24, 13:15] = 255

    def mean_column(picture: Pictures) -> float:
        return float(picture.sum(axis=0) @ np.arange(28) / picture.sum())

    slanted = distort(bar, affine(1, slant=20))[0]
    assert mean_column(slanted[:10]) > mean_column(slanted[18:]) + 4  # the top leans right
    turned = distort(bar, affine(1, angle=20))[0]
    assert mean_column(turned[:10]) < mean_column(turned[18:]) - 4  # counter-clockwise
    assert distort(bar, affine(1, scale=1.2)).sum() > 1.3 * bar.sum()


def test_mass_follows_the_scale() -> None:
    discs = disc_pictures(40)
    scale = np.linspace(0.8, 1.2, 40)
    moved = distort(discs, affine(40, scale=scale, angle=33, shift=(1.4, -0.7)))
    ratio = moved.sum(axis=(1, 2)) / discs.sum(axis=(1, 2))
    assert ratio == pytest.approx(scale**2, rel=0.02)
