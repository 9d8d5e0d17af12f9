"""Read what has come of a sweep from its folder; nothing is trained, and no test set read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bpnet.disk import FILE, what_is_at
from bpnet.model.run_files import CONFIG, RESULT, read_object
from bpnet.sweep.journal import Journal
from bpnet.sweep.place import SWEEP
from bpnet.sweep.ranking import Standing, chosen, ranked
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.settings import Sweep
from bpnet.sweep.task import Outcome
from bpnet.sweep.trials import trials_of


@dataclass(frozen=True)
class StoredSweep:
    """Hold a sweep with what has come of it so far.

    Args:
        sweep: as its folder tells it.
        standings: of its trials, the best first.
        runs: how many it has in all.
        scores: of the best trial's runs on the test set; none before the sweep has ended.
    """

    sweep: Sweep
    standings: Sequence[Standing]
    runs: int
    scores: Sequence[Outcome]

    @property
    def best(self) -> Standing | None:
        """Return the best trial, once all runs have ended."""
        ended = sum(len(one.rows) for one in self.standings)
        return chosen(self.standings) if ended == self.runs else None


def read_stored(folder: Path) -> StoredSweep:
    """Return what has come of the sweep in a folder.

    Raises:
        CheckpointError: its results cannot be read.
        ConfigError: its file cannot.
    """
    sweep = read_sweep(folder / SWEEP, folder / CONFIG)
    trials = trials_of(sweep)
    standings = ranked(sweep.settings, trials, Journal(folder).rows)
    stored = StoredSweep(sweep, standings, len(trials) * len(sweep.settings.seeds), ())
    if stored.best is None:
        return stored
    results = [folder / row.run_dir / RESULT for row in stored.best.rows]
    if any(what_is_at(path) != FILE for path in results):
        return stored
    scores = [read_object(path) for path in results]
    return StoredSweep(sweep, standings, stored.runs, scores)
