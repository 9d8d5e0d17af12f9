"""Check that ink is told from paper where light, lines and boxes lie on the page."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.reading.components import components_within, connected_components
from bpnet.data.reading.cuts import cut_into_parts
from bpnet.data.reading.form_boxes import without_form_boxes
from bpnet.data.reading.grouping import without_spanning_lines
from bpnet.data.reading.lines import inside_frame, without_ruled_lines
from bpnet.data.reading.page_lines import without_page_lines
from bpnet.data.reading.paper import Ink
from bpnet.data.reading.seeing import FAINT, ink_mask, ways_to_see
from bpnet.data.reading.text_lines import lines_of_text
from bpnet.data.reading.thin_ink import find_thin_ink

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE = 200
DOWN, ACROSS = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def ring(radius: float, pen: float, middle: float = SIDE / 2) -> Plane:
    """Draw a circle, ink 1 on paper 0."""
    away = np.abs(np.hypot(DOWN - SIDE / 2, ACROSS - middle) - radius)
    ink: Plane = np.clip(pen - away + 0.5, 0, 1).astype(np.float32)
    return ink


def squares(pitch: float, tilt: float) -> Plane:
    """Draw the lines of squared paper, held askew."""
    lines = np.zeros((SIDE, SIDE), dtype=np.float32)
    for axis in (DOWN + tilt * ACROSS, ACROSS - tilt * DOWN):
        far = np.abs(axis % pitch - pitch / 2)
        np.maximum(lines, np.clip(1.2 - far, 0, 1), out=lines)
    return lines


def overlap(found: Mask, drawn: Mask) -> float:
    """Return the pixels that both have as a fraction of those that either has."""
    return float((found & drawn).sum() / (found | drawn).sum())


def test_pale_pencil_is_found_where_the_light_changes_more_than_its_ink() -> None:
    light = 0.5 + 0.35 * np.sin(DOWN / 60) * np.cos(ACROSS / 70)
    pencil = ring(70, 1.5)
    grain = np.random.default_rng(1).normal(0, 0.004, light.shape)
    ink = find_thin_ink((light - 0.06 * pencil + grain).astype(np.float32))
    assert overlap(ink_mask(ink, FAINT), pencil > 0.3) > 0.6


@pytest.mark.parametrize("tilt", [0.0, 0.05, -0.09])
def test_lines_of_squared_paper_are_taken_off_and_strokes_stay(tilt: float) -> None:
    pencil, lines = ring(60, 1.5), squares(17, tilt)
    grey = 0.8 - 0.25 * np.maximum(pencil, 0.5 * lines)
    ink = find_thin_ink(grey.astype(np.float32))
    before = overlap(ink_mask(ink, FAINT), pencil > 0.3)
    after = overlap(ink_mask(without_page_lines(ink), FAINT), pencil > 0.3)
    assert before < 0.4
    assert after > 0.7


def test_strokes_that_are_straight_are_no_lines_of_a_page() -> None:
    grey = np.full((SIDE, SIDE), 0.9, dtype=np.float32)
    grey[40:44, 30:170] = 0.3  # the bars of a Z
    grey[150:154, 30:170] = 0.3
    ink = find_thin_ink(grey)
    assert without_page_lines(ink) is ink


def left_of(ink: Plane, pale: float = 0.1) -> Mask:
    """Return what is left of ink without the lines of its page."""
    return without_ruled_lines(ink > 0.33, ink > pale, ink)


def ruled(rows: Sequence[int], strength: float) -> Plane:
    """Draw lines from the left to the right edge."""
    lines = np.zeros((SIDE, SIDE), dtype=np.float32)
    for row in rows:
        lines[row : row + 2] = strength
    return lines


def test_a_bar_that_lies_on_a_line_of_the_page_stays() -> None:
    bar = np.zeros((SIDE, SIDE), dtype=np.float32)
    bar[60:62, 60:140] = bar[60:140, 138:140] = 0.9  # a 7
    left = left_of(np.maximum(bar, ruled(range(20, 200, 40), 0.4)))
    assert overlap(left, bar > 0) > 0.95


def test_lines_paler_than_the_fringe_of_a_stroke_are_found_whole() -> None:
    rng = np.random.default_rng(1)
    lines = ruled(range(20, 200, 40), 0.33) + rng.normal(0, 0.05, (SIDE, SIDE))  # broken ones
    pen = ring(60, 2)
    left = left_of(np.maximum(pen, lines).astype(np.float32))
    assert overlap(left, pen > 0.33) > 0.95


def test_bars_of_digits_side_by_side_are_no_line_of_the_page() -> None:
    ink = np.zeros((SIDE, SIDE), dtype=np.float32)
    for left in (5, 80, 165):
        ink[60:63, left : left + 30] = ink[60:140, left + 27 : left + 30] = 1
    assert (left_of(ink) == (ink > 0)).all()


def test_what_a_line_leaves_beside_it_goes_with_it() -> None:
    ink = ruled(range(20, 200, 40), 0.5)
    ink[62, 20:60] = 0.5  # a piece of a line that is thicker than the rest
    ink[66:70, 20:60] = 0.5  # and a stroke near it
    left = left_of(ink)
    assert left[66:70, 20:60].all()
    assert left.sum() == 160


def test_a_line_cut_by_the_edge_goes_with_the_others() -> None:
    ink = ruled(range(20, 200, 40), 0.5)
    ink[100:160, :2] = 0.5  # the next line across, of which the picture shows no more
    ink[100:130, 60:62] = 0.5
    left = left_of(ink)
    assert left[100:130, 60:62].all()
    assert left.sum() == 60


def test_a_single_line_is_the_page_s_only_apart_from_what_is_written() -> None:
    digit = np.zeros((SIDE, SIDE), dtype=np.float32)
    digit[40:160, 60:64] = digit[40:44, 60:180] = 0.9
    line = ruled([180], 0.9)
    assert (left_of(np.maximum(digit, line)) == (digit > 0)).all()
    lying = np.zeros_like(digit)
    lying[60:63, 8:192] = lying[120:160, 20:150] = 0.9  # a 1 and more, turned
    assert (left_of(lying) == (lying > 0)).all()
    foot = ruled([158], 0.9)  # of a digit that fills the picture
    assert left_of(np.maximum(digit, foot))[158:160].all()


def test_what_runs_from_edge_to_edge_is_a_line_unless_all_does() -> None:
    page = np.zeros((60, 100), dtype=bool)
    page[:, 8:12] = page[:, 60:64] = True
    page[20:45, 30:50] = True
    pieces = connected_components(page)
    everything = np.ones(3, dtype=bool)
    assert without_spanning_lines(pieces, everything).sum() == 1
    page[:, 30:50] = True  # a picture that was cut close around its digits
    pieces = connected_components(page)
    assert without_spanning_lines(pieces, everything).all()


def test_squared_paper_is_no_frame() -> None:
    grey = 1 - np.maximum(ruled(range(20, 200, 40), 0.8), ruled(range(20, 200, 40), 0.8).T)
    assert inside_frame(grey) == (slice(0, SIDE), slice(0, SIDE))
    framed = 1 - np.maximum(ruled([10, 188], 0.8), ruled([10, 188], 0.8).T)
    framed[80:120, 80:120] = 0
    assert inside_frame(framed) == (slice(12, 188), slice(12, 188))


def test_a_lighter_pen_is_seen_where_no_other_is_near() -> None:
    dark, light = ring(30, 2, middle=50), 0.25 * ring(30, 1.5, middle=150)
    ink = Ink(np.maximum(dark, light).astype(np.float32), 0.0, 1.0)
    fringe = ink_mask(ink, FAINT)
    assert not fringe[:, SIDE // 2 :].any()
    several = ink_mask(ink, FAINT, lightest=0.4)
    assert overlap(several[:, SIDE // 2 :], light[:, SIDE // 2 :] > 0.13) > 0.95
    assert overlap(several[:, : SIDE // 2], fringe[:, : SIDE // 2]) > 0.95


def boxed(cells: int, side: int, wall: int) -> tuple[Mask, Mask]:
    """Draw a ring into each of some cells that share their walls, and the walls."""
    width = cells * (side + wall) + wall
    walls = np.zeros((side + 2 * wall + 20, width + 20), dtype=bool)
    digits = walls.copy()
    top, left = 10, 10
    walls[top : top + side + 2 * wall, left : left + width] = True
    down, across = np.mgrid[0:side, 0:side]
    for cell in range(cells):
        inside = left + wall + cell * (side + wall)
        place = np.s_[top + wall : top + wall + side, inside : inside + side]
        walls[place] = False
        far = np.abs(np.hypot(down - side / 2, across - side / 2) - side / 3)
        digits[place] = far < 2.5
    return walls, digits


@pytest.mark.parametrize("cells", [1, 2, 5])
@pytest.mark.parametrize("wall", [1, 3])
def test_the_boxes_of_a_form_are_taken_off(cells: int, wall: int) -> None:
    walls, digits = boxed(cells, 50, wall)
    left = without_form_boxes(walls | digits, walls | digits)
    assert overlap(left, digits) > 0.95


def test_a_digit_that_touches_its_box_remains() -> None:
    walls, digits = boxed(1, 50, 2)
    digits[30:34, 12:30] = True  # from the ring to the wall
    left = without_form_boxes(walls | digits, walls | digits)
    assert overlap(left, digits & ~walls) > 0.9


def test_an_eight_drawn_with_a_ruler_is_no_box() -> None:
    eight = np.zeros((60, 50), dtype=bool)
    eight[10:50, 10:40] = True
    eight[13:28, 13:37] = eight[31:47, 13:37] = False
    assert (without_form_boxes(eight, eight) == eight).all()


def test_a_digit_drawn_with_a_ruler_is_no_box() -> None:
    zero = np.zeros((60, 50), dtype=bool)
    zero[10:50, 10:40] = True
    zero[13:47, 13:37] = False
    assert (without_form_boxes(zero, zero) == zero).all()


def test_lines_of_text_are_found_from_top_to_bottom() -> None:
    page = np.zeros((120, 200), dtype=bool)
    for row, left in ((70, 20), (10, 30), (74, 80), (8, 90), (14, 150)):
        page[row : row + 36, left : left + 20] = True
    page[30:34, 120:128] = True  # a dash in the upper line
    pieces = connected_components(page)
    upper, lower = lines_of_text(pieces, np.arange(len(pieces)))
    assert sorted(pieces.left[upper]) == [30, 90, 120, 150]
    assert sorted(pieces.left[lower]) == [20, 80]


def test_two_digits_that_touch_are_cut_where_they_touch() -> None:
    both = np.maximum(ring(30, 3, middle=70), ring(30, 3, middle=133))
    pieces = connected_components(both > 0.3)
    assert len(pieces) == 1
    parts, crossed = cut_into_parts(pieces, Ink(both, 0.0, 1.0), height=66)
    assert np.abs(parts.right - 101).min() <= 3
    assert crossed.max() > 0
    assert (parts.labels >= 0).sum() == (pieces.labels >= 0).sum()


def test_digits_that_reach_into_each_other_are_cut_along_a_bent_path() -> None:
    down, across = np.mgrid[0:70, 0:80]
    left = (across >= 10) & (across < 14) & (down >= 5) & (down < 65)  # an L
    left |= (down >= 61) & (down < 65) & (across >= 10) & (across < 44)
    right = (down >= 5) & (down < 9) & (across >= 22) & (across < 70)  # a 7 whose bar is above it
    right |= (np.abs(across - 68 + (down - 7) * 0.4) < 2) & (down >= 7) & (down < 65)
    both = (left | right).astype(np.float32)
    pieces = connected_components(both > 0)
    assert len(pieces) == 1
    parts, _ = cut_into_parts(pieces, Ink(both, 0.0, 1.0), height=60)
    mostly = [np.mean(left[parts.labels == part]) > 0.5 for part in range(len(parts))]
    assert overlap(parts.mask(np.array(mostly)), left) > 0.95


def test_a_broken_stroke_is_one_piece_if_its_gap_is_small() -> None:
    stroke = np.zeros((40, 60), dtype=bool)
    stroke[20:22, 5:25] = stroke[20:22, 29:50] = stroke[5:7, 5:25] = True
    pieces = components_within(stroke, 2)
    assert sorted(pieces.areas) == [40, 82]
    assert (pieces.labels >= 0).sum() == stroke.sum()


def test_what_is_brighter_than_its_paper_is_seen_as_well() -> None:
    inner = (np.hypot(DOWN - 100, ACROSS - 100) < 30).astype(np.float32)
    picture = np.repeat((0.2 + 0.5 * inner)[:, :, None], 3, axis=2).astype(np.float32)
    masks = [seen.pieces.labels >= 0 for seen in ways_to_see(picture)]
    assert overlap(masks[0], inner > 0.5) > 0.8
    assert overlap(masks[-1], inner > 0.5) < 0.2


@pytest.mark.parametrize(("contrast", "edges"), [(0.8, (1,)), (0.08, ())])
def test_edges_of_dark_ink_and_gaps_between_strokes_are_no_digits(
    contrast: float, edges: tuple[int, ...]
) -> None:
    grey = (0.9 - contrast * ring(50, 3)).astype(np.float32)
    usual, thin, inverted = ways_to_see(np.repeat(grey[:, :, None], 3, axis=2))
    assert usual.phantoms == ()
    assert thin.phantoms == edges
    assert inverted.phantoms == (0, 1)
