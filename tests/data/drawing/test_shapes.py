"""Check the shapes and patterns that a network learns to take for no digit."""

import numpy as np
import pytest

from bpnet.data.drawing.shapes import (
    FINE,
    LEAST_WIDTH,
    SHAPES,
    Shape,
    draw_shape,
    draw_shapes,
    is_no_bar,
)
from bpnet.data.placement import BOX

SEED = 5


def test_they_fill_the_box_and_follow_from_the_seed() -> None:
    boxes = draw_shapes(200, np.random.default_rng(SEED))
    assert boxes.shape == (200, BOX, BOX)
    assert boxes.dtype == np.float32
    assert ((boxes >= 0) & (boxes <= 1)).all()
    assert (boxes.max(axis=(1, 2)) == 1).all()
    inked = [(boxes > 0).any(axis=axis).sum(axis=1) for axis in (1, 2)]
    assert (np.maximum(*inked) == BOX).mean() > 0.95
    assert np.array_equal(boxes, draw_shapes(200, np.random.default_rng(SEED)))
    assert not np.array_equal(boxes, draw_shapes(200, np.random.default_rng(SEED + 1)))


@pytest.mark.parametrize("shape", dict.fromkeys(SHAPES), ids=lambda shape: shape.__name__)
def test_each_has_an_inside_and_an_outside(shape: Shape) -> None:
    side = np.linspace(-1.1, 1.1, FINE, dtype=np.float32)
    y, x = np.meshgrid(side, side, indexing="ij")
    inside = [shape(x, y, np.random.default_rng(seed)) for seed in range(20)]
    assert all(plane.shape == (FINE, FINE) for plane in inside)
    assert np.mean([(plane > 0).any() and (plane < 0).any() for plane in inside]) > 0.9


def test_a_bar_is_not_among_them() -> None:
    """It would be a 1."""
    bar = np.zeros((FINE, FINE), dtype=np.float32)
    bar[:, 15 : 15 + int(LEAST_WIDTH * FINE)] = 1
    assert not is_no_bar(bar)
    assert not is_no_bar(np.zeros_like(bar))
    assert is_no_bar(bar.T)


def test_some_edges_are_soft_and_some_inks_uneven() -> None:
    rng = np.random.default_rng(SEED)
    shares = [np.mean((ink > 0.1) & (ink < 0.9)) for ink in (draw_shape(rng) for _ in range(100))]
    assert min(shares) < 0.1
    assert max(shares) > 0.4
