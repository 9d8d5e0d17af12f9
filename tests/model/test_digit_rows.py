"""Check that rows of digits are divided as the network finds them most likely."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.reading import straight_lines
from bpnet.data.reading.seeing import ways_to_see
from bpnet.model.digit_rows import cheapest_way, read_rows

HEIGHT, WIDTH = 40, 24


def every_way(parts: int) -> list[list[tuple[int, int]]]:
    """Return all ways to divide some parts into runs."""
    return [
        list(zip((0, *cuts), (*cuts, parts), strict=True))
        for count in range(parts)
        for cuts in combinations(range(1, parts), count)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_cheapest_way_is_found_among_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = int(rng.integers(1, 8))
    runs = [(first, last) for first in range(parts) for last in range(first + 1, parts + 1)]
    costs, cut = rng.random(len(runs)), rng.random(parts + 1)
    cost_of = dict(zip(runs, costs, strict=True))
    way, lead = cheapest_way(runs, costs, cut)
    total = [(sum(cost_of[run] + cut[run[1]] for run in way), way) for way in every_way(parts)]
    least, *others = sorted(total)
    assert [runs[run] for run in way] == least[1]
    if others:
        assert lead == pytest.approx(others[0][0] - least[0])
    else:
        assert lead == np.inf


def page_of(*lines: str) -> NDArray[np.float32]:
    """Draw bars on white paper, `|`, and rings, `o`; a blank leaves a gap."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    ring = np.abs(np.hypot((down - 20) / 18, (across - 12) / 9) - 0.9) < 0.14
    bar = (np.abs(across - 12) < 2.5) & (np.abs(down - 20) < 18)
    shapes = {"|": bar, "o": ring, " ": np.zeros_like(ring)}
    rows = [np.concatenate([shapes[sign] for sign in line], axis=1) for line in lines]
    page = np.pad(np.concatenate(rows), 12)
    return np.repeat(1 - 0.9 * page[:, :, None], 3, axis=2).astype(np.float32)


def ask(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Tell rings (0), bars (1) and everything else (2) apart by the ink in the middle."""
    answers = np.full((len(pixels), 3), 0.02)
    for answer, picture in zip(answers, pixels, strict=True):
        columns = np.flatnonzero((picture > 100).any(axis=0))
        width = int(columns[-1] - columns[0]) + 1
        middle = picture[11:17, 12:16].mean() > 100
        kind = 1 if width < 9 and middle else 0 if 8 < width < 16 and not middle else 2
        answer[kind] = 0.96
    return answers


def texts(page: NDArray[np.float32]) -> list[str]:
    """Read a page: the digits of each row."""
    rows = read_rows(next(ways_to_see(page)), ask, lambda digit: digit, 2)
    return [
        "".join(str(read.probabilities.argmax()) for read in row.digits)  # type: ignore[union-attr]
        for row in rows
    ]


def test_rows_are_read_from_left_to_right_and_top_to_bottom() -> None:
    assert texts(page_of("o|o")) == ["010"]
    assert texts(page_of("|o|", "oo ")) == ["101", "00"]


def test_digits_that_touch_are_divided() -> None:
    page = page_of("oo")
    joined = np.delete(page, range(12 + WIDTH - 3, 12 + WIDTH + 2), axis=1)  # their gap
    assert texts(joined) == ["00"]


def test_ink_that_is_no_digit_is_left_out_and_counted() -> None:
    page = page_of("o   |")
    page[30:33, 44:78] = 0.1  # a dash between them
    (row,) = read_rows(next(ways_to_see(page)), ask, lambda digit: digit, 2)
    assert len(row.digits) == 2
    assert (row.left_out, row.divided) == (1, 0)
    assert row.least == pytest.approx(0.96)


def test_a_bar_at_the_edge_of_a_page_is_a_line_and_no_digit() -> None:
    page = np.pad(page_of("o|o"), ((10, 60), (80, 30), (0, 0)), constant_values=1)
    page[:45, 14:19] = 0.1
    (row,) = read_rows(next(ways_to_see(page)), ask, lambda digit: digit, 2)
    assert len(row.digits) == 3
    assert row.left_out == 1


def test_a_speck_that_looks_like_a_bar_is_no_digit() -> None:
    page = page_of("o   o")
    page[35:43, 70:72] = 0.1
    (row,) = read_rows(next(ways_to_see(page)), ask, lambda digit: digit, 2)
    assert len(row.digits) == 2
    assert row.left_out == 1


PITCH = 13  # pixels between lines of squared paper


def on_squared_paper(page: NDArray[np.float32], first: int) -> NDArray[np.float32]:
    """Write a page with a pale pen on grained squared paper, whose lines are a little askew."""
    wide = 1 - 0.35 * (1 - np.pad(page, ((6, 6), (0, 0), (0, 0)), constant_values=1))
    down, across = np.mgrid[0 : wide.shape[0], 0 : wide.shape[1]]
    lines = (down + across // 40) % PITCH == first
    lines |= (across - down // 40) % PITCH == (first + 6) % PITCH
    grain = np.random.default_rng(1).normal(0, 0.01, lines.shape)
    lined = np.where(lines, 0.6, 1)[:, :, None] * wide + grain[:, :, None]
    seen: NDArray[np.float32] = lined.astype(np.float32)
    return seen


def rows_read_on_squared_paper() -> int:
    """Count in how many of four places of the lines a row is read right."""
    right = 0
    for first in range(0, PITCH, 4):
        page = on_squared_paper(page_of("o|oo"), first)
        rows = read_rows(next(ways_to_see(page, several=True)), ask, lambda digit: digit, 2)
        found = [read.probabilities for row in rows for read in row.digits]
        right += [int(one.argmax()) for one in found if one is not None] == [0, 1, 0, 0]
    return right


def test_a_pale_row_is_read_on_squared_paper_since_lines_are_taken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert rows_read_on_squared_paper() >= 3
    monkeypatch.setattr(straight_lines, "without_straight_lines", lambda ink: (ink, None))
    assert rows_read_on_squared_paper() == 0
