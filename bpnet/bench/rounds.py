"""Time an action in rounds, and set aside those in which others used the processors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpnet.bench.load import Load, LoadMeter
from bpnet.bench.work import repeat, typical

ROUNDS = 4


@dataclass(frozen=True)
class Round:
    """Hold what was measured in one go.

    Args:
        times: seconds of each run of the action.
        load: what others took meanwhile.
    """

    times: list[float]
    load: Load

    def describe(self, samples: int) -> dict[str, Any]:
        """Return the round in plain numbers.

        Args:
            samples: how many samples the action takes each time.
        """
        return {
            **speeds([self], samples),
            "others_share": self.load.others,
            "stolen_share": self.load.stolen,
            "disturbed": self.load.disturbed,
        }


def take_rounds(action: Callable[[], object], seconds: float, meter: LoadMeter) -> list[Round]:
    """Repeat an action for about some seconds, in rounds: fewer than `ROUNDS` if it is slow."""
    rounds: list[Round] = []
    end = time.perf_counter() + seconds
    while not rounds or time.perf_counter() < end - 0.5 * seconds / ROUNDS:
        meter.start()
        times = repeat(action, seconds / ROUNDS)
        rounds.append(Round(times, meter.read()))
    return rounds


def counted(rounds: Sequence[Round]) -> Sequence[Round]:
    """Return the rounds that were not disturbed, or all if each of them was."""
    return [one for one in rounds if not one.load.disturbed] or rounds


def speeds(rounds: Sequence[Round], samples: int) -> dict[str, float]:
    """Return the samples per second of the 10th-percentile action, and of the mean one."""
    times = [seconds for one in rounds for seconds in one.times]
    return {
        "samples_per_second": samples / typical(times),
        "mean_samples_per_second": samples / float(np.mean(times)),
    }


def describe_load(*measurements: Sequence[Round]) -> dict[str, Any]:
    """Return the mean load of all rounds, and whether a measurement has none that was calm."""
    loads = [one.load for rounds in measurements for one in rounds]

    def mean(shares: list[float | None]) -> float | None:
        reported = [share for share in shares if share is not None]
        return float(np.mean(reported)) if reported else None

    verdicts = [[one.load.disturbed for one in rounds] for rounds in measurements]
    unknown = any(verdict is None for rounds in verdicts for verdict in rounds)
    return {
        "others_share": mean([load.others for load in loads]),
        "stolen_share": mean([load.stolen for load in loads]),
        "disturbed": None if unknown else any(map(all, verdicts)),
    }
