"""Read which seeds a user means, and sum up what their runs came to."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bpnet.config.values import LARGEST_SEED
from bpnet.errors import ConfigError

MOST_SEEDS = 1000
PART = re.compile(r"\s*(\d{1,19})\s*(?:-\s*(\d{1,19})\s*)?")


def read_seeds(text: str) -> list[int]:
    """Return the seeds that a text such as `1-5`, `101-110` or `1,3,7-9` names, in its order.

    Raises:
        ConfigError: it names none, one twice, one that is too large, or too many.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = PART.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last > LARGEST_SEED:
            raise _not_understood(text, f"a seed is at most {LARGEST_SEED:,}")
        if first > last:
            raise _not_understood(text, f"neither a seed nor a range: {part.strip() or 'nothing'}")
        if last - first >= MOST_SEEDS - len(seeds):
            raise _not_understood(text, f"there may be at most {MOST_SEEDS:,} seeds")
        seeds += range(first, last + 1)
    if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
        raise _not_understood(text, f"a seed comes twice: {twice[0]}")
    return seeds


def _not_understood(text: str, what: str) -> ConfigError:
    return ConfigError(
        "--seeds does not understand this",
        details=[what],
        expected="seeds such as 1-5, 101-110 or 1,3,7-9",
        found=text,
    )


@dataclass(frozen=True)
class Spread:
    """Hold how the values of several runs lie.

    Args:
        runs: how many there are.
        mean: of all.
        standard_deviation: of the runs, `√(Σ (x − mean)² / (n − 1))`; None for a single one.
        standard_error: of the mean, `standard_deviation / √n`; likewise.
        lowest: the smallest value.
        highest: the largest one.
    """

    runs: int
    mean: float
    standard_deviation: float | None
    standard_error: float | None
    lowest: float
    highest: float


def spread_of(values: Sequence[float | None]) -> Spread | None:
    """Return how values lie; None if a run has none."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    deviation = statistics.stdev(known) if len(known) > 1 else None
    error = None if deviation is None else deviation / math.sqrt(len(known))
    return Spread(len(known), statistics.fmean(known), deviation, error, min(known), max(known))
