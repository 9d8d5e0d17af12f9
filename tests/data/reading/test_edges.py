"""Check what tells a 1 from the edge of a shadow."""

import numpy as np
import pytest

from bpnet.data.reading.edges import has_two_sides
from bpnet.data.reading.image import Box, DigitPicture

HEIGHT, WIDTH, BAR = 40, 30, slice(13, 17)


def bar(left: float, right: float, ink: float = 0.2, box: slice = BAR) -> DigitPicture:
    """Return an upright bar between two greys."""
    grey = np.empty((HEIGHT, WIDTH), dtype=np.float32)
    grey[:, : box.start], grey[:, box], grey[:, box.stop :] = left, ink, right
    strength = np.zeros_like(grey)
    strength[5:35, box] = 1
    colours = np.repeat(grey[:, :, None], 3, axis=2)
    return DigitPicture(None, colours, strength, Box(5, 35, box.start, box.stop))


@pytest.mark.parametrize("right", [0.8, 0.7, 0.9])
def test_a_stroke_has_paper_on_both_sides_even_in_uneven_light(right: float) -> None:
    assert has_two_sides(bar(0.8, right))


@pytest.mark.parametrize(
    ("left", "right", "ink"), [(0.3, 0.8, 0.3), (0.8, 0.3, 0.3), (0.9, 0.2, 0.4)]
)
def test_the_edge_of_a_shadow_has_bright_paper_on_one_side_alone(
    left: float, right: float, ink: float
) -> None:
    assert not has_two_sides(bar(left, right, ink))


@pytest.mark.parametrize("box", [slice(0, 4), slice(26, 30)])
def test_a_bar_at_the_side_of_the_picture_is_not_judged(box: slice) -> None:
    assert has_two_sides(bar(0.3, 0.8, 0.3, box))


def test_ink_that_differs_in_colour_alone_is_seen_in_its_colour() -> None:
    across = np.arange(WIDTH)
    light = np.repeat((0.001 * across)[None, :], HEIGHT, axis=0)
    colours = np.empty((HEIGHT, WIDTH, 3), dtype=np.float32)
    colours[:] = (0.4, 0.8, 0.4)  # green
    strength = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    strength[5:35, BAR] = 1
    colours[strength > 0] = (0.8, 0.4, 0.4)  # red, as bright
    colours += light[:, :, None].astype(np.float32)
    assert has_two_sides(DigitPicture(None, colours, strength, Box(5, 35, BAR.start, BAR.stop)))
