"""Check that the lines of a page come off the ink, and strokes stay."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.reading.paper import Ink, measured
from bpnet.data.reading.straight_lines import (
    common_tilt,
    sheared,
    without_line_remnants,
    without_straight_lines,
)

HEIGHT, WIDTH = 120, 260
LINE = 0.2  # strength
GRAIN = 0.004  # standard deviation
Plane = NDArray[np.float32]


def grained(plane: NDArray[np.floating], rough: float = GRAIN) -> Plane:
    """Add the grain of paper."""
    grain = np.random.default_rng(1).normal(0, rough, plane.shape)
    result: Plane = (plane + grain).astype(np.float32)
    return result


def page(
    pitch: float,
    tilt: float = 0.0,
    *,
    squared: bool = False,
    strength: float = LINE,
    rough: float = GRAIN,
) -> Plane:
    """Return the strength of lines, a pixel and a half wide, on paper with some grain."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH] - np.array([HEIGHT / 2, WIDTH / 2])[:, None, None]
    planes = [down - tilt * across, across + tilt * down][: 1 + squared]
    far = [np.abs((plane + pitch / 3) % pitch - pitch / 2) for plane in planes]
    lines = strength * np.clip(1.25 - np.minimum.reduce(far), 0, 1)
    return grained(lines, rough)


def strokes() -> NDArray[np.bool_]:
    """Return where a 7, a 0 and a 1 are."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[30:34, 40:80] = True
    for row in range(30, 95):
        left = 76 - (row - 30) // 2
        mask[row, left : left + 5] = True
    mask[30:95, 120:160] = True
    mask[34:91, 124:156] = False
    mask[30:95, 200:204] = True
    return mask


def written(lines: Plane, strength: float = 0.5) -> Ink:
    """Return digits on a page: where they cross a line, both darken the paper."""
    both = 1 - (1 - lines) * (1 - strength * strokes())
    return measured(both.astype(np.float32))


@pytest.mark.parametrize("tilt", [0.0, 0.013, -0.04, 0.1])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("pitch", [19.0, 41.0])
@pytest.mark.parametrize("rough", [0, GRAIN])
def test_lines_come_off_and_strokes_stay_whole(
    tilt: float, squared: bool, pitch: float, rough: float
) -> None:
    lined = page(pitch, tilt, squared=squared, rough=rough)
    ink, lines = without_straight_lines(written(lined))
    assert lines is not None
    inside = np.s_[12:-12, 12:-12]
    mask = without_line_remnants(ink.strength > 0.33 * ink.level, ink, lines)[inside]
    assert (mask & strokes()[inside]).sum() > 0.98 * strokes().sum()
    assert (mask & ~strokes()[inside]).sum() < 0.04 * strokes().sum()


@pytest.mark.parametrize("strength", [0.3, 0.15])
def test_strokes_paler_than_lines_are_kept(strength: float) -> None:
    ink, lines = without_straight_lines(written(page(30, 0.02, squared=True), strength))
    assert lines is not None
    kept = ink.strength[strokes()] > 0.33 * ink.level
    assert kept.mean() > 0.95


@pytest.mark.parametrize("is_standing", [False, True])
@pytest.mark.parametrize("rough", [0, GRAIN])
def test_a_single_stroke_from_edge_to_edge_is_no_line(is_standing: bool, rough: float) -> None:
    plane = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    plane[60:63] = 0.5
    ink = measured(grained(plane.T if is_standing else plane, rough))
    assert without_straight_lines(ink)[1] is None


@pytest.mark.parametrize("ones", [2, 3, 5])
@pytest.mark.parametrize("thick", [3, 8, 12])
@pytest.mark.parametrize("rough", [0, GRAIN])
def test_dark_strokes_from_top_to_bottom_are_1s(ones: int, thick: int, rough: float) -> None:
    plane = np.zeros((60, 30 + 25 * ones), dtype=np.float32)
    for one in range(ones):
        plane[:, 15 + 25 * one : 15 + 25 * one + thick] = 0.6
    plane[20:40, -12:-6] = 0.6
    assert without_straight_lines(measured(grained(plane, rough)))[1] is None


@pytest.mark.parametrize(
    "shape", [(2, 60), (60, 3), (1, 320), (320, 1), (15, 320), (320, 15), (41, 41)]
)
def test_the_flattest_pictures_are_searched_too(shape: tuple[int, int]) -> None:
    plane = np.zeros(shape, dtype=np.float32)
    plane[shape[0] // 3 :, : shape[1] // 2] = 0.5
    ink, _ = without_straight_lines(measured(grained(plane)))
    assert ink.strength.shape == shape


def test_what_is_left_of_lines_is_removed_and_as_weak_a_digit_is_not() -> None:
    ink, lines = without_straight_lines(written(page(40)))
    assert lines is not None
    row = int(lines[20:, 10].argmax()) + 20
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[row, 20:40] = True  # a remnant
    mask[row + 8 : row + 18, 20:24] = True  # apart from all lines
    left = without_line_remnants(mask, ink, lines)
    assert not left[row].any()
    assert left[row + 8 : row + 18, 20:24].all()


@pytest.mark.parametrize("tilt", [0.0, 0.03, -0.07, 0.11])
def test_the_tilt_of_lines_is_found(tilt: float) -> None:
    assert common_tilt(page(25, tilt)) == pytest.approx(
        tilt, abs=1 / WIDTH
    )  # half a pixel at the ends


def test_shearing_back_gives_the_same_plane_again() -> None:
    plane = page(30, 0.05)
    back = sheared(sheared(plane, 0.05), -0.05)
    assert np.abs(back - plane)[12:-12].mean() < 0.01
