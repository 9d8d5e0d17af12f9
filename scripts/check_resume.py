"""Interrupt random runs at random steps, and compare them with the same runs uninterrupted.

    python scripts/check_resume.py [--runs N] [--seed S] [--only NUMBER]

Each run has a config drawn from the seed and its number (`random_configs.py`). It is trained once
without a stop, and once with many: stopped after a step, as by Ctrl-C, or killed without a word, as
by SIGKILL; then resumed with other workers, in place or in another directory, its end moved where
the schedule allows it, extended when it is finished, and stopped again. last.npz, best.npz and
metrics.jsonl must then be equal bit for bit, times aside; `verify-run` must find no difference
either, after the first stop and at the end. The exit code is 1 if anything differs.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from random_configs import RandomConfig, draw_dataset, options_of

from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.errors import DivergedError
from bpnet.machine import blas_threads
from bpnet.model.checkpoint import load_checkpoint
from bpnet.model.run_files import BEST, LAST, METRICS
from bpnet.model.workers import Workers
from bpnet.training.differences import Difference, checkpoint_differences, value_differences
from bpnet.training.loop import Trainer
from bpnet.training.progress import Progress
from bpnet.training.resume import load_for_resume
from bpnet.training.run import build_trainer, prepare_model
from bpnet.training.run_dir import claimed_run_dir
from bpnet.training.stored_run import read_run
from bpnet.training.verify import Replay, replay

KINDS = ("auto", "threads", "processes")
MOST_STEPS = 9  # between two interruptions


class Killed(BaseException):
    """End a run in the middle, without saving."""


@dataclass(frozen=True)
class Interruption:
    """Interrupt a run after some steps: as Ctrl-C does, or in its place, without saving."""

    steps: int
    kills: bool = False

    def of(self, trainer: Trainer) -> Callable[[], bool]:
        """Return a `should_stop` for a run at its present step."""
        end = trainer.progress.step + self.steps

        def should_stop() -> bool:
            if self.kills and trainer.progress.step >= end:
                raise Killed
            return trainer.progress.step >= end

        return should_stop


NEVER = Interruption(sys.maxsize)


class Story:
    """Draw what happens to a run, and train it.

    Args:
        case: its config, and what else is drawn.
        dataset: what it learns from.
        folder: gets its run directories.
    """

    def __init__(self, case: RandomConfig, dataset: Dataset, folder: Path) -> None:
        self.case = case
        self.dataset = dataset
        self.folder = folder
        self.config = case.config()
        self.extensions = [case.whole(1, 2) for _ in range(case.whole(0, 2))]
        fixed = self.config.schedule.name in ("cosine", "one_cycle") or self.config.schedule.warmup
        moves = not fixed and case.maybe(0.3)
        self.moved_end = case.whole(1, 5) if moves else None
        self.events: Counter[str] = Counter()
        self.found: list[str] = []

    def undisturbed(self) -> Path:
        """Train in one go, and in one go from each end to the next; return the directory."""
        run_dir = self.folder / "whole"
        config = self.config.with_epochs(self.moved_end or self.config.train.epochs)
        with Workers(1) as workers:
            self._train(config, run_dir, workers, NEVER)
            for epochs in self.extensions:
                self._resume(run_dir, run_dir, f"+{epochs}", workers, NEVER)
        return run_dir

    def disturbed(self) -> Path:
        """Train the same with interruptions; return the directory in which the run ended."""
        run_dir = self.folder / "parts"
        # The first stop comes within the first epoch, where the end may still be moved.
        self._leg(lambda *how: self._train(self.config, run_dir, *how), steps=1)
        self.found = self.verify(run_dir)
        while True:
            progress = stored_progress(run_dir)
            extended = len(progress.ends) - 1
            if progress.finished and extended == len(self.extensions):
                return run_dir
            epochs = None
            if progress.finished:
                epochs = f"+{self.extensions[extended]}"
                self.events["extended after early stopping"] += progress.stopped_early
                self.events["extended"] += 1
            elif self.moved_end and not extended and progress.ends != [self.moved_end]:
                epochs = str(self.moved_end)
                self.events["end moved"] += 1
            run_dir = self._go_on(run_dir, epochs)

    def verify(self, run_dir: Path) -> list[str]:
        """Train a run anew from what it stored; return the differences, in words."""
        stored = read_run(run_dir)
        model = prepare_model(stored.config, self.dataset)
        with Workers(1) as workers:
            trainer = Replay(model, self.dataset, workers, stored, to_the_end=False)
            return [f"verify-run: {line}" for line in in_words(replay(trainer))]

    def _go_on(self, source: Path, epochs: str | None) -> Path:
        """Resume in place or elsewhere until the next interruption; return where the run is now."""
        run_dir = source
        if self.case.maybe(0.2):
            self.events["resumed in another directory"] += 1
            run_dir = self.folder / f"parts-{self.events['resumed in another directory']}"
        steps = self.case.whole(1, MOST_STEPS)
        self._leg(lambda *how: self._resume(source, run_dir, epochs, *how), steps)
        return run_dir if (run_dir / LAST).exists() else source

    def _leg(self, train: Callable[[Workers, Interruption], bool], steps: int) -> None:
        """Let some workers train until an interruption or the end."""
        kind, count = self.case.one_of(*KINDS), self.case.whole(1, 3)
        killed = self.case.maybe(0.3)
        with Workers(count, kind) as workers:
            try:
                finished = train(workers, Interruption(steps, killed))
            except Killed:
                self.events["killed"] += 1
            else:
                self.events["stopped"] += not finished
        self.events[f"trained by {count} {kind}"] += 1

    def _train(
        self, config: Config, run_dir: Path, workers: Workers, interruption: Interruption
    ) -> bool:
        model = prepare_model(config, self.dataset)
        with claimed_run_dir(run_dir, resumes=False):
            trainer = build_trainer(model, self.dataset, run_dir, workers, None, None)
            return trainer.run(interruption.of(trainer))

    def _resume(
        self,
        source: Path,
        run_dir: Path,
        epochs: str | None,
        workers: Workers,
        interruption: Interruption,
    ) -> bool:
        config, saved, progress = load_for_resume(source, None, (), epochs)
        model = prepare_model(config, self.dataset)
        with claimed_run_dir(run_dir, resumes=source == run_dir):
            trainer = build_trainer(model, self.dataset, run_dir, workers, saved, progress)
            return trainer.run(interruption.of(trainer))


def stored_progress(run_dir: Path) -> Progress:
    """Return how far a run has come."""
    return Progress.from_record(load_checkpoint(run_dir / LAST).record["progress"])


def compare(one: Path, other: Path) -> list[Difference]:
    """Return in what two run directories differ."""
    differences: list[Difference] = []
    for name in (LAST, BEST):
        first, second = load_checkpoint(one / name), load_checkpoint(other / name)
        differences += checkpoint_differences(first, second)
        if name == LAST:  # here, ends and epochs must be the same as well
            for key in ("ends", "planned"):
                pair = (first.record["progress"][key], second.record["progress"][key])
                differences += value_differences(0, name, *pair, key)
    differences += value_differences(0, METRICS, read_metrics(one), read_metrics(other))
    return differences


def in_words(differences: list[Difference]) -> list[str]:
    """Return one line per difference."""
    return [f"{one.file}: {one.key} is {one.stored}, then {one.found}" for one in differences]


def read_metrics(run_dir: Path) -> list[object]:
    """Return the objects of `metrics.jsonl`."""
    lines = (run_dir / METRICS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def check(case: RandomConfig, dataset: Dataset) -> tuple[list[str], Counter[str]]:
    """Train a random config both ways; return the differences, and what happened to the run."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(case, dataset, Path(folder))
        try:
            whole = story.undisturbed()
        except DivergedError:
            return [], Counter({"diverged, nothing compared": 1})
        parts = story.disturbed()
        differences = story.found + in_words(compare(whole, parts)) + story.verify(parts)
        story.events["stopped early"] += stored_progress(whole).stopped_early
    return differences, +story.events


def main() -> None:
    """Print each difference, then how often everything was tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one run, with its config", metavar="NUMBER")
    options = parser.parse_args()
    began, dataset, different = time.perf_counter(), draw_dataset(), []
    tried: Counter[str] = Counter()
    for number in range(options.runs) if options.only is None else [options.only]:
        case = RandomConfig(options.seed, number)
        if options.only is not None:
            print(case.text())
        with blas_threads(1):
            differences, events = check(case, dataset)
        tried.update(options_of(case.config()))
        tried.update(events)
        if differences:
            different.append(number)
            print(f"run {number}: {len(differences)} differences, first {differences[0]}")
            sys.stdout.flush()
    print("| what | times |\n|---|---|")
    for word, times in sorted(tried.items()):
        print(f"| {word} | {times:,} |")
    runs = 1 if options.only is not None else options.runs
    print(f"\n{runs} runs in {time.perf_counter() - began:.0f} s, {len(different)} differ")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
