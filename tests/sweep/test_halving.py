"""Successive halving: after which epochs trials are compared, and which go on."""

import math
from dataclasses import replace

import pytest

from bpnet.sweep.halving import Asha, Halving, rungs
from bpnet.sweep.settings import SweepSettings

SETTINGS = SweepSettings(config="mlp", method="halving", first_epochs=1, keep_one_of=3)


def test_rungs_lie_apart_by_a_factor() -> None:
    assert rungs(SETTINGS, 30) == [1, 3, 9, 27, 30]
    assert rungs(replace(SETTINGS, first_epochs=4, keep_one_of=2), 8) == [4, 8]
    assert rungs(replace(SETTINGS, first_epochs=9), 9) == [9]
    assert rungs(replace(SETTINGS, method="grid"), 30) == [30]


@pytest.mark.parametrize("order", [[1, 2, 3, 4, 5, 6], [6, 2, 4, 1, 5, 3]])
def test_one_of_three_goes_on_whoever_comes_first(order: list[int]) -> None:
    values = {1: 0.5, 2: 0.9, 3: 0.7, 4: 0.9, 5: math.nan, 6: 0.1}
    judge = Halving(SETTINGS, 6)
    for trial in order[:-1]:
        assert judge.rested(trial, 1, values[trial]) == {}
    decided = judge.rested(order[-1], 1, values[order[-1]])
    assert {trial for trial, goes_on in decided.items() if goes_on} == {2, 4}
    assert len(decided) == 6
    assert judge.rested(2, 3, 0.91) == {}
    assert judge.rested(4, 3, 0.92) == {2: False, 4: True}  # the best of two


def test_the_lowest_loss_goes_on() -> None:
    judge = Halving(replace(SETTINGS, goal="validation_loss"), 3)
    judge.rested(1, 1, 0.3)
    judge.rested(2, 1, 0.2)
    assert judge.rested(3, 1, 0.4) == {1: False, 2: True, 3: False}


def test_nobody_goes_on_where_all_have_failed() -> None:
    judge = Halving(SETTINGS, 2)
    judge.rested(1, 1, math.nan)
    assert judge.rested(2, 1, math.nan) == {1: False, 2: False}


def test_without_waiting_a_trial_is_compared_with_those_before_it() -> None:
    pytest.importorskip("optuna", reason="needs the extra `sweep`")
    judge = Asha(replace(SETTINGS, method="asha"))
    assert judge.rested(1, 1, 0.5) == {1: True}
    assert judge.rested(2, 1, 0.4) == {2: False}
    assert judge.rested(3, 1, 0.6) == {3: True}
    assert judge.rested(4, 1, math.nan) == {4: False}
    assert judge.rested(1, 3, 0.7) == {1: True}
    assert judge.rested(3, 3, 0.6) == {3: False}
