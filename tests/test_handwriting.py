import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.drawing.curve import curve_matrices, end_directions, read_path
from bpnet.data.drawing.handwriting import Handwriting, Variation
from bpnet.data.drawing.pen import fit_track, ink_box
from bpnet.data.drawing.strokes import STYLES, read_style
from bpnet.data.placement import BOX

# --- Curves ------------------------------------------------------------------------------------


def test_a_path_names_its_strokes_and_corners() -> None:
    path = read_path("0,0 50,0 / 20,100 ; 10,50 40,50")
    assert path.controls.tolist() == [[0, 0], [50, 0], [20, 100], [10, 50], [40, 50]]
    assert path.strokes.tolist() == [0, 0, 0, 1, 1]
    assert path.is_corner.tolist() == [False, True, False, False, False]


def test_curves_keep_an_affine_map_of_their_controls() -> None:
    for style in STYLES:
        for matrix in curve_matrices(read_path(style.path), 50):
            np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5)


def test_a_straight_stroke_is_straight_and_evenly_dotted() -> None:
    path = read_path("0,0 10,0 40,0 100,0")
    sharp, swung, hasty = (matrix @ path.controls for matrix in curve_matrices(path, 1000))
    assert not sharp[:, 1].any()
    np.testing.assert_array_equal(sharp, swung)
    for curve in (sharp, hasty):
        assert curve[0, 0] == pytest.approx(0, abs=0.2)
        assert curve[-1, 0] == pytest.approx(100, abs=0.2)
        assert (np.diff(curve[:, 0]) > 0).all()


def test_only_the_sharp_curve_turns_in_a_corner() -> None:
    path = read_path("0,0 50,0 / 50,50")
    sharp, swung, hasty = (matrix @ path.controls for matrix in curve_matrices(path, 1000))
    on_the_lines = (np.abs(sharp[:, 1]) < 1e-4) | (np.abs(sharp[:, 0] - 50) < 1e-4)
    assert on_the_lines.all()
    assert swung[:, 0].max() > 51  # swings out
    assert np.linalg.norm(hasty - [50, 0], axis=1).min() > 5  # cuts the corner


def test_no_curve_leads_from_one_stroke_to_the_next() -> None:
    path = read_path("0,0 10,0 ; 90,100 100,100")
    for matrix in curve_matrices(path, 100):
        x = (matrix @ path.controls)[:, 0]
        assert ((x <= 10) | (x >= 90)).all()


def test_ends_lengthen_along_their_stroke() -> None:
    path = read_path("0,0 10,0 10,5 ; 50,50 50,60")
    expected = [[-10, 0], [0, 0], [0, 5], [0, -10], [0, 10]]
    np.testing.assert_allclose(end_directions(path) @ path.controls, expected)


# --- The pen -----------------------------------------------------------------------------------


def straight_track(points: int = 200) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a level stroke across the box, between two rows of pixels."""
    x = np.linspace(3, 17, points, dtype=np.float32)
    track = np.stack([x, np.full_like(x, 10)])[:, :, None]
    return track, np.full((points, 1), 1.5, dtype=np.float32)


def test_ink_is_as_wide_as_the_pen() -> None:
    track, radius = straight_track()
    ink = ink_box(track, radius, np.full(1, 1.0, dtype=np.float32))[:, :, 0]
    assert ink[:, 10].sum() == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(ink, ink[::-1], atol=1e-6)
    assert not ink[:8].any()


def test_a_fitted_track_fills_the_box_exactly() -> None:
    rng = np.random.default_rng(1)
    track = rng.normal(scale=[[[3]], [[1]]], size=(2, 40, 30)).astype(np.float32)
    radius = rng.uniform(0.5, 3, (40, 30)).astype(np.float32)
    track, radius = fit_track(track, radius)
    low, high = (track - radius).min(axis=1), (track + radius).max(axis=1)
    np.testing.assert_allclose((high - low).max(axis=0), BOX, rtol=1e-5)
    np.testing.assert_allclose(low + high, BOX, rtol=1e-4)


# --- Styles ------------------------------------------------------------------------------------


def test_every_style_of_every_digit_leaves_ink() -> None:
    ink = Handwriting().write(np.arange(len(STYLES)), np.random.default_rng(1))
    assert {style.digit for style in STYLES} == set(range(10))
    assert len({(style.digit, style.name) for style in STYLES}) == len(STYLES)
    assert (ink.sum(axis=(0, 1)) > 15).all()


def test_styles_come_by_their_shares() -> None:
    styles = [read_style(3, "3 often: 0,0 9,9"), read_style(3, "1 seldom: 0,0 0,9")]
    styles += [read_style(digit, "2 only: 0,0 9,9") for digit in range(10) if digit != 3]
    labels = np.repeat([3, 5], 4000)
    chosen = Handwriting(styles).choose_styles(labels, np.random.default_rng(1))
    assert [styles[number].digit for number in chosen[::1000]] == [3] * 4 + [5] * 4
    assert (chosen[:4000] == 0).mean() == pytest.approx(0.75, abs=0.03)


def test_without_variation_a_style_is_always_the_same() -> None:
    none = Variation(0, 0, 0, 0, 0, 0, 0, (0, 0), 0, 0, (0, 0), 0, 0, (1, 1), 0, 0)
    styles = np.full(5, 7)
    ink = Handwriting(variation=none).write(styles, np.random.default_rng(1))
    np.testing.assert_allclose(ink, ink[:, :, :1] + np.zeros(5), atol=1e-5)
    varied = Handwriting().write(styles, np.random.default_rng(1))
    assert np.abs(varied - varied[:, :, :1])[:, :, 1:].max(axis=(0, 1)).min() > 0.5
