"""Time training steps and inference as the commands do them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.bench.work import bare, batches, repeat, samples_for, typical
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples
from bpnet.machine import blas_threads
from bpnet.model.score import evaluate
from bpnet.training.loop import Trainer
from bpnet.training.run import choose_workers, prepare_model

INFERENCE = 10000  # pictures of one pass, where they fit the time
FIRST_LOOK = 640  # pictures by which this is judged


@contextmanager
def open_trainer(config: Config, dataset: Dataset) -> Iterator[Trainer]:
    """Yield a trainer at its first step, with its workers."""
    model = prepare_model(config, dataset)
    with blas_threads(config.train.blas_threads), choose_workers(config) as workers:
        yield Trainer(model, dataset, Path(), workers, "")  # nothing will be saved


def measure_speed(config: Config, seconds: float) -> dict[str, Any]:
    """Return speeds in samples per second, the workers, and the memory this process has taken.

    Args:
        config: what to train.
        seconds: about how long to take.
    """
    config = bare(config)
    dataset = samples_for(config)
    with open_trainer(config, dataset) as trainer:
        return {
            "workers": trainer.workers.count,
            "workers_are": trainer.engine.kind,
            **training_speed(trainer, seconds * 0.6),
            "inference_samples_per_second": inference_speed(trainer, dataset.test, seconds * 0.4),
            "largest_resident_bytes": largest_resident_bytes(),
        }


def steps(trainer: Trainer) -> Callable[[], float]:
    """Return a function that takes the next training step at each call."""
    size = min(trainer.config.train.batch_size, len(trainer.samples))
    indices = batches(len(trainer.samples), size)
    return lambda: trainer.step(next(indices))


def training_speed(trainer: Trainer, seconds: float) -> dict[str, float]:
    """Return the samples per second of the 10th-percentile step, and of the mean one."""
    with trainer.engine:
        times = repeat(steps(trainer), seconds)
    size = min(trainer.config.train.batch_size, len(trainer.samples))
    return {
        "samples_per_second": size / typical(times),
        "mean_samples_per_second": size / float(np.mean(times)),
    }


def inference_speed(trainer: Trainer, samples: Samples, seconds: float) -> float:
    """Return the samples per second of the 10th-percentile pass over the test samples."""

    def score(count: int) -> None:
        index = np.resize(np.arange(len(samples)), count)
        evaluate(trainer.model, samples, trainer.workers, index)

    start = time.perf_counter()
    score(FIRST_LOOK)
    in_time = FIRST_LOOK * seconds / (time.perf_counter() - start)
    count = int(min(INFERENCE, max(FIRST_LOOK, in_time)))
    return count / typical(repeat(lambda: score(count), seconds))


def largest_resident_bytes() -> int | None:
    """Return the peak of this process's own memory; None if the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
