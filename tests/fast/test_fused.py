"""What holds for a convolution with pooling and ReLU, whichever way it is computed."""

import dataclasses
import tracemalloc
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from bpnet.fast import rows, winograd
from bpnet.fast.peaks import Flags, keep_largest, mark_first, send_back
from bpnet.nn.layer import Array
from bpnet.nn.memory import Memory, Room
from tests.helpers.fused_cases import (
    Case,
    count_blocks,
    cut_into_blocks,
    differing,
    mark_behind,
    results_of,
)
from tests.helpers.gradients import Trial, assert_close

CASES = {
    "direct": Case((2, 9, 11), 3, padding=1, batch=6),
    "direct_pooled": Case((3, 12, 9), 4, 4, 0, pool_size=2, relu=True, batch=6),
    "direct_many": Case((2, 10, 9), 25, pool_size=3, relu=True, batch=6),
    "direct_left_over": Case((1, 11, 13), 2, 2, 1, bias=False, pool_size=3, batch=6),
    "winograd_rows": Case((3, 13, 18), 4, 3, 1, relu=True, pool_size=2, batch=6, in_rows=True),
    "winograd_2": Case((3, 9, 11), 4, bias=False, relu=True, batch=6, tile=2),
    "winograd_2_pooled": Case((3, 8, 19), 4, pool_size=2, batch=6, tile=2),
    "winograd_2_many": Case((2, 6, 16), 64, batch=6, tile=2),
    "winograd_4": Case((4, 9, 23), 3, padding=1, batch=6, tile=4),
    "winograd_4_pooled": Case((2, 10, 22), 5, pool_size=2, relu=True, batch=6, tile=4),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def module_of(case: Case) -> ModuleType:
    return winograd if case.tile and not case.in_rows else rows


def trial_of(case: Case, dtype: type = np.float64, *, training: bool = True) -> Trial:
    return Trial(case.fused(), np.random.default_rng(0), dtype, training=training)


def arguments_of(case: Case, batch: int, dtype: type = np.float64) -> tuple[Array, Array]:
    """Draw an input and a gradient of the output."""
    rng = np.random.default_rng(batch)
    layer = case.fused()
    x, grad_output = (
        rng.normal(size=(*shape, batch)) for shape in (layer.input_shape, layer.output_shape)
    )
    return x.astype(dtype), grad_output.astype(dtype)


# What a layer announces


@every_case
def test_a_fused_layer_announces_what_the_plain_ones_do(case: Case) -> None:
    fused, plain = case.fused(), case.plain()
    assert fused.kind == "conv"
    for name in ("input_shape", "output_shape", "parameter_shapes", "state_shapes"):
        assert getattr(fused, name) == getattr(plain, name)
    assert fused.multiply_adds() == case.conv().multiply_adds()


# Memory


@every_case
@pytest.mark.parametrize("block", [1, 3000, 6000, 10**9])
def test_short_batches_work_in_the_memory_of_a_full_one(
    case: Case, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, block)
    sizes = (6, 2, 1)
    arguments = {batch: arguments_of(case, batch) for batch in sizes}
    expected = {}
    for batch in sizes:
        fresh = trial_of(case)
        expected[batch] = fresh.run(*arguments[batch], fresh.cache(batch))
    trial = trial_of(case)
    caches = {batch: trial.cache(batch) for batch in sizes}
    for batch in (6, 2, 6, 1, 2, 6):
        trial.memory.poison()
        for gradient in trial.gradients.values():
            gradient.fill(np.nan)
        assert_close(trial.run(*arguments[batch], caches[batch]), expected[batch], 1e-13)


def test_a_short_batch_is_cut_into_fewer_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for case in CASES.values():
        fewer = False
        for block in (600, 3000, 6000):
            cut_into_blocks(monkeypatch, block)
            trial = trial_of(case)
            full, short = (count_blocks(trial.cache(batch)) for batch in (6, 1))
            fewer |= short < full
        assert fewer, case


@every_case
@pytest.mark.parametrize("block", [1, 3000, 10**9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inference_gives_the_bits_that_training_gives(
    case: Case, block: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, block)
    x, _ = arguments_of(case, 6, dtype)
    training, inference = trial_of(case, dtype), trial_of(case, dtype, training=False)
    expected = training.forward(x, training.cache(6))
    np.testing.assert_array_equal(inference.forward(x, inference.cache(6)), expected)


@every_case
def test_a_gradient_in_any_order_of_memory_is_read_alike(case: Case) -> None:
    x, grad_output = arguments_of(case, 6)
    trial = trial_of(case)
    expected = trial.run(x, grad_output, trial.cache(6))
    border = np.pad(grad_output, ((0, 0), (1, 1), (1, 1), (0, 0)))  # as a padded layer returns it
    found = trial.run(x, border[:, 1:-1, 1:-1], trial.cache(6))
    assert_close(found, expected, 0.0)


@pytest.mark.parametrize(
    "case",
    [
        Case((3, 28, 28), 24, 5, 2, pool_size=2, relu=True, batch=64),
        Case((16, 26, 26), 24, pool_size=2, relu=True, batch=64, tile=2),
        Case((16, 26, 26), 24, padding=1, relu=True, batch=64, tile=4),
    ],
)
def test_a_step_allocates_nothing_large(case: Case) -> None:
    trial = trial_of(case, np.float32)
    x, grad_output = arguments_of(case, case.batch, np.float32)
    cache = trial.cache(case.batch)
    tracemalloc.start()
    try:
        trial.layer.forward(x, cache)
        trial.layer.backward(grad_output, cache)
        peak = tracemalloc.get_traced_memory()[1]
        fresh = cache.output.copy()  # the measure sees an activation that is allocated
        with_copy = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.3 * min(x.nbytes, fresh.nbytes)
    assert with_copy > fresh.nbytes


@every_case
def test_inference_uses_the_memory_of_one_block_for_all(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_into_blocks(monkeypatch, 1)
    reserved = {}
    for training in (True, False):
        memory = Memory(np.float32, training=training)
        case.fused().allocate(Room(6, memory, {}, wants_input_gradient=training))
        memory.grow_scratch()
        reserved[training] = memory.reserved_bytes
    assert reserved[False] < 0.8 * reserved[True]


# Ties, and numbers that are not finite


def whole_numbers(case: Case) -> tuple[Array, Array]:
    """Draw an input of few whole numbers, blank in one half, and a gradient of the output."""
    x, grad_output = arguments_of(case, case.batch)
    x = np.clip(np.rint(x), -1, 1)
    x[:, :, : x.shape[2] // 2] = 0
    return x, np.rint(4 * grad_output)


def results_with_ties(case: Case, trial: Trial) -> dict[str, Array]:
    """Run a layer in which every order of summation gives the same sums, many of them equal."""
    for values in trial.parameters.values():
        np.clip(np.rint(values), -2, 2, out=values)
    return trial.run(*whole_numbers(case), trial.cache(case.batch))


EXACT = {  # 4×4 tiles divide by 24, so that rounding decides between equal sums
    name: dataclasses.replace(case, pool_size=max(2, case.pool_size))
    for name, case in CASES.items()
    if case.tile != 4
}


@pytest.mark.parametrize("case", EXACT.values(), ids=EXACT.keys())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_of_equal_maxima_gets_the_gradient(case: Case, dtype: type) -> None:
    fused, plain = (
        results_with_ties(case, Trial(layer, np.random.default_rng(0), dtype))
        for layer in (case.fused(), case.plain())
    )
    for name, values in plain.items():
        np.testing.assert_array_equal(fused[name], values, err_msg=name)


def mark_last(
    places: Sequence[Array],
    largest: Array,
    found: Flags,
    is_largest: Sequence[Flags],
    *,
    above: Array | float | None,
) -> None:
    mark_first(places[::-1], largest, found, is_largest[::-1], above=above)


@pytest.mark.parametrize("case", EXACT.values(), ids=EXACT.keys())
def test_the_last_of_equal_maxima_is_the_wrong_one(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_of(case), "mark_first", mark_last)
    fused, plain = (
        results_with_ties(case, Trial(layer, np.random.default_rng(0)))
        for layer in (case.fused(), case.plain())
    )
    wrong = {name for name, values in plain.items() if (fused[name] != values).any()}
    assert wrong == {"input", "weight"}
    assert not differing(results_of(case, case.fused()), results_of(case, case.plain()))


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.pool_size > 1])
def test_a_gradient_at_the_place_behind_is_caught(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_of(case), "mark_first", mark_behind)
    found, expected = (results_of(case, layer) for layer in (case.fused(), case.plain()))
    assert differing(found, expected) == {"input", "weight"}


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.pool_size > 1 and not case.padding]
)
def test_whichever_of_equal_maxima_is_taken_parameters_get_the_same(case: Case) -> None:
    x, grad_output = arguments_of(case, case.batch)
    x[:, :, 5:] = -0.42  # a blank part, as in pictures of digits
    results = []
    for layer in (case.fused(), case.plain()):
        trial = Trial(layer, np.random.default_rng(0))
        results.append(trial.run(x, grad_output, trial.cache(case.batch)))
        results[-1]["input"] = results[-1]["input"].sum(axis=(1, 2))
    assert_close(results[0], results[1], 1e-12)


@every_case
def test_a_number_that_is_not_finite_is_not_lost(case: Case) -> None:
    x, _ = arguments_of(case, 6)
    x[0, 4, 4, 2] = np.nan
    outputs = []
    for layer in (case.fused(), case.plain()):
        trial = Trial(layer, np.random.default_rng(0))
        outputs.append(trial.forward(x, trial.cache(6)))
    fused, plain = (np.isnan(output) for output in outputs)
    assert plain[..., 2].any()
    assert (fused >= plain).all()
    assert not np.delete(fused, 2, axis=-1).any()


# Peaks


@pytest.mark.parametrize("count", [1, 2, 4, 9])
@pytest.mark.parametrize("relu", [True, False])
def test_peaks_are_the_first_largest_values(count: int, relu: bool) -> None:
    rng = np.random.default_rng(count)
    values = rng.integers(-2, 2, (count, 3, 40)).astype(np.float32)  # many are equal
    places = list(values)
    largest = values[0].copy()
    if count > 1:
        keep_largest(places, largest)
    np.testing.assert_array_equal(largest, values.max(axis=0))
    nowhere = largest <= 0 if relu else np.zeros((3, 40), dtype=np.bool_)
    marks = np.ones((count, 3, 40), dtype=np.bool_)
    expected = first_largest(values, nowhere)
    mark_first(places, largest, np.ones_like(nowhere), list(marks), above=0 if relu else None)
    np.testing.assert_array_equal(marks, expected)
    grad = rng.normal(size=(3, 40)).astype(np.float32)
    send_back(grad, list(marks), places)
    np.testing.assert_array_equal(values, expected * grad)


def first_largest(values: Array, nowhere: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the first largest of several values, but in some columns none."""
    first = np.arange(len(values))[:, None, None] == values.argmax(axis=0)
    marked: NDArray[np.bool_] = first & ~nowhere
    return marked


def test_a_gradient_may_be_sent_back_to_where_it_lies() -> None:
    grad = np.arange(4.0)
    send_back(grad, [np.array([True, False, True, True])], [grad])
    np.testing.assert_array_equal(grad, [0, 0, 2, 3])
