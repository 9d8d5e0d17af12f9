"""Time the matrix products within a training step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from bpnet.bench.speed import steps
from bpnet.bench.work import repeat, typical
from bpnet.training.loop import Trainer


class Clock:
    """Add up seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0


@contextmanager
def matmul_clock() -> Iterator[Clock]:
    """Add up how long the calls of `numpy.matmul` take while the block runs."""
    matmul, clock = np.matmul, Clock()

    def timed(*arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return matmul(*arguments, **options)
        finally:
            clock.seconds += time.perf_counter() - start

    np.matmul = cast(Any, timed)
    try:
        yield clock
    finally:
        np.matmul = matmul


def time_products(trainer: Trainer, seconds: float) -> dict[str, float]:
    """Return how long matrix products, and everything else, take per shard of a step.

    Args:
        trainer: with one worker.
        seconds: about how long to take.
    """
    step = steps(trainer)
    products: list[float] = []

    def run() -> None:
        before = clock.seconds
        step()
        products.append(clock.seconds - before)

    with matmul_clock() as clock, trainer.engine:
        times = repeat(run, seconds)
    products = products[-len(times) :]
    others = [whole - part for whole, part in zip(times, products, strict=True)]
    shards = len(trainer.engine.shards)
    return {
        "matmul_seconds": typical(products) / shards,
        "other_seconds": typical(others) / shards,
    }
