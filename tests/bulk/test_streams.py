"""Results come in order, each once, and few at a time, whoever computes them."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bpnet.bulk.streams import HELD, in_order

COUNT = 60


@pytest.mark.parametrize("takes_part", [False, True])
def test_results_come_in_order_each_once(takes_part: bool) -> None:
    rng = random.Random(1)
    calls: list[tuple[str, int]] = []
    most = 0
    consumed = 0

    def compute(number: int, where: str) -> int:
        calls.append((where, number))
        time.sleep(rng.random() / 1000)
        return number * number

    with ThreadPoolExecutor(3) as others:

        def submit(number: int) -> "Future[int]":
            nonlocal most
            most = max(most, number - consumed)
            return others.submit(compute, number, "there")

        here: Callable[[int], int] | None = None
        if takes_part:

            def here(number: int) -> int:
                return compute(number, "here")

        found: list[int] = []
        for result in in_order(submit, range(5, COUNT), lambda: 4, here):
            consumed = 5 + len(found)
            found.append(result)
    assert found == [number * number for number in range(5, COUNT)]
    assert sorted(number for _, number in calls) == list(range(5, COUNT))
    assert ({where for where, _ in calls} == {"here", "there"}) is takes_part
    assert most <= 4 * HELD + HELD


def test_an_error_comes_when_its_turn_is() -> None:
    def compute(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    with ThreadPoolExecutor(2) as others:
        results = in_order(lambda number: others.submit(compute, number), range(9), lambda: 9)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="two"):
            next(results)
