"""A pytest plugin that notes which test runs which line, and how long each test takes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

DURATIONS = Path("durations.json")
durations: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Name the lines that run from now on after this test."""
    coverage = Coverage.current()
    assert coverage is not None, "run pytest under `coverage run`"
    coverage.switch_context(item.nodeid)
    began = time.perf_counter()
    result = yield
    durations[item.nodeid] = time.perf_counter() - began
    coverage.switch_context("")
    return result


def pytest_sessionfinish() -> None:
    """Write the durations of all tests."""
    DURATIONS.write_text(json.dumps(durations), encoding="utf-8")
