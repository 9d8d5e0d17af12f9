"""Decide which trials are worth more epochs: successive halving, in step or without waiting."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from bpnet.packages import demand_packages
from bpnet.sweep.settings import ASHA, HALVING, SweepSettings

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import Trial


def rungs(settings: SweepSettings, epochs: int) -> list[int]:
    """Return after how many epochs the trials of a sweep are compared, and those of a whole run.

    The first are `first_epochs · keep_one_of^k`.
    """
    found, rung = [], settings.first_epochs
    while settings.method in (HALVING, ASHA) and rung < epochs:
        found.append(rung)
        rung *= settings.keep_one_of
    return [*found, epochs]


class Judge(Protocol):
    """Compare trials at their rungs."""

    def rested(self, trial: int, rung: int, value: float) -> dict[int, bool]:
        """Receive how a trial did until a rung; return who goes on from there, as far as is known.

        Args:
            trial: its number.
            rung: epochs that its runs have had.
            value: the mean of the goal over them; NaN where a run has failed.
        """


def judge_for(settings: SweepSettings, trials: int) -> Judge | None:
    """Return what compares the trials while they are trained, if anything does.

    Args:
        settings: of the sweep.
        trials: how many there are.
    """
    if settings.method == HALVING:
        return Halving(settings, trials)
    return Asha(settings) if settings.method == ASHA else None


class Halving:
    """Compare trials once all have reached a rung: one of `keep_one_of` goes on.

    So the result does not depend on which run is the fastest.

    Source: Jamieson and Talwalkar, 2016, Non-stochastic Best Arm Identification.

    Args:
        settings: of the sweep.
        trials: how many there are.
    """

    def __init__(self, settings: SweepSettings, trials: int) -> None:
        self.settings = settings
        self._awaited = trials
        self._values: dict[int, dict[int, float]] = defaultdict(dict)

    def rested(self, trial: int, rung: int, value: float) -> dict[int, bool]:
        """Return nothing until the last trial comes, and then who goes on."""
        values = self._values[rung]
        values[trial] = value
        if len(values) < self._awaited:
            return {}
        sign = -1 if self.settings.maximizes else 1
        sound = [number for number in values if not math.isnan(values[number])]
        sound.sort(key=lambda number: (sign * values[number], number))
        best = sound[: max(1, len(values) // self.settings.keep_one_of)]
        self._awaited = len(best)
        return {number: number in best for number in values}


class Asha:
    """Compare a trial with those that have come to its rung so far, by Optuna; nobody waits.

    Source: Li et al., 2020, A System for Massively Parallel Hyperparameter Tuning.

    Args:
        settings: of the sweep.
    """

    def __init__(self, settings: SweepSettings) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            direction="maximize" if settings.maximizes else "minimize",
            sampler=optuna.samplers.RandomSampler(0),  # nothing is drawn: trials come from the file
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=settings.first_epochs, reduction_factor=settings.keep_one_of
            ),
        )
        self._trials: dict[int, Trial] = {}

    def rested(self, trial: int, rung: int, value: float) -> dict[int, bool]:
        """Return at once whether the trial goes on."""
        if math.isnan(value):
            return {trial: False}
        if trial not in self._trials:
            self._trials[trial] = self._study.ask()
        self._trials[trial].report(value, rung)
        return {trial: not self._trials[trial].should_prune()}


def demand_optuna(where: Path) -> None:
    """Make sure that Optuna is there.

    Raises:
        ConfigError: it is not.
    """
    demand_packages("method = asha", str(where), "optuna")
