"""Thicker and thinner strokes, and holes, against pixel by pixel references."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.distortion.stroke_width import StrokePen, cut_squares

Pictures = NDArray[np.uint8]


def pen(images: Pictures, width_change: float) -> Pictures:
    out = np.full_like(images, 99)
    change = np.full(len(images), width_change, dtype=np.float32)
    StrokePen((images.shape[1], images.shape[2]), len(images) + 3).redraw(images, change, out)
    return out


@pytest.mark.parametrize("width_change", [-2.0, -0.7, 0.0, 0.5, 2.0])
def test_pen_equals_the_reference(width_change: float) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 9), dtype=np.uint8)
    redrawn = pen(images, width_change)
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(int)
    for n, i, j in np.ndindex(images.shape):
        around = [
            framed[n, i + 1 + di, j + 1 + dj]
            for di, dj in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
        ]
        extreme = max(around) if width_change > 0 else min(around)
        share = round(128 * abs(width_change)) / 256
        expected = images[n, i, j] + share * (extreme - float(images[n, i, j]))
        assert redrawn[n, i, j] == pytest.approx(expected, abs=0.5)  # whole grey levels


def test_pen_redraws_each_picture_by_its_own_width_and_leaves_no_trace() -> None:
    images = np.random.default_rng(1).integers(0, 256, (4, 7, 5), dtype=np.uint8)
    changes = np.array([1, -1, 0, -0.3], dtype=np.float32)
    shared, out = StrokePen((7, 5), 4), np.empty_like(images)
    for _ in range(2):
        shared.redraw(images, changes, out)
        for image, change, redrawn in zip(images, changes, out, strict=True):
            assert np.array_equal(redrawn, pen(image[None], float(change))[0])


@pytest.mark.parametrize("width_change", [-1.0, 0.4, 1.5])
def test_pen_changes_a_stroke_by_as_many_pixels(width_change: float) -> None:
    stroke = np.zeros((1, 12, 12), dtype=np.uint8)
    stroke[:, :, 4:8] = 255
    widths = pen(stroke, width_change)[0, 3:9].sum(axis=1) / 255
    assert widths == pytest.approx(np.full(6, 4 + width_change), abs=0.01)  # whole grey levels


def test_cutout_sets_one_square_to_zero() -> None:
    images = np.full((4, 20, 30), 7, dtype=np.uint8)
    centres = np.array([[0.5, 0.5], [0, 0], [0.999, 0.999], [0, 0.5]])
    cut_squares(images, 4, centres)
    holes = [np.argwhere(image == 0) for image in images]
    assert [len(hole) for hole in holes] == [16, 4, 9, 8]
    assert holes[0].min(axis=0).tolist() == [8, 13]
    assert holes[0].max(axis=0).tolist() == [11, 16]
    assert set(np.unique(images)) == {0, 7}
