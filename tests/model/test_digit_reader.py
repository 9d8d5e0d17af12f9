"""The reader of one digit: which look at a picture counts, and what is not believed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.data.reading import edges
from bpnet.data.reading.image import SEVERAL
from bpnet.model.digit_reader import DigitReader, Read
from tests.model.test_digit_rows import ask, page_of

DIGITS = 2  # of the network that tells rings, bars and everything else apart


def read(page: NDArray[np.float32]) -> Read:
    """Read the one digit of a page."""
    return DigitReader(ask, lambda digit: digit, DIGITS).read_one(page)


def label(page: NDArray[np.float32]) -> int | None:
    """Return the class of the one digit of a page; None if nothing was believed."""
    probabilities = read(page).probabilities
    return None if probabilities is None else int(probabilities.argmax())


def at_left(page: NDArray[np.float32], margin: int) -> NDArray[np.float32]:
    """Cut off what is to the left of the ink, but for a margin."""
    columns = np.flatnonzero((page[:, :, 0] < 0.5).any(axis=0))
    return page[:, int(columns[0]) - margin :]


@pytest.mark.parametrize(("drawn", "wanted"), [("o", 0), ("|", 1)])
def test_one_digit_is_read(drawn: str, wanted: int) -> None:
    assert label(page_of(drawn)) == wanted


def test_one_of_many_alike_things_is_no_single_digit() -> None:
    found = read(page_of("ooo"))
    assert found.probabilities is None
    assert SEVERAL in found.digit.warnings


def test_a_crowd_stays_a_crowd_with_any_pen() -> None:
    for ink in (0.1, 0.3, 0.6):
        found = read(np.maximum(page_of("o|o"), np.float32(ink)))
        assert found.probabilities is None
        assert SEVERAL in found.digit.warnings


def test_one_of_two_digits_is_read_with_a_warning() -> None:
    found = read(page_of("o o"))
    assert found.probabilities is not None
    assert SEVERAL in found.digit.warnings


def test_a_bar_beside_another_is_not_believed() -> None:
    found = read(page_of("| |"))
    assert found.probabilities is None
    assert SEVERAL in found.digit.warnings


def test_a_bar_at_the_edge_is_not_believed_but_a_ring_is() -> None:
    wide = np.pad(page_of("|"), ((30, 30), (0, 60), (0, 0)), constant_values=1)
    assert label(at_left(wide, 6)) == 1
    assert label(at_left(wide, 0)) is None
    ring = np.pad(page_of("o"), ((30, 30), (0, 60), (0, 0)), constant_values=1)
    assert label(at_left(ring, 0)) == 0


def test_a_bar_in_a_picture_cut_close_around_it_is_believed() -> None:
    bar = at_left(page_of("|"), 5)
    rows = np.flatnonzero((bar[:, :, 0] < 0.5).any(axis=1))
    assert label(bar[rows[0] : rows[-1] + 1, :20]) == 1


def test_a_pale_edge_is_not_believed_however_high_it_is() -> None:
    bar = at_left(page_of("|"), 5)
    rows = np.flatnonzero((bar[:, :, 0] < 0.5).any(axis=1))
    close = bar[rows[0] : rows[-1] + 1, :20]
    assert label(close) == 1
    assert label(np.maximum(close, np.float32(0.85))) is None


def test_bars_beside_one_need_not_be_as_dark_as_it_is() -> None:
    page = page_of("|   |   |")
    first = int(np.flatnonzero((page[:, :, 0] < 0.5).any(axis=0))[0])
    alone, paler = page.copy(), page.copy()
    alone[:, first + 15 :] = 1
    paler[:, first + 15 :] = 1 - 0.42 * (1 - paler[:, first + 15 :])
    assert label(alone) == 1
    assert label(paler) is None


def test_a_bar_that_has_no_two_sides_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.pad(page_of("|"), ((30, 30), (30, 30), (0, 0)), constant_values=1)
    assert label(page) == 1
    monkeypatch.setattr(edges, "has_two_sides", lambda digit: False)
    assert label(page) is None
    assert label(page_of("o")) == 0


def test_the_rim_of_a_lamp_is_no_ring_of_ink() -> None:
    ring = np.pad(page_of("o"), ((30, 30), (30, 30), (0, 0)), constant_values=1)
    down, across = np.mgrid[: ring.shape[0], : ring.shape[1]]
    rows, columns = np.nonzero(ring[:, :, 0] < 0.5)
    far = np.hypot((down - rows.mean()) / np.ptp(rows), (across - columns.mean()) / np.ptp(columns))
    inside = (far < 0.5)[:, :, None]
    assert label(ring) == 0
    assert label(np.where(inside, ring, np.float32(0.6) * ring)) is None


def test_an_answer_that_is_not_sure_is_asked_for_again_and_its_doubt_that_it_is_one_stays() -> None:
    first, second = np.array([[0.5, 0.2, 0.3]]), np.array([[0.1, 0.3, 0.6]])
    reader = DigitReader(lambda _: first, lambda digit: digit, DIGITS, lambda _: second)
    answer = reader.read_one(page_of("o")).probabilities
    assert answer == pytest.approx([0.7 * 0.1 / 0.4, 0.7 * 0.3 / 0.4, 0.3])


def test_a_sure_answer_is_not_asked_for_again() -> None:
    def never(_: NDArray[np.uint8]) -> NDArray[np.float64]:
        raise AssertionError

    sure = np.array([[0.96, 0.02, 0.02]])
    reader = DigitReader(lambda _: sure, lambda digit: digit, DIGITS, never)
    assert reader.read_one(page_of("o")).probabilities == pytest.approx(sure[0])
