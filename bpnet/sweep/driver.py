"""Train all runs of a sweep, wherever an executor sends them, and keep what comes of each."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path

from bpnet.config.loading import load_config
from bpnet.errors import shorten
from bpnet.model.run_files import CONFIG
from bpnet.sweep.halving import Halving, rungs
from bpnet.sweep.journal import FAILED, FINISHED, STOPPED, Journal, Row
from bpnet.sweep.place import STOP
from bpnet.sweep.settings import ACCURACY, HALVING, SweepSettings
from bpnet.sweep.task import INTERRUPTED, LONGEST, Outcome, Task, do
from bpnet.sweep.trials import Trial

LOOK = 0.2  # seconds between two looks for a wish to stop


class SweepObserver:
    """Watch a sweep: these methods are called; by default they do nothing."""

    def begins(self, trials: Sequence[Trial], rows: Sequence[Row]) -> None:
        """Receive all trials, and the rows of runs that ended before."""

    def run_ended(self, row: Row) -> None:
        """Receive what has come of a run; it is written down."""

    def waits(self) -> None:
        """Do what is to be done several times a second."""


@dataclass(frozen=True)
class Surroundings:
    """Hold what all runs of a sweep share.

    Args:
        folder: of the sweep, absolute.
        workers: that compute each run, where its config leaves it open.
        data_dir: where data sets lie.
        mirror: where they are downloaded from first.
    """

    folder: Path
    workers: int | None = None
    data_dir: Path | None = None
    mirror: str | None = None


class Driver:
    """Hold the state of a sweep that is being trained.

    Args:
        settings: of the sweep.
        trials: all of them.
        around: what their runs share.
        executor: computes `do(task)` somewhere.
        observer: watches.

    Raises:
        CheckpointError: the folder's results cannot be read.
    """

    def __init__(
        self,
        settings: SweepSettings,
        trials: Sequence[Trial],
        around: Surroundings,
        executor: Executor,
        observer: SweepObserver,
    ) -> None:
        self.settings = settings
        self.trials = trials
        self.around = around
        self.executor = executor
        self.observer = observer
        self.journal = Journal(around.folder)
        self.halving = Halving(settings) if settings.method == HALVING else None
        self._futures: dict[Future[Outcome], tuple[Trial, int, int]] = {}
        self._resting: dict[int, dict[int, Outcome]] = {}  # by trial and seed, at their rung
        base = load_config(str(around.folder / CONFIG))
        self._follows = base.data.synthetic_seed == base.train.seed
        self._is_auto = base.train.workers == "auto"

    def run(self, should_stop: Callable[[], bool]) -> bool:
        """Train what is left, until all is done or `should_stop` says so; return whether all is.

        Raises:
            CheckpointError: the results cannot be written.
        """
        self.observer.begins(self.trials, list(self.journal.rows.values()))
        for trial in self.trials:
            self._begin(trial)
        try:
            while self._futures:
                if should_stop():
                    return False
                done, _ = wait(self._futures, LOOK, FIRST_COMPLETED)
                for future in done:
                    self._ended(*self._futures.pop(future), _outcome_of(future))
                self.observer.waits()
        finally:
            self._rest()
        return all(key in self.journal.rows for key in self._runs())

    def score(self, rows: Iterable[Row], should_stop: Callable[[], bool]) -> list[Outcome] | None:
        """Let finished runs read the test set, once each; return None where that is stopped."""
        trials = {trial.number: trial for trial in self.trials}
        tasks = [self.task(trials[row.trial], row.seed, None, scores=True) for row in rows]
        futures = [self.executor.submit(do, task) for task in tasks]
        while wait(futures, LOOK, FIRST_COMPLETED).not_done:
            if should_stop():
                self._futures = dict.fromkeys(futures, (self.trials[0], 0, 0))
                self._rest()
                return None
            self.observer.waits()
        return [_outcome_of(future) for future in futures]

    def task(self, trial: Trial, seed: int, until: int | None, *, scores: bool = False) -> Task:
        """Return what is to be done for a run until an epoch."""
        around = self.around
        overrides = [f"{key}={text}" for key, text in trial.settings.items()]
        overrides.append(f"train.seed={seed}")
        if self._follows and "data.synthetic_seed" not in trial.settings:
            overrides.append(f"data.synthetic_seed={seed}")
        if self._is_auto and around.workers and "train.workers" not in trial.settings:
            overrides.append(f"train.workers={around.workers}")
        return Task(
            run_dir=str(around.folder / run_name(trial.number, seed)),
            config=str(around.folder / CONFIG),
            overrides=tuple(overrides),
            until=until,
            note=trial.words,
            stop=str(around.folder / STOP),
            data_dir=None if around.data_dir is None else str(around.data_dir.absolute()),
            mirror=around.mirror,
            scores=scores,
        )

    def _runs(self) -> list[tuple[int, int]]:
        return [(trial.number, seed) for trial in self.trials for seed in self.settings.seeds]

    def _rungs(self, trial: Trial) -> list[int]:
        """Return the epochs after which a trial is compared, and its last one."""
        return rungs(self.settings, trial.epochs) if self.halving is not None else [trial.epochs]

    def _begin(self, trial: Trial) -> None:
        """Send the runs of a trial that have no row to their first rung; note those that have."""
        rows = [self.journal.rows.get((trial.number, seed)) for seed in self.settings.seeds]
        known = [row for row in rows if row is not None and row.is_final]
        if self.halving is not None and known and len(known) == len(rows):
            for rung in self._rungs(trial)[:-1]:
                if all(row.epochs is not None and row.epochs >= rung for row in known):
                    values = [self._best(row.curve[:rung]) for row in known]
                    self.halving.goes_on(trial.number, rung, statistics.fmean(values))
            return
        for seed, row in zip(self.settings.seeds, rows, strict=True):
            if row is None or not row.is_final or self.halving is not None:
                self._send(trial, seed, self._rungs(trial)[0])

    def _send(self, trial: Trial, seed: int, rung: int) -> None:
        """Let a run be trained until a rung."""
        until = None if rung == self._rungs(trial)[-1] else rung
        future = self.executor.submit(do, self.task(trial, seed, until))
        self._futures[future] = trial, seed, rung

    def _ended(self, trial: Trial, seed: int, rung: int, outcome: Outcome) -> None:
        """Write down what has come of a run, or let it go on."""
        if outcome["state"] == INTERRUPTED:
            return
        if rung == self._rungs(trial)[-1] and outcome["state"] == FINISHED:
            self._note(trial, seed, outcome)
            return
        if self.halving is None:
            self._note(trial, seed, outcome)
            return
        resting = self._resting.setdefault(trial.number, {})
        resting[seed] = outcome
        if len(resting) < len(self.settings.seeds):
            return
        del self._resting[trial.number]
        if self._goes_on(trial, rung, resting):
            following = self._rungs(trial)[self._rungs(trial).index(rung) + 1]
            for one in resting:
                self._send(trial, one, following)
        else:
            for one, found in resting.items():
                self._note(trial, one, found)

    def _goes_on(self, trial: Trial, rung: int, resting: dict[int, Outcome]) -> bool:
        """Return whether the runs of a trial, which rest, are worth more epochs."""
        assert self.halving is not None
        if any(one["state"] not in (FINISHED, STOPPED) for one in resting.values()):
            return False
        values = [self._best(self._curve(one)) for one in resting.values()]
        return self.halving.goes_on(trial.number, rung, statistics.fmean(values))

    def _curve(self, outcome: Outcome) -> list[float]:
        """Return the goal after each epoch; the worst value stands for what is not finite."""
        place = 0 if self.settings.goal == ACCURACY else 1
        worst = 0.0 if self.settings.maximizes else 1e300
        return [worst if one[place] is None else one[place] for one in outcome.get("history", [])]

    def _best(self, curve: list[float]) -> float:
        return self.settings.best_of(curve) if curve else math.nan

    def _note(self, trial: Trial, seed: int, outcome: Outcome) -> None:
        """Write the row of a run."""
        curve = self._curve(outcome)
        row = Row(
            trial=trial.number,
            seed=seed,
            settings=dict(trial.settings),
            state=outcome["state"],
            run_dir=run_name(trial.number, seed),
            error=outcome["error"],
        )
        if curve:
            best = curve.index(self.settings.best_of(curve))
            accuracy, loss = outcome["history"][best]
            row = replace(
                row,
                epochs=outcome["epochs"],
                best_epoch=best + 1,
                validation_accuracy=accuracy,
                validation_loss=loss,
                curve=curve,
                seconds=outcome["seconds"],
            )
        self.journal.add(row)
        self.observer.run_ended(row)

    def _rest(self) -> None:
        """Let the runs that are under way save and end, and wait for them."""
        if not self._futures:
            return
        stop = self.around.folder / STOP
        stop.touch()
        for future in self._futures:
            future.cancel()  # those that have not begun
        wait([future for future in self._futures if not future.cancelled()])
        stop.unlink(missing_ok=True)


def run_name(trial: int, seed: int) -> str:
    """Return the name of a run's directory."""
    return f"trial{trial:03}-seed{seed}"


def _outcome_of(future: Future[Outcome]) -> Outcome:
    """Return what has come of a task, or what has become of it instead."""
    try:
        return future.result()
    except CancelledError:
        return {"state": INTERRUPTED, "error": None}
    except Exception as error:  # such as a cluster gives, where its workers have died
        text = f"{type(error).__name__}: {error}"
        return {"state": FAILED, "error": shorten(text, LONGEST)}
