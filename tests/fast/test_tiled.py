"""The convolution that unrolls tiles against the plain layers."""

from typing import Any

import numpy as np
import pytest

from bpnet.fast import sizes, tiled
from bpnet.fast.tiled import TiledConv
from bpnet.nn.conv import Conv
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory, Room
from tests.helpers.fused_cases import (
    Case,
    count_blocks,
    cut_into_blocks,
    differing,
    draw_tiled,
    results_of,
)
from tests.helpers.gradients import assert_close
from tests.helpers.places import needs_assertions

DRAWN = [draw_tiled(np.random.default_rng(seed)) for seed in range(50)]
REAL = [  # layers of the presets, and one with more filters than numbers in a window
    Case((1, 28, 28), 24, 5, pool_size=2, relu=True, batch=3),
    Case((1, 28, 28), 6, 5, padding=2, pool_size=2, relu=True, batch=4),
    Case((6, 14, 14), 16, 5, pool_size=2, relu=True, batch=2),
    Case((1, 28, 28), 32, relu=True, batch=2),
    Case((2, 9, 7), 40, kernel_size=1, pool_size=3, bias=False, batch=2),
]
BLOCKS = [1, 800, 10**9]  # rows one by one, several at a time, all at once


@pytest.mark.parametrize("case", [*DRAWN, *REAL])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_tiled_and_plain_are_equal(
    case: Case, block: int, dtype: type, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, block)
    plain = results_of(case, case.plain(), dtype)
    assert plain.keys() == {"output", "input", "weight"} | ({"bias"} if case.bias else set())
    assert_close(results_of(case, case.fused(), dtype), plain, tolerance)


@pytest.mark.parametrize("case", [*DRAWN[:10], *REAL])
def test_they_are_equal_where_nobody_wants_the_gradient_of_the_input(case: Case) -> None:
    found, expected = (
        results_of(case, layer, wants_input_gradient=False)
        for layer in (case.fused(), case.plain())
    )
    assert "input" not in expected
    assert_close(found, expected, 1e-12)


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
    left_over = [case.conv().output_shape[1] % case.pool_size for case in DRAWN]
    assert {0, 1, 2} == set(left_over)
    pooled = [case for case in DRAWN if case.pool_size > 1]
    assert {case.filters >= sizes.chosen().many_filters for case in pooled} == {True, False}
    shapes = [allocate(case).filters.shape for case in (*DRAWN, *REAL)]
    assert {tall > wide for tall, wide in shapes} == {True, False}
    counts = []
    for block in BLOCKS:
        cut_into_blocks(monkeypatch, block)
        counts.append([blocks_and_rows(case) for case in DRAWN])
    assert all(blocks == rows for blocks, rows in counts[0])
    assert any(1 < blocks < rows and rows % blocks for blocks, rows in counts[1])
    assert all(blocks == 1 for blocks, _ in counts[2])


def allocate(case: Case) -> tiled.TiledCache:
    layer = TiledConv(case.conv(), case.pool_size, case.relu)
    memory = Memory(np.float64, training=True)
    return layer.allocate(Room(case.batch, memory, {}, wants_input_gradient=True))


def blocks_and_rows(case: Case) -> tuple[int, int]:
    return count_blocks(allocate(case)), case.fused().output_shape[1]


class CrookedTiles(TiledConv):
    """Add what two columns of a window give to one another's place."""

    def window_sums(self, *arguments: Any, **options: Any) -> list[tuple[Array, Array]]:
        (place, elements), (other_place, other_elements), *rest = super().window_sums(
            *arguments, **options
        )
        return [(place, other_elements), (other_place, elements), *rest]


class OnePlaceTwice(TiledConv):
    """Count one place of the tiles twice, and another not at all, in the filters' gradient."""

    def __init__(self, conv: Conv, pool_size: int, relu: bool) -> None:
        super().__init__(conv, pool_size, relu)
        self.layout.elements[0] = self.layout.elements[1]


class DeafToBias(TiledConv):
    """Leave the bias of the last filter out."""

    def __init__(self, conv: Conv, pool_size: int, relu: bool) -> None:
        super().__init__(conv, pool_size, relu)
        self.layout.numbers[-1, -1] = self.layout.parameters  # where a zero stands


@pytest.mark.parametrize(
    ("wrong", "planted"),
    [
        (CrookedTiles, {"input"}),
        (OnePlaceTwice, {"weight", "bias"}),
        (DeafToBias, {"output", "input", "weight", "bias"}),
    ],
)
def test_a_planted_bug_is_caught(wrong: type[TiledConv], planted: set[str]) -> None:
    case = Case((2, 9, 8), 3, pool_size=2, relu=True, batch=4)
    found = results_of(case, wrong(case.conv(), 2, relu=True))
    expected = results_of(case, case.plain())
    assert differing(found, expected) == planted


@needs_assertions
def test_a_stride_is_left_to_the_plain_layer() -> None:
    with pytest.raises(AssertionError):
        TiledConv(Conv((1, 9, 9), 2, 3, stride=2))
