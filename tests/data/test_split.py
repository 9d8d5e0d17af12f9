"""Check that held-out samples are a fair share of every class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.data.split import stratified_split
from bpnet.seeding import derive_rng


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    share=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 99),
)
def test_stratified_split_takes_each_class_s_share_and_every_sample_once(
    counts: list[int], share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    held_out = int(share * len(labels))
    training, validation = stratified_split(labels, held_out, rng)
    assert np.array_equal(np.sort(np.concatenate([training, validation])), np.arange(len(labels)))
    assert len(validation) == held_out
    assert (np.diff(training) > 0).all()
    assert (np.diff(validation) > 0).all()
    exact = np.array(counts) * held_out / len(labels)
    taken = np.bincount(labels[validation], minlength=len(counts))
    assert (np.abs(taken - exact) < 1).all()


def test_within_a_class_chance_decides_and_the_seed_repeats_it() -> None:
    labels = np.repeat([0, 1], 200)
    one, same, other = (
        stratified_split(labels, 40, derive_rng(seed, "validation"))[1] for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.ptp(one[labels[one] == 0]) > 100


@pytest.mark.parametrize("held_out", [0, 3])
def test_numbers_instead_of_classes_are_held_out_at_random(held_out: int) -> None:
    targets = np.linspace(0, 1, 20).reshape(10, 2)
    training, validation = stratified_split(targets, held_out, np.random.default_rng(0))
    assert (len(training), len(validation)) == (10 - held_out, held_out)
