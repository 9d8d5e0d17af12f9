"""Convolutions row by row against the plain layers."""

import numpy as np
import pytest

from bpnet.fast.direct import DirectConv
from bpnet.fast.rows import RowConv
from bpnet.fast.rows_cache import RowCache
from bpnet.fast.winograd_rows import WinogradRowConv
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory, Room
from tests.helpers.fitting import fit
from tests.helpers.fused_cases import (
    Case,
    count_blocks,
    cut_into_blocks,
    differing,
    draw_direct,
    draw_winograd_rows,
    results_of,
)
from tests.helpers.gradients import assert_close
from tests.helpers.places import needs_assertions

DRAWN = [draw_direct(np.random.default_rng(seed)) for seed in range(50)]
WINOGRAD = [draw_winograd_rows(np.random.default_rng(seed)) for seed in range(30)]
REAL = [  # layers of the presets, and one with more filters than numbers in a window
    Case((1, 28, 28), 24, 5, pool_size=2, relu=True, batch=3),
    Case((1, 28, 28), 6, 5, padding=2, pool_size=2, relu=True, batch=4),
    Case((6, 14, 14), 16, 5, pool_size=2, relu=True, batch=2),
    Case((1, 28, 28), 32, relu=True, batch=2),
    Case((24, 12, 12), 32, pool_size=2, relu=True, batch=3, tile=2, in_rows=True),
    Case((2, 9, 7), 40, kernel_size=1, pool_size=3, bias=False, batch=2),
]
BLOCKS = [1, 800, 10**9]  # rows one by one, several at a time, all at once


@pytest.mark.parametrize("case", [*DRAWN, *WINOGRAD, *REAL])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_row_by_row_and_plain_are_equal(
    case: Case, block: int, dtype: type, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, block)
    plain = results_of(case, case.plain(), dtype)
    assert plain.keys() == {"output", "input", "weight"} | ({"bias"} if case.bias else set())
    assert_close(results_of(case, case.fused(), dtype), plain, tolerance)


@pytest.mark.parametrize("case", [*DRAWN[:10], *WINOGRAD[:5], *REAL])
def test_they_are_equal_where_nobody_wants_the_gradient_of_the_input(case: Case) -> None:
    found, expected = (
        results_of(case, layer, wants_input_gradient=False)
        for layer in (case.fused(), case.plain())
    )
    assert "input" not in expected
    assert_close(found, expected, 1e-12)


@pytest.mark.parametrize("most", [0, 20, 200, 1200])
@pytest.mark.parametrize("case", REAL)
def test_they_are_equal_in_whatever_pieces_a_gradient_is_computed(
    case: Case, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(monkeypatch, small_gradient=most)
    assert_close(results_of(case, case.fused()), results_of(case, case.plain()), 1e-12)


def test_the_cases_differ_in_all_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, values in {
        "kernel_size": {1, 2, 3, 4, 5},
        "pool_size": {1, 2, 3},
        "padding": {0, 1, 2, 3},
        "bias": {True, False},
        "relu": {True, False},
        "batch": {1, 2, 3, 4, 5},
    }.items():
        assert {getattr(case, name) for case in DRAWN} == values
    assert any(case.padding >= case.kernel_size for case in DRAWN)
    assert any(case.padding >= case.kernel_size for case in WINOGRAD)
    for cases, left_over in ((DRAWN, {0, 1, 2}), (WINOGRAD, {0, 1})):
        found = {case.conv().output_shape[1] % case.pool_size for case in cases}
        assert found == left_over
    few_rows = [case.fused().rows * case.pool_size < case.kernel_size for case in DRAWN]
    assert {True, False} == set(few_rows)  # no row of the input is seen by K rows of sums
    shapes = [allocate(case).filters.shape for case in (*DRAWN, *REAL)]
    assert {out > kernel * depth for _, out, kernel, depth in shapes} == {True, False}
    counts = []
    for block in BLOCKS:
        cut_into_blocks(monkeypatch, block)
        counts.append([blocks_and_rows(case) for case in DRAWN])
    assert all(blocks == rows for blocks, rows in counts[0])
    assert any(1 < blocks < rows and rows % blocks for blocks, rows in counts[1])
    assert all(blocks == 1 for blocks, _ in counts[2])


def allocate(case: Case) -> RowCache:
    layer = case.fused()
    assert isinstance(layer, RowConv)
    memory = Memory(np.float64, training=True)
    return layer.allocate(Room(case.batch, memory, {}, wants_input_gradient=True))


def blocks_and_rows(case: Case) -> tuple[int, int]:
    return count_blocks(allocate(case)), case.fused().output_shape[1]


class CrookedColumns(DirectConv):
    """Give the gradient of two columns of a window to one another's place."""

    def fold(self, grad_unrolled: Array) -> Array:
        columns = super().fold(grad_unrolled).copy()
        columns[:, :2] = columns[:, 1::-1].copy()
        return columns


class OnePlaceTwice(DirectConv):
    """Count a filter's first place twice, and the other not at all, in the gradient."""

    def read_filters(self, gradient: Array, out: Array) -> None:
        first, second = self._at_each_place(gradient.copy())
        second[...] = first
        super().read_filters(gradient, out)
        out[...] = 2 * first


class DeafToBias(DirectConv):
    """Leave the bias of the last filter out."""

    @property
    def bias(self) -> Array:
        heard = self._bias.copy()
        heard[-1] = 0
        return heard

    @bias.setter
    def bias(self, values: Array) -> None:
        self._bias = values


@pytest.mark.parametrize(
    ("wrong", "planted"),
    [
        (CrookedColumns, {"input"}),
        (OnePlaceTwice, {"weight"}),
        (DeafToBias, {"output", "input", "weight", "bias"}),
    ],
)
def test_a_planted_bug_is_caught(wrong: type[DirectConv], planted: set[str]) -> None:
    case = Case((2, 9, 8), 3, pool_size=2, relu=True, batch=4)
    found = results_of(case, wrong(case.conv(), 2, relu=True))
    expected = results_of(case, case.plain())
    assert differing(found, expected) == planted


class OtherMap(WinogradRowConv):
    """Forget to halve the filters at the inner points."""

    def write_filters(self, out: Array) -> None:
        super().write_filters(out)
        out[1:3] *= 2


def test_a_wrong_map_is_caught() -> None:
    case = Case((3, 8, 10), 4, pool_size=2, batch=3, tile=2, in_rows=True)
    found, expected = (results_of(case, layer) for layer in (OtherMap(case.conv()), case.plain()))
    assert {"output", "input"} <= differing(found, expected)


@needs_assertions
def test_what_they_cannot_compute_is_left_to_others() -> None:
    with pytest.raises(AssertionError):
        DirectConv(Conv((1, 9, 9), 2, 3, stride=2))
    with pytest.raises(AssertionError):
        WinogradRowConv(Conv((1, 9, 9), 2, 5))
