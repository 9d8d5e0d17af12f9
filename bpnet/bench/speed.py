"""Time training steps and inference as the commands do them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bpnet.bench.load import LoadMeter
from bpnet.bench.rounds import Round, counted, describe_load, speeds, take_rounds
from bpnet.bench.work import bare, batches, samples_for
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
    """Return speeds in samples per second, workers, what others took, and this process's memory.

    Rounds that others disturbed do not count if there are calm ones.

    Args:
        config: what to train.
        seconds: about how long to take.
    """
    config = bare(config)
    dataset = samples_for(config)
    meter = LoadMeter()
    with open_trainer(config, dataset) as trainer:
        size = min(config.train.samples_per_step, len(trainer.samples))
        with trainer.engine:
            training = take_rounds(steps(trainer), seconds * 0.6, meter)
        pictures, inference = time_inference(trainer, dataset.test, seconds * 0.4, meter)
        return {
            "workers": trainer.workers.count,
            "workers_are": trainer.engine.kind,
            **speeds(counted(training), size),
            "inference_samples_per_second": speeds(counted(inference), pictures)[
                "samples_per_second"
            ],
            **describe_load(training, inference),
            "rounds": [one.describe(size) for one in training],
            "largest_resident_bytes": largest_resident_bytes(),
        }


def steps(trainer: Trainer) -> Callable[[], float]:
    """Return a function that takes the next training step at each call."""
    size = min(trainer.config.train.samples_per_step, len(trainer.samples))
    indices = batches(len(trainer.samples), size)
    return lambda: trainer.step(*next(indices))


def time_inference(
    trainer: Trainer, samples: Samples, seconds: float, meter: LoadMeter
) -> tuple[int, list[Round]]:
    """Return how many samples a pass over the test samples takes, and rounds of such passes."""

    def score(count: int) -> None:
        index = np.resize(np.arange(len(samples)), count)
        evaluate(trainer.model, samples, trainer.workers, index)

    start = time.perf_counter()
    score(FIRST_LOOK)
    in_time = FIRST_LOOK * seconds / (time.perf_counter() - start)
    count = int(min(INFERENCE, max(FIRST_LOOK, in_time)))
    return count, take_rounds(lambda: score(count), seconds, meter)


def largest_resident_bytes() -> int | None:
    """Return the peak of this process's own memory; None if the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
