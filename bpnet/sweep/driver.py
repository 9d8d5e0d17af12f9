"""Train all runs of a sweep, wherever an executor sends them, and keep what comes of each."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path

from bpnet.config.loading import load_config
from bpnet.data.files.directory import named_directory
from bpnet.errors import CheckpointError, counted, shorten
from bpnet.model.run_files import CONFIG
from bpnet.runs.ending import STOPPED, Ending, write_ending
from bpnet.sweep.executors import ClusterExecutor
from bpnet.sweep.halving import judge_for, rungs
from bpnet.sweep.journal import FAILED, FINISHED, History, Journal, Row, best_epoch, with_history
from bpnet.sweep.permit import SILENT, new_permit
from bpnet.sweep.resting import rest
from bpnet.sweep.settings import ASHA, GOALS, SweepSettings
from bpnet.sweep.task import INTERRUPTED, LONGEST, Outcome, Task, do
from bpnet.sweep.trials import Trial

LOOK = 0.2  # seconds between two looks for a wish to stop


class SweepObserver:
    """Watch a sweep: these methods are called; by default they do nothing."""

    def begins(self, trials: Sequence[Trial], rows: Sequence[Row]) -> None:
        """Receive all trials, and the rows of runs that ended before."""

    def run_ended(self, row: Row) -> None:
        """Receive what has come of a run; it is written down."""

    def waits(self, runs: Iterable[tuple[Trial, int]]) -> None:
        """Do what is to be done several times a second.

        Args:
            runs: trials and seeds of those that have not ended.
        """


@dataclass(frozen=True)
class Surroundings:
    """Hold what all runs of a sweep share.

    Args:
        folder: of the sweep, absolute.
        workers: that compute each run, where its config leaves it open.
        data_dir: where data sets lie; by default, where BPNET_DATA_DIR of the sweep's process says.
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
        self.trials = {trial.number: trial for trial in trials}
        self.around = around
        self.executor = executor
        self.observer = observer
        self.journal = Journal(around.folder)
        self._demand_own_rows()
        self.permit = new_permit(around.folder)
        self.judge = judge_for(settings, len(trials))
        self._futures: dict[Future[Outcome], tuple[Trial, int, int]] = {}
        self.under_way: list[Path] = []  # runs that were still at work when the sweep had to end
        self._resting: dict[int, dict[int, Outcome]] = {}  # by trial and seed, at their rung
        self._data_dir = named_directory(around.data_dir)
        self._is_auto = load_config(str(around.folder / CONFIG)).train.workers == "auto"

    def run(self, should_stop: Callable[[], bool]) -> bool:
        """Train what is left, until all is done or `should_stop` says so; return whether all is.

        Raises:
            CheckpointError: the results cannot be written.
        """
        runs = [(number, seed) for number in self.trials for seed in self.settings.seeds]
        rows = [self.journal.rows[run] for run in runs if run in self.journal.rows]
        self.observer.begins(list(self.trials.values()), rows)
        for trial in self.trials.values():
            self._advance(trial, self._rungs(trial)[0])
        try:
            while self._futures:
                if should_stop():
                    return False
                self._demand_workers()
                done, _ = wait(self._futures, LOOK, FIRST_COMPLETED)
                for future in [one for one in self._futures if one in done]:  # in their order
                    self._ended(*self._futures.pop(future), _outcome_of(future))
                self.observer.waits((trial, seed) for trial, seed, _ in self._futures.values())
        finally:
            self._rest({one: (run[0].number, run[1]) for one, run in self._futures.items()})
        return all(run in self.journal.rows for run in runs)

    def score(self, rows: Iterable[Row], should_stop: Callable[[], bool]) -> list[Outcome] | None:
        """Let finished runs read the test set, once each; return None where that is stopped."""
        futures: dict[Future[Outcome], tuple[int, int]] = {}
        for row in rows:
            task = self.task(self.trials[row.trial], row.seed, None, scores=True)
            futures[self.executor.submit(do, task)] = row.trial, row.seed
        while wait(futures, LOOK, FIRST_COMPLETED).not_done:
            if should_stop():
                self._rest(futures)
                return None
            self._demand_workers()
            self.observer.waits(())
        return [_outcome_of(future) for future in futures]

    def _demand_workers(self) -> None:
        """Make sure that somebody computes the runs.

        Raises:
            BpnetError: a cluster has had no workers for long.
        """
        if isinstance(self.executor, ClusterExecutor):
            self.executor.demand_workers()

    def task(self, trial: Trial, seed: int, until: int | None, *, scores: bool = False) -> Task:
        """Return what is to be done for a run until an epoch."""
        around = self.around
        overrides = [f"{key}={text}" for key, text in trial.settings.items()]
        overrides.append(f"train.seed={seed}")
        if self._is_auto and around.workers and "train.workers" not in trial.settings:
            overrides.append(f"train.workers={around.workers}")
        return Task(
            run_dir=str(around.folder / run_name(trial.number, seed)),
            config=str(around.folder / CONFIG),
            overrides=tuple(overrides),
            until=until,
            note=trial.note,
            permit=str(self.permit),
            data_dir=None if self._data_dir is None else str(self._data_dir),
            mirror=around.mirror,
            scores=scores,
        )

    def _demand_own_rows(self) -> None:
        """Make sure that the rows in the folder are those of these trials.

        Raises:
            CheckpointError: a row has other settings than its trial.
        """
        for row in self.journal.rows.values():
            trial = self.trials.get(row.trial)
            if trial is not None and dict(row.settings) != dict(trial.settings):
                raise CheckpointError(
                    "a line is of another sweep",
                    where=self.journal.path,
                    expected=f"trial {row.trial}: {trial.words}",
                    found=" ".join(f"{key}={text}" for key, text in row.settings.items()),
                )

    def _rungs(self, trial: Trial) -> list[int]:
        """Return the epochs after which a trial is compared, and its last one."""
        return rungs(self.settings, trial.epochs)

    def _rows(self, trial: Trial) -> list[Row] | None:
        """Return the rows of a trial; None where a run has none that stays."""
        rows = [self.journal.rows.get((trial.number, seed)) for seed in self.settings.seeds]
        known = [row for row in rows if row is not None and row.is_final]
        return known if len(known) == len(rows) else None

    def _advance(self, trial: Trial, rung: int) -> None:
        """Bring the runs of a trial to a rung: those that were there before have their rows."""
        rows = self._rows(trial)
        if self.judge is None:
            for seed in self.settings.seeds:
                row = self.journal.rows.get((trial.number, seed))
                if row is None or not row.is_final:
                    self._send(trial, seed, rung)
        elif rows is not None and all(row.has_come_to(rung) for row in rows):
            self._compare(trial, rung, [row.history[:rung] for row in rows])
        elif rows is None or self.settings.method != ASHA:  # what it has stopped stays stopped
            for seed in self.settings.seeds:
                self._send(trial, seed, rung)

    def _send(self, trial: Trial, seed: int, rung: int) -> None:
        """Let a run be trained until a rung."""
        until = None if rung == self._rungs(trial)[-1] else rung
        future = self.executor.submit(do, self.task(trial, seed, until))
        self._futures[future] = trial, seed, rung

    def _ended(self, trial: Trial, seed: int, rung: int, outcome: Outcome) -> None:
        """Write down what has come of a run, or let it rest until the judge has spoken."""
        if outcome["state"] == INTERRUPTED:
            if outcome["error"] is None or not self.permit.exists():
                return
            if outcome["error"] == SILENT:  # we were asleep, and woke up
                self._send(trial, seed, rung)
                return
            outcome = outcome | {"state": FAILED}
        if self.judge is None or rung == self._rungs(trial)[-1]:
            self._note(trial, seed, outcome)
            return
        resting = self._resting.setdefault(trial.number, {})
        resting[seed] = outcome
        if len(resting) == len(self.settings.seeds):
            sound = all(one["state"] in (FINISHED, STOPPED) for one in resting.values())
            histories = [one["history"] if sound else [] for one in resting.values()]
            self._compare(trial, rung, histories)

    def _compare(self, trial: Trial, rung: int, histories: Sequence[History]) -> None:
        """Let those go on which are worth it, and write down the others."""
        if self.judge is None or rung == self._rungs(trial)[-1]:
            return
        value = statistics.fmean(self._value(history) for history in histories)
        decisions = self.judge.rested(trial.number, rung, value)
        for number, goes_on in decisions.items():
            one = self.trials[number]
            outcomes = self._resting.pop(number, {})
            if goes_on:
                following = self._rungs(one)[self._rungs(one).index(rung) + 1]
                self._advance(one, following)
            else:
                for seed, outcome in outcomes.items():
                    self._note(one, seed, outcome)

    def _value(self, history: History) -> float:
        """Return the goal of the epoch whose weights are kept; NaN where there is none."""
        if not history:
            return math.nan
        value = history[best_epoch(history) - 1][GOALS.index(self.settings.goal)]
        return math.nan if value is None else value

    def _note(self, trial: Trial, seed: int, outcome: Outcome) -> None:
        """Write why a run has stopped, then its row, after which nobody looks at it again."""
        row = Row(
            trial=trial.number,
            seed=seed,
            settings=dict(trial.settings),
            state=outcome["state"],
            run_dir=run_name(trial.number, seed),
            error=outcome["error"],
            seconds=outcome.get("seconds"),
        )
        row = with_history(row, outcome.get("history", ()))
        if row.state == STOPPED and outcome["epochs"] < trial.epochs:
            epochs = counted(outcome["epochs"], "epoch", "epochs")
            why = f"other trials did better within {epochs}"
            write_ending(self.around.folder / row.run_dir, Ending(STOPPED, why))
        self.journal.add(row)
        self.observer.run_ended(row)

    def _rest(self, runs: Mapping[Future[Outcome], tuple[int, int]]) -> None:
        """Let the runs that are under way save and end, and wait for them."""
        if runs:
            places = {one: self.around.folder / run_name(*run) for one, run in runs.items()}
            self.under_way = rest(self.permit, places)


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
