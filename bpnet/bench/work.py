"""Prepare what is measured: a bare config, its samples and its batches."""

import dataclasses
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from bpnet.config.data_settings import AugmentConfig
from bpnet.config.network import LIKE_MNIST, known_outputs
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset, Samples
from bpnet.data.load import load_dataset

TRAINING, TEST, SIDE = 60000, 10000, 28  # as MNIST has
LEARNING_RATE = 1e-6  # so small that no network diverges, however long it is timed
WARM_UP = 5  # runs that do not count, but at most half of all


def bare(config: Config) -> Config:
    """Return a config without augmentation, averaged weights, validation and early stopping."""
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, validation=0),
        train=dataclasses.replace(config.train, ema=0.0, early_stopping=0),
        optimizer=dataclasses.replace(config.optimizer, learning_rate=LEARNING_RATE),
        augment=AugmentConfig(),
    )


def samples_for(config: Config) -> Dataset:
    """Return random pictures, as many as MNIST has: speed does not depend on what they show.

    If only the data themselves show their shape, the config's own are used.

    Raises:
        DataError: the config's own cannot be read.
    """
    if config.data.dataset not in LIKE_MNIST:
        return load_dataset(config)
    classes = known_outputs(config) or 10
    rng = np.random.default_rng(0)
    train, test = (
        Samples(
            rng.integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8),
            rng.integers(0, classes, count),
        )
        for count in (TRAINING, TEST)
    )
    return Dataset(config.data.dataset, train, test, tuple(map(str, range(classes))))


def batches(samples: int, size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield numbers of samples in random order, full batch after full batch, without end.

    Beside each batch stand the numbers that follow it.
    """
    order = np.random.default_rng(1).permutation(samples)
    while True:
        for start in range(0, max(1, samples - size + 1), size):
            yield order[start : start + size], order[start + size :]


def repeat(action: Callable[[], object], seconds: float) -> list[float]:
    """Return how long an action takes, again and again for some seconds.

    The first runs, which may touch new memory, do not count if there are others: there is a second
    one unless the first takes more than three times `seconds`.
    """
    times: list[float] = []
    start = begin = time.perf_counter()
    while start < begin + (seconds if len(times) > 1 else 3 * seconds) or not times:
        action()
        now = time.perf_counter()
        times.append(now - start)
        start = now
    return times[min(WARM_UP, len(times) // 2) :]


def typical(times: list[float]) -> float:
    """Return the 10th percentile: what an action takes while nothing else disturbs it."""
    return float(np.percentile(times, 10))
