import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.drawing.curve import (
    curve_matrices,
    end_directions,
    end_ramps,
    read_path,
    sway_matrix,
)
from bpnet.data.drawing.handwriting import Handwriting, Variation
from bpnet.data.drawing.pen import Nib, fit_track, ink_box
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


def test_controls_near_each_other_on_a_stroke_sway_alike() -> None:
    sway = sway_matrix(read_path("0,0 30,0 30,40 ; 30,40 60,40"), reach=30)
    alike, half = np.exp([-1 / 2, -((4 / 3) ** 2) / 2])  # 30 and 40 apart, the reach being 30
    far = np.exp(-((7 / 3) ** 2) / 2)  # 70 along the stroke, though nearer as the crow flies
    expected = np.eye(5)
    expected[:3, :3] = [[1, alike, far], [alike, 1, half], [far, half, 1]]
    expected[3:, 3:] = [[1, alike], [alike, 1]]
    np.testing.assert_allclose(sway @ sway.T, expected, atol=1e-5)


def test_the_sway_does_not_depend_on_who_computes_the_eigenvectors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = [read_path(style.path) for style in STYLES]
    before = [sway_matrix(path, reach=60) for path in paths]
    eigh = np.linalg.eigh

    def in_another_order(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return what another program might: rounded and signed otherwise, and still right."""
        values, vectors = eigh(matrix[::-1, ::-1])
        signs = np.where(np.arange(len(values)) % 2, -1, 1)
        return values[::-1], (vectors[::-1] * signs)[:, ::-1]

    monkeypatch.setattr(np.linalg, "eigh", in_another_order)
    for path, matrix in zip(paths, before, strict=True):
        np.testing.assert_array_equal(sway_matrix(path, reach=60), matrix)


def test_ramps_fall_from_the_ends_of_every_stroke() -> None:
    starts, ends = end_ramps(read_path("0,0 50,0 ; 0,9 40,9 50,9"), 100, reach=10)
    fall = (1 - np.array([0.5, 1.5, 8.5, 9.5]) / 10) ** 2
    np.testing.assert_allclose(starts[[0, 1, 8, 9, 50, 51]], [*fall, *fall[:2]], atol=1e-5)
    assert not starts[10:50].any()
    np.testing.assert_allclose(ends, starts[::-1], atol=1e-5)


def test_a_short_stroke_has_an_end_on_either_side_of_its_middle() -> None:
    starts, ends = end_ramps(read_path("0,0 8,0"), 80, reach=25)
    assert not starts[40:].any()
    assert not ends[:40].any()
    assert starts[0] == pytest.approx(1, abs=0.03)


# --- The pen -----------------------------------------------------------------------------------


def straight_track(points: int = 200) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a level stroke across the box, between two rows of pixels."""
    x = np.linspace(3, 17, points, dtype=np.float32)
    track = np.stack([x, np.full_like(x, 10)])[:, :, None]
    return track, np.full((points, 1), 1.5, dtype=np.float32)


def nib(softness: float = 1.0, is_blunt: bool = False, grain: float = 0.0) -> Nib:
    """Return the pen of one picture."""
    edge = np.full((BOX, BOX, 1), grain, dtype=np.float32)
    return Nib(np.full(1, softness, dtype=np.float32), np.array([is_blunt]), edge)


@pytest.mark.parametrize("is_blunt", [False, True])
def test_ink_is_as_wide_as_the_pen(is_blunt: bool) -> None:
    track, radius = straight_track()
    ink = ink_box(track, radius, nib(is_blunt=is_blunt))[:, :, 0]
    assert ink[:, 10].sum() == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(ink, ink[::-1], atol=1e-6)
    assert not ink[:8].any()


def test_a_thin_stroke_is_as_dark_as_a_broad_one() -> None:
    track, radius = straight_track()
    for is_blunt in (False, True):
        ink = ink_box(track + np.float32(0.5), radius / np.float32(2), nib(1.4, is_blunt))[:, :, 0]
        assert ink[10, 6:14].min() > 0.98


def test_a_blunt_pen_fills_the_corners_of_its_strokes() -> None:
    track, radius = straight_track()
    round_ink, blunt_ink = (ink_box(track, radius, nib(is_blunt=b))[:, :, 0] for b in (False, True))
    corner = (slice(8, 9), slice(1, 2))  # 1.5 above and below the stroke, and left of its start
    assert blunt_ink[corner].sum() > 2 * round_ink[corner].sum()
    np.testing.assert_allclose(blunt_ink[:, 9:11], round_ink[:, 9:11], atol=0.1)


def test_grain_draws_the_edge_in() -> None:
    track, radius = straight_track()
    narrow, usual, wide = (ink_box(track, radius, nib(grain=by)) for by in (0.2, 0, -0.2))
    assert narrow[:, 10].sum() < usual[:, 10].sum() - 0.3
    assert wide[:, 10].sum() > usual[:, 10].sum() + 0.3


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
    none = dataclasses.replace(Variation().scaled(0), softness=(1, 1))
    styles = np.full(5, 7)
    ink = Handwriting(variation=none).write(styles, np.random.default_rng(1))
    np.testing.assert_allclose(ink, ink[:, :, :1] + np.zeros(5), atol=1e-5)
    varied = Handwriting().write(styles, np.random.default_rng(1))
    assert np.abs(varied - varied[:, :, :1])[:, :, 1:].max(axis=(0, 1)).min() > 0.5
