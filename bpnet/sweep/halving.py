"""Decide which trials go on: successive halving, by Optuna.

After `first_epochs · keep_one_of^k` epochs a trial goes on if it is among the best, one of
`keep_one_of`, of all that have come so far. Nobody waits for the slowest (ASHA).

Source: Li et al., 2020, A System for Massively Parallel Hyperparameter Tuning.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from bpnet.errors import ConfigError
from bpnet.sweep.settings import SweepSettings

if TYPE_CHECKING:
    from optuna.trial import Trial


def rungs(settings: SweepSettings, epochs: int) -> list[int]:
    """Return after how many epochs trials are compared, and at last those of a whole run."""
    found, rung = [], settings.first_epochs
    while rung < epochs:
        found.append(rung)
        rung *= settings.keep_one_of
    return [*found, epochs]


def demand_optuna(where: object) -> None:
    """Make sure that Optuna is there.

    Raises:
        ConfigError: it is not.
    """
    if find_spec("optuna") is None:
        hint = "pip install optuna, or method = random"
        raise ConfigError("method = halving needs optuna", where=where, hint=hint)


class Halving:
    """Compare trials while they are trained.

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

    def goes_on(self, number: int, epochs: int, value: float) -> bool:
        """Return whether a trial is worth more epochs.

        Args:
            number: of the trial.
            epochs: that its runs have had.
            value: the mean of the goal over them; NaN where it is not finite.
        """
        if number not in self._trials:
            self._trials[number] = self._study.ask()
        trial = self._trials[number]
        trial.report(value, epochs)
        return not trial.should_prune()
