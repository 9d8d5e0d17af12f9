"""Learning rates at points that are known, and behind the end of a run that was extended."""

import math
from typing import Any

import pytest

from bpnet.config.settings import ScheduleConfig
from bpnet.training.schedule import Schedule

PEAK = 0.5
STEPS = 10  # in an epoch


def rates(name: str, ends: tuple[int, ...] = (4,), **settings: Any) -> list[float]:
    """Return the rate of every step of a run."""
    schedule = Schedule(ScheduleConfig(name=name, **settings), PEAK, STEPS, ends)
    return [schedule.rate(step) for step in range(ends[-1] * STEPS)]


def cosine(part: float) -> float:
    return (1 + math.cos(math.pi * part)) / 2


def test_constant_stays() -> None:
    assert rates("constant") == [PEAK] * 40


def test_steps_drop_after_whole_epochs() -> None:
    found = rates("step", step_epochs=2, step_factor=0.1)
    assert found == pytest.approx([PEAK] * 20 + [0.1 * PEAK] * 20)


def test_cosine_falls_from_the_peak_to_its_final_rate() -> None:
    found = rates("cosine", final=0.2)
    assert found[0] == PEAK
    assert found[20] == pytest.approx(0.6 * PEAK)  # half-way between 1 and 0.2
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(PEAK * (0.2 + 0.8 * cosine(39 / 40)))


def test_one_cycle_rises_and_falls() -> None:
    found = rates("one_cycle", rise=0.25, start=0.04, final=0.0)
    assert found[0] == pytest.approx(0.04 * PEAK)
    assert found[5] == pytest.approx(0.52 * PEAK)  # half-way up
    assert found[10] == PEAK == max(found)
    assert found[25] == pytest.approx(0.5 * PEAK)  # half-way down
    assert found[-1] == pytest.approx(PEAK * cosine(29 / 30))


@pytest.mark.parametrize("name", ["constant", "step", "cosine"])
def test_warm_up_rises_to_the_peak(name: str) -> None:
    found = rates(name, warmup=0.25, start=0.1)
    assert found[0] == pytest.approx(0.1 * PEAK)
    assert found[5] == pytest.approx(0.55 * PEAK)
    assert found[10] == PEAK == max(found)


def test_one_cycle_knows_no_warm_up() -> None:
    assert rates("one_cycle", warmup=0.5) == rates("one_cycle")


@pytest.mark.parametrize("rise", [0.0, 1.0])
def test_a_run_may_rise_never_or_always(rise: float) -> None:
    found = rates("one_cycle", rise=rise, start=0.0)
    assert found == sorted(found, reverse=rise == 0)
    assert max(found) == (PEAK if rise == 0 else pytest.approx(PEAK * 39 / 40))


@pytest.mark.parametrize("name", ["constant", "step"])
def test_extended_runs_go_on_along_constant_and_step(name: str) -> None:
    assert rates(name, (4, 6), step_epochs=1) == rates(name, (6,), step_epochs=1)


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_extended_runs_fall_from_a_tenth_of_the_peak_to_zero(name: str) -> None:
    found = rates(name, (4, 6, 9))
    assert found[:40] == rates(name, (4,))
    for first, count in ((40, 20), (60, 30)):
        expected = [0.1 * PEAK * cosine(step / count) for step in range(count)]
        assert found[first : first + count] == pytest.approx(expected)


def test_a_run_of_one_step_has_a_rate() -> None:
    for name in ("constant", "step", "cosine", "one_cycle"):
        schedule = Schedule(ScheduleConfig(name=name), PEAK, 1, [1])
        assert 0 < schedule.rate(0) <= PEAK
