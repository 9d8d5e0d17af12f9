"""The fast 3×3 convolution against the plain layers."""

import numpy as np
import pytest

from bpnet.fast.stages import tile_for
from bpnet.fast.winograd import WinogradConv
from bpnet.fast.winograd_cache import WinogradCache
from bpnet.fast.winograd_maps import MATRICES
from bpnet.nn.conv import Conv
from bpnet.nn.memory import Memory, Room
from tests.helpers.fitting import fit
from tests.helpers.fused_cases import (
    Case,
    count_blocks,
    cut_into_blocks,
    differing,
    draw_winograd,
    results_of,
)
from tests.helpers.gradients import Trial, assert_close
from tests.helpers.places import needs_assertions

DRAWN = [draw_winograd(np.random.default_rng(seed)) for seed in range(50)]
REAL = [
    Case((24, 12, 12), 32, pool_size=2, relu=True, batch=4, tile=2),
    Case((16, 10, 14), 20, relu=True, batch=3, tile=4),
    Case((32, 26, 26), 64, pool_size=2, relu=True, batch=2, tile=4),
    Case((3, 3, 3), 1, tile=4),  # one tile, of which a sixteenth is wanted
]
BLOCKS = [1, 1500, 10**9]  # tiles one by one, several at a time, as many as there are


@pytest.mark.parametrize("case", [*DRAWN, *REAL])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_fast_and_plain_are_equal(
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
    tiles = {(case.tile, case.pool_size) for case in DRAWN}
    assert tiles == {(2, 1), (2, 2), (4, 1), (4, 2), (4, 4)}
    for name, values in {
        "padding": {0, 1, 2, 5},
        "bias": {True, False},
        "relu": {True, False},
        "batch": {1, 2, 3, 4, 5},
    }.items():
        assert {getattr(case, name) for case in DRAWN} == values
    for tile in (2, 4):
        sides = [case.conv().output_shape[1:] for case in DRAWN if case.tile == tile]
        assert {side % tile for pair in sides for side in pair} == set(range(tile))
    counts, strips = [], []
    for block in BLOCKS:
        cut_into_blocks(monkeypatch, block)
        counts.append([blocks_and_tiles(case) for case in DRAWN])
        strips.append([strip_and_rows(case) for case in DRAWN])
    assert all(blocks == across for blocks, across in counts[0])
    assert any(1 < blocks < across and across % blocks for blocks, across in counts[1])
    assert all(blocks == 1 for blocks, _ in counts[2])
    assert all(at_once == 1 for at_once, _ in strips[0])
    assert any(1 < at_once < rows and rows % at_once for at_once, rows in strips[1])
    assert all(at_once == rows for at_once, rows in strips[2])


def allocate(case: Case) -> WinogradCache:
    layer = WinogradConv(case.conv(), case.tile, case.pool_size, case.relu)
    memory = Memory(np.float64, training=True)
    return layer.allocate(Room(case.batch, memory, {}, wants_input_gradient=True))


def blocks_and_tiles(case: Case) -> tuple[int, int]:
    """Return into how many blocks a row is cut, and how many tiles it has."""
    layer = case.fused()
    return count_blocks(allocate(case)) // layer.rows, layer.across


def strip_and_rows(case: Case) -> tuple[int, int]:
    """Return how many rows of tiles add up their gradients at a time, and how many there are."""
    layer, strip = case.fused(), allocate(case).strip
    assert strip is not None
    return (strip.shape[1] - layer.window) // layer.tile + 1, layer.rows


@pytest.mark.parametrize("relu", [False, True])
def test_kinks_are_those_of_the_pool_where_tiles_reach_beyond_the_output(relu: bool) -> None:
    case = Case((3, 16, 12), 4, pool_size=2, relu=relu, batch=2, tile=4)
    fused, plain = case.fused(), case.plain()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*case.input_shape, case.batch))
    found = []
    for layer in (fused, plain):
        trial = Trial(layer, np.random.default_rng(1))
        cache = trial.cache(case.batch)
        found.append((trial.forward(x, cache).copy(), cache))
    (_, cache), (output, (_, pool, *_)) = found
    assert fused.rows * fused.tile > case.conv().output_shape[1]
    expected = [mask & (output > 0) if relu else mask for mask in pool.is_maximum]
    np.testing.assert_array_equal(fused.kinks(cache), expected)


