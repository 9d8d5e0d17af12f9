"""Whatever people bring along, only documented errors come out.

BPNET_FUZZ=N reads N times as many inputs; `scripts/fuzz.py` goes on for as long as you like.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bpnet.errors import ConfigError, DataError
from tests.helpers.fuzz import target as checker
from tests.helpers.fuzz.choices import Choices
from tests.helpers.fuzz.target import Finding, Target, check
from tests.helpers.fuzz.targets import TARGETS

FACTOR = int(os.environ.get("BPNET_FUZZ", "1"))
INPUTS = {"idx": 1000, "checkpoint": 100, "config": 200, "set": 1500, "picture": 300, "stdin": 60}
INPUTS |= {"import": 300, "weights": 200}


def fuzz(target: Target, folder: Path, inputs: int) -> None:
    """Let a target read inputs that Hypothesis chooses, the same ones every time."""

    @settings(
        max_examples=inputs,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=120))
    def read(data: bytes) -> None:
        check(target, data, folder)

    read()


@pytest.mark.parametrize("name", TARGETS)
def test_only_documented_errors_come_out(name: str, tmp_path: Path) -> None:
    for seed in TARGETS[name].seeds():
        check(TARGETS[name], seed, tmp_path)
    fuzz(TARGETS[name], tmp_path, INPUTS[name] * FACTOR)


@pytest.mark.parametrize("name", TARGETS)
def test_the_first_seed_is_a_good_input(name: str, tmp_path: Path) -> None:
    """Else nothing behind the first check of a reader would be reached."""
    TARGETS[name].prepare(Choices(TARGETS[name].seeds()[0]), tmp_path)()


class TestTheChecker:
    """It finds what is planted."""

    def planted(self, read: Callable[[bytes], object]) -> Target:
        def prepare(choices: Choices, folder: Path) -> Callable[[], object]:
            data = choices.rest()
            return lambda: read(data)

        return Target("planted", frozenset({3}), prepare, list)

    def test_an_error_that_is_not_documented(self, tmp_path: Path) -> None:
        def read(data: bytes) -> None:
            if len(data) > 3 and data[1] > 200:
                raise ValueError("planted")

        with pytest.raises(ValueError, match="planted"):
            fuzz(self.planted(read), tmp_path, 200)

    def test_another_exit_code(self, tmp_path: Path) -> None:
        def read(data: bytes) -> None:
            raise ConfigError("planted") if len(data) > 3 else DataError("documented")

        with pytest.raises(Finding, match="exit code 2"):
            fuzz(self.planted(read), tmp_path, 100)

    def test_a_message_that_nobody_reads(self, tmp_path: Path) -> None:
        def read(data: bytes) -> None:
            raise DataError("long", details=["x" * 1_000] * 100)

        with pytest.raises(Finding, match="100304 characters"):
            check(self.planted(read), b"", tmp_path)

    def test_a_read_without_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def read(data: bytes) -> None:
            while True:
                try:
                    sum(range(1000))
                except Exception:  # what bpnet catches must not keep it alive
                    continue

        monkeypatch.setattr(checker, "MOST_SECONDS", 0.2)
        with pytest.raises(Finding, match="for one input"):
            check(self.planted(read), b"", tmp_path)

    @pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
    def test_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checker, "MOST_MEMORY", 50_000_000)
        check(self.planted(lambda data: b"x" * 10_000_000), b"", tmp_path)
        with pytest.raises(Finding, match="MB for one input"):
            check(self.planted(lambda data: b"x" * 100_000_000), b"", tmp_path)
