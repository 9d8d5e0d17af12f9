"""Choose the newest run below a folder, or the best one: what `last` and `best` stand for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bpnet.disk import DIRECTORY, what_is_at
from bpnet.errors import CheckpointError
from bpnet.model.run_files import last_written
from bpnet.runs.entry import FINISHED, RunEntry
from bpnet.runs.listing import list_runs, run_directories

VALIDATION, TEST = "validation", "test"


def newest_run(folder: Path) -> Path:
    """Return the run directory below a folder whose checkpoint was written last.

    Raises:
        CheckpointError: there is none.
    """
    written = {path: time for path in run_directories(folder) if (time := last_written(path))}
    if not written:
        raise CheckpointError(
            "there is no run yet",
            where=folder.absolute(),
            expected="a run directory of `bpnet train` in this folder",
            hint="train a network first, or name a run directory",
        )
    return max(written, key=lambda path: written[path])


@dataclass(frozen=True)
class Best:
    """Hold the best run, and among which ones it is that.

    Args:
        run: the best one.
        by: `VALIDATION`, or `TEST` where no run that counts has held samples out.
        among: how many runs were compared.
        other_data: how many finished runs were left out since they learnt from other data.
        unvalidated: how many since they held nothing out: their test score must not choose.
    """

    run: RunEntry
    by: str
    among: int
    other_data: int
    unvalidated: int

    def __str__(self) -> str:
        """Return in one line which run it is, and why."""
        scores, run = self.run.scores, self.run
        accuracy = scores.get(f"{self.by}_accuracy")
        number = f"{scores.get(f'{self.by}_mse', scores.get(f'{self.by}_loss', 0.0)):.6g}"
        error = "mse" if f"{self.by}_mse" in scores else "loss"
        score = f"{error} {number}" if accuracy is None else f"accuracy {100 * accuracy:.2f} %"
        left = [
            f"{count} {why}"
            for count, why in (
                (self.other_data, "of other data"),
                (self.unvalidated, "without validation"),
            )
            if count
        ]
        others = f"; left out: {', '.join(left)}" if left else ""
        runs = "the only finished run" if self.among == 1 else f"the best of {self.among} runs"
        return f"{run.path}, {runs} on {run.dataset} by {self.by}: {score}{others}"


def best_run(folder: Path) -> Best:
    """Return the finished run below a folder with the highest validation score.

    Runs on different data cannot be compared: those on the data of the newest finished run count.
    Among these the validation accuracy decides, or the mean squared error where targets are
    numbers, then the loss. The test score decides only where none of them held samples out: a run
    that is chosen by its test score no longer has an honest one.

    Raises:
        CheckpointError: there is no finished run with a score.
    """
    found = list_runs(folder).runs if what_is_at(folder) == DIRECTORY else []
    runs = [run for run in found if run.state == FINISHED and last_written(run.path)]
    scored = [run for run in runs if _value(run, VALIDATION) or _value(run, TEST)]
    if not scored:
        raise CheckpointError(
            "there is no finished run with a score yet",
            where=folder.absolute(),
            expected="a run that `bpnet train` has finished, in this folder",
            hint="train a network first, or name a run directory",
        )
    newest = max(scored, key=lambda run: last_written(run.path))
    same = [run for run in scored if run.dataset == newest.dataset]
    validated = [run for run in same if _value(run, VALIDATION)]
    by, candidates = (VALIDATION, validated) if validated else (TEST, same)
    best = _first(candidates, by)
    return Best(best, by, len(candidates), len(runs) - len(same), len(same) - len(candidates))


def _first(runs: Sequence[RunEntry], by: str) -> RunEntry:
    """Return the best run; of equal ones the newest."""
    return max(runs, key=lambda run: (_value(run, by) or (), last_written(run.path)))


def _value(run: RunEntry, by: str) -> tuple[bool, float, float] | None:
    """Return what a run has reached, as a value that is larger for better ones."""
    accuracy, loss = run.scores.get(f"{by}_accuracy"), run.scores.get(f"{by}_loss")
    if by == VALIDATION and not run.held_out:
        return None
    if accuracy is not None:
        return True, accuracy, -math.inf if loss is None else -loss
    error = run.scores.get(f"{by}_mse", loss)
    return None if error is None else (False, -error, 0.0)