# The maps


@pytest.mark.parametrize("tile", MATRICES)
@pytest.mark.parametrize("number", range(3))
def test_one_wrong_number_in_a_map_is_caught(
    tile: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case((4, 9, 7), 3, batch=2, tile=tile)
    expected = results_of(case, case.plain())
    right = MATRICES[tile]
    for place in np.argwhere(right[number]):
        wrong = [matrix.astype(float) for matrix in right]
        wrong[number][tuple(place)] *= 1.001
        monkeypatch.setitem(MATRICES, tile, (wrong[0], wrong[1], wrong[2]))
        found = results_of(case, case.fused())
        assert differing(found, expected) >= {"output", "input", "weight"}, place


@pytest.mark.parametrize("tile", MATRICES)
def test_the_maps_convolve_along_a_line(tile: int) -> None:
    filters, inputs, outputs = MATRICES[tile]
    rng = np.random.default_rng(0)
    window, weights = rng.normal(size=tile + 2), rng.normal(size=3)
    found = outputs @ ((filters @ weights) * (inputs @ window))
    np.testing.assert_allclose(found, np.correlate(window, weights), rtol=0, atol=1e-13)


# Where it is the faster way


@pytest.mark.parametrize(
    ("conv", "pool_size", "expected"),
    [
        (Conv((32, 26, 26), 64, 3), 1, 4),
        (Conv((32, 26, 26), 64, 3), 2, 4),
        (Conv((32, 26, 26), 64, 3), 4, 4),
        (Conv((32, 26, 26), 64, 3), 3, None),  # no tile holds whole blocks of 3×3
        (Conv((24, 12, 12), 32, 3), 1, 2),  # 10×10 of 12×12 outputs wanted with tiles of 4×4
        (Conv((24, 12, 12), 32, 3), 2, 2),
        (Conv((24, 12, 12), 32, 3), 4, 4),  # pooling keeps 8×8 of them
        (Conv((24, 12, 12), 32, 3, padding=1), 1, 4),
        (Conv((64, 7, 7), 64, 3), 1, None),  # 5×5 of 6×6
        (Conv((16, 28, 28), 16, 3), 1, 4),
        (Conv((15, 28, 28), 16, 3), 1, None),  # too few channels
        (Conv((16, 28, 28), 15, 3), 1, None),
        (Conv((1, 28, 28), 32, 3), 2, None),
        (Conv((32, 26, 26), 64, 5), 1, None),
        (Conv((32, 26, 26), 64, 1), 1, None),
        (Conv((32, 26, 26), 64, 3, stride=2), 1, None),
    ],
)
def test_many_channels_and_full_tiles_are_taken(
    conv: Conv, pool_size: int, expected: int | None
) -> None:
    assert tile_for(conv, pool_size) == expected


@needs_assertions
@pytest.mark.parametrize(("kernel_size", "stride"), [(5, 1), (3, 2)])
def test_other_kernels_and_strides_are_left_to_other_layers(kernel_size: int, stride: int) -> None:
    with pytest.raises(AssertionError):
        WinogradConv(Conv((32, 26, 26), 64, kernel_size, stride))


# Inputs that are not kept


@pytest.mark.parametrize("case", REAL)
@pytest.mark.parametrize("block", BLOCKS)
def test_inputs_that_are_mapped_again_give_the_same_bits(
    case: Case, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, block)
    found = {}
    for kept in (0, 10**9):
        fit(monkeypatch, winograd_kept=kept)
        found[kept] = results_of(case, case.fused(), np.float32)
    assert found[0].keys() == found[10**9].keys()
    for name, array in found[0].items():
        np.testing.assert_array_equal(array, found[10**9][name])


def test_inputs_that_are_not_kept_take_the_memory_of_one_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut_into_blocks(monkeypatch, 1)
    case, reserved = REAL[2], {}
    for kept in (0, 10**9):
        fit(monkeypatch, winograd_kept=kept)
        memory = Memory(np.float32, training=True)
        case.fused().allocate(Room(case.batch, memory, {}, wants_input_gradient=True))
        memory.grow_scratch()
        reserved[kept] = memory.reserved_bytes
    assert reserved[0] < 0.9 * reserved[10**9]
