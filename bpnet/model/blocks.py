"""Let workers answer many samples, one block after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bpnet.model.ensemble import Answers, Ensemble
from bpnet.model.forks import map_forked, may_fork
from bpnet.model.workers import Workers, worker_settings
from bpnet.nn.layer import Array

BLOCK = 64  # samples at a time: memory stays small, and products large enough
LARGE_BLOCK = 5_000_000  # numbers that the layers write: beyond, half of BLOCK is as fast
PERCEPTRON_BLOCK = 1000  # without convolutions numbers are few, and short calls cost most
MOST_NUMBERS = 25_000_000  # that the layers write for a block: fewer samples where they need more
FORKED_WORK = 2e9  # multiply-adds from which processes repay their 8 ms

Result = TypeVar("Result")


def block_size(ensemble: Ensemble) -> int:
    """Return how many samples are answered at a time."""
    layers = [layer for model in ensemble.members for layer in model.network.layers]
    numbers = sum(layer.activations() for layer in layers)
    most = PERCEPTRON_BLOCK
    if None in ensemble.programs(BLOCK):
        most = BLOCK if BLOCK * numbers <= LARGE_BLOCK else BLOCK // 2
    return max(1, min(most, MOST_NUMBERS // numbers))


def by_blocks(
    ensemble: Ensemble,
    samples: int,
    workers: Workers,
    compute: Callable[[Answers, slice], Result],
    part: tuple[int, int] = (0, 1),
) -> list[Result]:
    """Return `compute(answers, block)` for every block of the samples, in order.

    Blocks do not depend on the workers, nor do their results: these are the same bits whether
    threads or processes compute them.

    Args:
        ensemble: who answers.
        samples: how many there are.
        workers: who computes.
        compute: given answers in memory that nobody else uses meanwhile, and where a block lies.
        part: compute only these blocks: of so many nearly equal parts, the one of this number.
            Their results are the same as among all.
    """
    size = block_size(ensemble)
    blocks = [slice(start, min(start + size, samples)) for start in range(0, samples, size)]
    most = min(size, samples)
    first, last = (len(blocks) * number // part[1] for number in (part[0], part[0] + 1))
    blocks = blocks[first:last]
    if workers.count > 1 and workers.kind != "threads" and _repays_forks(ensemble, samples):
        answers = Answers(ensemble, most)  # each process writes to a copy of its own
        with worker_settings():
            return map_forked(
                lambda number: compute(answers, blocks[number]), len(blocks), workers.count
            )
    results: dict[int, Result] = {}
    failed = threading.Event()  # Ctrl-C included: no worker need finish its blocks

    def compute_every(first: int) -> None:
        answers = Answers(ensemble, most)
        for number in range(first, len(blocks), workers.count):
            if failed.is_set():
                return
            try:
                results[number] = compute(answers, blocks[number])
            except BaseException:
                failed.set()
                raise

    workers.run([partial(compute_every, first) for first in range(workers.count)])
    return [results[number] for number in range(len(blocks))]


def probabilities(ensemble: Ensemble, inputs: NDArray[Any], workers: Workers) -> Array:
    """Return the class probabilities (samples, classes) of many samples."""
    return np.concatenate(
        by_blocks(
            ensemble,
            len(inputs),
            workers,
            lambda answers, block: answers.probabilities(inputs[block]),
        )
    )


def answers_to(ensemble: Ensemble, inputs: NDArray[Any], workers: Workers) -> Array:
    """Return class probabilities (samples, classes), or estimates (samples, outputs), of many."""
    if ensemble.members[0].class_names:
        return probabilities(ensemble, inputs, workers)
    return np.concatenate(
        by_blocks(
            ensemble,
            len(inputs),
            workers,
            lambda answers, block: answers.loss.estimates(answers.outputs(inputs[block])).T.copy(),
        )
    )


def _repays_forks(ensemble: Ensemble, samples: int) -> bool:
    """Return whether processes are faster than threads: with many calls that are short."""
    if not may_fork() or None not in ensemble.programs(BLOCK):
        return False
    layers = [layer for model in ensemble.members for layer in model.network.layers]
    work = sum(layer.multiply_adds() for layer in layers) * ensemble.views * samples
    return work >= FORKED_WORK
