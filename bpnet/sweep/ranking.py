"""Put the trials of a sweep in order by what their runs came to on held-out samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bpnet.runs.seeds import Spread, spread_of
from bpnet.sweep.journal import FINISHED, STOPPED, Row
from bpnet.sweep.settings import SweepSettings
from bpnet.sweep.trials import Trial


@dataclass(frozen=True)
class Standing:
    """Hold how a trial did.

    Args:
        trial: this one.
        rows: of its runs, as far as they have ended.
        spread: how the goal lies among its seeds; None where a run has no value.
        is_complete: all of its runs are finished.
    """

    trial: Trial
    rows: Sequence[Row]
    spread: Spread | None
    is_complete: bool


def ranked(
    settings: SweepSettings, trials: Sequence[Trial], rows: Mapping[tuple[int, int], Row]
) -> list[Standing]:
    """Return the trials, the best first: whole ones, then those that stopped, then the others."""
    standings = [_standing(settings, trial, rows) for trial in trials]
    sign = -1 if settings.maximizes else 1

    def order(one: Standing) -> tuple[int, float]:
        if one.spread is None:
            return 2, 0.0
        return 0 if one.is_complete else 1, sign * one.spread.mean

    return sorted(standings, key=order)


def chosen(standings: Sequence[Standing]) -> Standing | None:
    """Return the best trial whose runs are all finished, if there is one."""
    return standings[0] if standings and standings[0].is_complete else None


def _standing(
    settings: SweepSettings, trial: Trial, rows: Mapping[tuple[int, int], Row]
) -> Standing:
    found = [rows[trial.number, seed] for seed in settings.seeds if (trial.number, seed) in rows]
    is_whole = len(found) == len(settings.seeds)
    counts = is_whole and all(row.state in (FINISHED, STOPPED) for row in found)
    spread = spread_of([getattr(row, settings.goal) for row in found]) if counts else None
    is_complete = spread is not None and all(row.state == FINISHED for row in found)
    return Standing(trial, found, spread, is_complete)
