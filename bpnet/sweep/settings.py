"""Declare what a sweep file may say, and hold all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bpnet.config.setting import ValueReader, setting
from bpnet.config.settings import Override
from bpnet.config.values import LARGEST_SEED, LONGEST_PATH, MOST_EPOCHS, one_of, whole
from bpnet.errors import ConfigError, quoted
from bpnet.runs.seeds import read_seeds

MOST_RUNS = 10_000
GRID, RANDOM, HALVING, ASHA = METHODS = ("grid", "random", "halving", "asha")
ACCURACY, LOSS = GOALS = ("validation_accuracy", "validation_loss")


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(read_seeds(text))
    except ConfigError as error:
        what = f"seeds such as 1-5 or 1,3,7-9, found {quoted(text)}; {error.details[0]}"
        raise ValueError(what) from error


def _name(text: str) -> str:
    if not 1 <= len(text) <= LONGEST_PATH:
        raise ValueError("a config file, a preset or an example, found nothing")
    return text


@dataclass(frozen=True)
class SweepSettings:
    """Hold the section `[sweep]`."""

    config: str = setting(
        "",
        "what is trained: a preset, an example, or a file, its path beginning at the sweep's",
        ValueReader(_name, "a config file, a preset or an example"),
    )
    method: str = setting(
        GRID,
        "grid: every combination | random: drawn ones | halving, asha: likewise, most stop early",
        one_of(*METHODS),
    )
    trials: int = setting(20, "unless grid: combinations to draw", whole(1, MOST_RUNS))
    seeds: tuple[int, ...] = setting(
        (1,), "each combination is trained with all of these", ValueReader(_seeds, "seeds")
    )
    goal: str = setting(
        ACCURACY,
        "what decides: validation_accuracy, the highest | validation_loss, the lowest",
        one_of(*GOALS),
    )
    draw_seed: int = setting(1, "unless grid: seed of the draws", whole(0, LARGEST_SEED))
    first_epochs: int = setting(
        1, "halving, asha: epochs before the first choice", whole(1, MOST_EPOCHS)
    )
    keep_one_of: int = setting(3, "halving, asha: of so many, one goes on", whole(2, 100))

    @property
    def maximizes(self) -> bool:
        """Return whether the highest value is the best."""
        return self.goal == ACCURACY


@dataclass(frozen=True)
class Choices:
    """Hold the values that a setting takes in turn, as texts."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """Hold the bounds between which a number is drawn, both included.

    Args:
        low: the smallest.
        high: the largest.
        is_log: equal ratios are equally likely, and not equal differences.
        is_whole: only whole numbers are drawn.
    """

    low: float
    high: float
    is_log: bool
    is_whole: bool


@dataclass(frozen=True)
class Sweep:
    """Hold a whole sweep file.

    Args:
        settings: its section `[sweep]`.
        fixed: the settings that all runs share, by `section.key`.
        varied: those that differ.
        places: where each of both stands, for messages.
        source: where the file is.
        base: the config that is changed: its file, a preset's or an example's name.
    """

    settings: SweepSettings
    fixed: Mapping[str, str]
    varied: Mapping[str, Choices | Span]
    places: Mapping[str, str]
    source: Path
    base: str

    def overrides(self, changed: Mapping[str, str]) -> tuple[str, ...]:
        """Return settings as a config takes them; errors name the place in the sweep's file."""
        return tuple(
            Override(key, text, self.places.get(key, str(self.source)))
            for key, text in changed.items()
        )
