"""Check what tells a 0 from the edge of something bright or dark."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.reading.holes import surrounds_paper
from bpnet.data.reading.image import Box, DigitPicture

INK = 0.6  # contrast


def ring(inside: float, outside: float, *, gap: bool = False) -> DigitPicture:
    """Return a dark ring between two greys, with a gap at its right if wanted."""
    down, across = np.mgrid[-20:21, -20:21]
    far = np.hypot(down, across)
    ink: NDArray[np.float32] = ((far > 11) & (far < 15)).astype(np.float32)
    if gap:
        ink[19:22, 21:] = 0
    grey = np.where(ink > 0, 0.0, np.where(far <= 11, inside, outside))
    picture = np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32)
    return DigitPicture(None, picture, ink, Box(6, 35, 6, 35))


@pytest.mark.parametrize("light", [0.0, 0.1, -0.1])
def test_the_paper_in_a_ring_is_that_around_it_even_in_uneven_light(light: float) -> None:
    assert surrounds_paper(ring(0.7 + light, 0.7), INK)


@pytest.mark.parametrize("inside", [1.0, 0.2])
def test_what_is_brighter_or_darker_within_is_no_paper(inside: float) -> None:
    assert not surrounds_paper(ring(inside, 0.6), INK)


def test_an_open_ring_has_no_inside() -> None:
    assert surrounds_paper(ring(1.0, 0.6, gap=True), INK)


def test_the_palest_ink_is_not_judged_by_the_light() -> None:
    assert surrounds_paper(ring(0.68, 0.6), contrast=0.05)
