"""Seeds as a user writes them, and how the scores of their runs lie."""

import math

import pytest

from bpnet.errors import ConfigError
from bpnet.runs.seeds import read_seeds, spread_of


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1-5", [1, 2, 3, 4, 5]),
        ("7", [7]),
        ("1,2,5", [1, 2, 5]),
        ("101-103, 9", [101, 102, 103, 9]),
        ("0-0", [0]),
        (" 1 - 2 ", [1, 2]),
    ],
)
def test_seeds_are_read_in_their_order(text: str, seeds: list[int]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    "text",
    ["", "a", "1-", "-3", "5-1", "1,,2", "1,1", "1-3,2", "1.5", "1-1001", f"{2**63}", "1-9" * 9],
)
def test_what_names_no_seeds_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--seeds does not understand"):
        read_seeds(text)


def test_the_largest_seed_is_told() -> None:
    with pytest.raises(ConfigError, match=r"a seed is at most 9,223,372,036,854,775,807"):
        read_seeds(f"1-{2**63}")


def test_the_spread_is_that_of_the_textbook() -> None:
    spread = spread_of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    assert spread is not None
    assert (spread.runs, spread.mean, spread.lowest, spread.highest) == (8, 5.0, 2.0, 9.0)
    assert spread.standard_deviation == pytest.approx(math.sqrt(32 / 7))
    assert spread.standard_error == pytest.approx(math.sqrt(32 / 7 / 8))


def test_a_single_run_has_no_error_and_runs_without_a_score_no_spread() -> None:
    spread = spread_of([0.5])
    assert spread is not None
    assert (spread.mean, spread.standard_error, spread.standard_deviation) == (0.5, None, None)
    assert spread_of([]) is None
    assert spread_of([0.5, None]) is None
