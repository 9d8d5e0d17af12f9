"""Set up a run from a config and a data set, and score it at its end."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.config.settings import Config
from bpnet.config.values import worker_choice
from bpnet.config.writer import format_config
from bpnet.data.dataset import Dataset
from bpnet.data.split import samples_per_epoch, split_samples
from bpnet.disk import FILE, what_is_at
from bpnet.errors import CheckpointError
from bpnet.fast import sizes
from bpnet.files import atomic_write, write_text
from bpnet.machine import available_cores, blas_description, cpu_name
from bpnet.model.build import build_model
from bpnet.model.checkpoint import Checkpoint, demand_finite, load_checkpoint
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model
from bpnet.model.preparation import Preparation
from bpnet.model.run_files import (
    BEST,
    CONFIG,
    ENDING,
    ENVIRONMENT,
    LAST,
    METRICS_TABLE,
    NOTE,
    RESULT,
    read_object,
    read_text,
)
from bpnet.model.score import Score, evaluate
from bpnet.model.workers import Workers
from bpnet.training.finite_differences import demand_few_parameters
from bpnet.training.loop import Trainer
from bpnet.training.preparation import learn_preparation
from bpnet.training.progress import Progress
from bpnet.training.ranks.ranks import ALONE, Ranks
from bpnet.training.saving import write_metrics, write_metrics_table, writing
from bpnet.training.slowdown import measure_slowdown
from bpnet.training.step.capacity import demand_step_memory
from bpnet.training.step.perceptron import Perceptron
from bpnet.version import __version__

ROUNDING = 1e-3  # by which a loss may rise, as a fraction, before it counts as one that rose


def prepare_model(config: Config, dataset: Dataset, ranks: Ranks = ALONE) -> Model:
    """Build the model for a data set, of which it looks at the training samples alone.

    Rank 0 looks at them, and tells the others.

    Raises:
        ConfigError: the network does not fit the data or the memory of this machine, or cannot be
            split, or differentiated, as the config says; or BPNET_PROCESSOR names no processor.
        DataError: validation would leave nothing to train on.
    """
    sizes.chosen()  # raises before anything is written

    def measure() -> tuple[int, Normalization, Preparation | None]:
        training, _ = split_samples(config, dataset)
        normalization = Normalization.of(config.data.normalize, dataset.train.inputs, training)
        count = samples_per_epoch(config, dataset)
        return count, normalization, learn_preparation(dataset, training)

    samples, normalization, preparation = ranks.share(measure)
    targets = dataset.train.targets
    outputs = len(dataset.class_names) if targets.ndim == 1 else targets.shape[1]
    shape, names = dataset.input_shape, dataset.class_names
    model = build_model(config, shape, outputs, normalization, names, preparation)
    demand_step_memory(model, samples, choose_workers(config).count)
    if config.train.split == "units":
        Perceptron.of(model)
    demand_few_parameters(model)
    return model


def choose_workers(config: Config) -> Workers:
    """Return the workers that the config names, or as many as there are shards and processors."""
    count, kind = worker_choice(config.train.workers)
    cores = max(1, available_cores() // config.train.blas_threads)
    return Workers(min(count or cores, config.train.shards), kind)


def describe_run(
    run_dir: Path, trainer: Trainer, name: str | None = None, continues: Path | None = None
) -> None:
    """Write the settings of a run, what it is trained with, and where it comes from.

    The result that a run had before it was extended is removed: it is that of another end.

    Args:
        run_dir: where the run is saved.
        trainer: of the run.
        name: what was trained: the stem of a preset's or a config's file.
        continues: the directory of the run that goes on, `run_dir` itself or another one; its name,
            its beginning and the user's note stay those of the run.

    Raises:
        CheckpointError: the disk is full or cannot be written.
    """
    environment: dict[str, Any] = {
        "config": name,
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "bpnet": __version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": available_cores(),
        "workers": trainer.workers.count,
        "ranks": trainer.ranks.count,
        "workers_are": trainer.engine.kind,
        "blas": blas_description(),
        "processor": sizes.describe_choice(),
    }
    if continues is not None:
        environment |= {"config": None, "started": None} | origin_of(continues)
    if trainer.started_from is not None:
        environment["started_from"] = trainer.started_from
    with writing("the run directory", run_dir):
        if continues is not None and not run_dir.samefile(continues):
            if what_is_at(continues / NOTE) == FILE:
                write_text(run_dir / NOTE, read_text(continues / NOTE))
            if what_is_at(continues / METRICS_TABLE) == FILE:
                write_metrics_table(run_dir, trainer.progress.history)
        write_text(run_dir / CONFIG, format_config(trainer.config))
        write_text(run_dir / ENVIRONMENT, json.dumps(environment, indent=2) + "\n")
        (run_dir / ENDING).unlink(missing_ok=True)
        if not trainer.progress.finished:
            (run_dir / RESULT).unlink(missing_ok=True)


def origin_of(run_dir: Path) -> dict[str, str]:
    """Return the name and the beginning of a run, as far as its `environment.json` tells them."""
    try:
        stored = read_object(run_dir / ENVIRONMENT)
    except CheckpointError:
        return {}
    return {key: stored[key] for key in ("config", "started") if isinstance(stored.get(key), str)}


def finish_run(trainer: Trainer, dataset: Dataset) -> tuple[Score, dict[str, Any]]:
    """Score a finished run on the test set, and write `result.json`.

    Returns:
        The score, and the results of the run in plain numbers.

    Raises:
        DivergedError: the loss is not finite.
        CheckpointError: the disk is full or cannot be written.
    """
    run_dir = trainer.run_dir
    score = final_score(run_dir / BEST, dataset, trainer.workers)
    results = result(trainer, score)
    places = ("best_checkpoint", "last_checkpoint")  # a run directory may be moved
    kept = {key: value for key, value in results.items() if key not in places} | {
        "test_samples": score.samples,
        "test_mae": _finite(score.mean_absolute_error),
        "test_mse": _finite(score.mean_squared_error),
    }
    with writing("the result", run_dir / RESULT):
        write_text(run_dir / RESULT, json.dumps(kept, indent=2, allow_nan=False) + "\n")
    return score, results


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def final_score(checkpoint: Path, dataset: Dataset, workers: Workers) -> Score:
    """Score a checkpoint on the test set: the only time that training looks at it.

    Raises:
        DivergedError: the loss is not finite.
    """
    score = evaluate(load_checkpoint(checkpoint).model(), dataset.test, workers)
    demand_finite(score.loss, checkpoint)
    return score


def build_trainer(
    model: Model,
    dataset: Dataset,
    run_dir: Path,
    workers: Workers,
    saved: Checkpoint | None,
    progress: Progress | None,
    ranks: Ranks = ALONE,
) -> Trainer:
    """Return a trainer at its first step, or where a checkpoint was saved.

    Raises:
        CheckpointError: the checkpoint was trained on other data.
    """
    trainer = Trainer(model, dataset, run_dir, workers, dataset.fingerprint(), ranks)
    if saved is not None and progress is not None:
        trainer.restore(saved, progress)
    if saved is not None and progress is not None and ranks.leads:
        _bring_best(saved, progress, run_dir / BEST)
        write_metrics(run_dir, progress.history)  # a run killed between its files lacks a line
    return trainer


def _bring_best(saved: Checkpoint, progress: Progress, target: Path) -> None:
    """Put the best checkpoint so far where the run goes on.

    Where it is lost, what is left stands in for it until the next epoch ends.
    """
    best = saved.path.with_name(BEST)
    if progress.epoch and not best.is_file():
        best, progress.best_score = saved.path, None
    if best.is_file() and os.path.realpath(best) != os.path.realpath(target):
        with writing("the checkpoint", target), atomic_write(target) as file:
            file.write(best.read_bytes())


def result(trainer: Trainer, score: Score) -> dict[str, Any]:
    """Return the results of a finished run, in plain numbers."""
    history = trainer.progress.history
    slowdown = measure_slowdown(trainer)
    cost = None
    if slowdown is not None:
        cost = dataclasses.asdict(slowdown) | {"slowdown": slowdown.factor}
    seconds = sum(epoch["seconds"] for epoch in history)
    samples = sum(epoch["seconds"] * epoch["samples_per_second"] for epoch in history)
    return {
        "epochs": trainer.progress.epoch,
        "steps": trainer.progress.step,
        "seconds": trainer.progress.seconds,
        "samples_per_second": samples / seconds if seconds else None,
        "train_loss": history[-1]["train_loss"] if history else None,
        "validation_accuracy": history[-1]["validation_accuracy"] if history else None,
        "test_loss": score.loss,
        "test_accuracy": score.accuracy,
        "test_errors": score.errors,
        "best_checkpoint": str(trainer.run_dir / BEST),
        "last_checkpoint": str(trainer.run_dir / LAST),
        "stopped_early": trainer.progress.stopped_early,
        "warnings": warnings(trainer),
        "finite_differences": cost,
    }


def warnings(trainer: Trainer) -> list[str]:
    """Return what the user should know of a finished run that did no good."""
    before, after = trainer.progress.first_loss, trainer.last_loss
    if before is None or after is None or after <= before * (1 + ROUNDING):
        return []
    return [f"the loss on training samples rose from {before:.6g} to {after:.6g}"]
