"""Compute the shards of a batch side by side, the same bits whatever the number of workers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from bpnet.data.augment import Augmenter
from bpnet.data.dataset import Samples
from bpnet.model import Model, to_inputs
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Caches, Workspace
from bpnet.seeding import derive_rng

UFUNC_BUFFER = 512  # elements; NumPy's 8192 make short strided runs 3–4 times slower
Task = Callable[[], None]


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes 200 µs: once is enough


def blas_threads(count: int) -> AbstractContextManager[Any]:
    """Give every matrix product `count` threads until the context ends."""
    limits: AbstractContextManager[Any] = _blas().limit(limits=count, user_api="blas")
    return limits


def available_cores() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """Run tasks in the calling thread and in `count − 1` threads beside it.

    NumPy lets go of the interpreter's lock inside matrix products and long loops, so threads
    compute side by side. Use it as a context: leaving it ends the threads.

    Args:
        count: threads in all.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._jobs: list[SimpleQueue[Sequence[Task] | None]] = []
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        for jobs in self._jobs:
            jobs.put(None)
        self._jobs.clear()

    def run(self, tasks: Sequence[Task]) -> None:
        """Run all tasks, worker k the tasks k, k + count, …, and return when all have ended.

        Raises:
            BaseException: what a task raised; the others are finished first.
        """
        self._start(min(self.count, len(tasks)) - 1)
        others = self._jobs[: max(0, len(tasks) - 1)]
        stride = len(others) + 1
        for number, jobs in enumerate(others, start=1):
            jobs.put(tasks[number::stride])
        failure = run_all(tasks[::stride])
        for _ in others:
            failure = self._done.get() or failure
        if failure is not None:
            raise failure

    def _start(self, threads: int) -> None:
        """Start threads until there are as many, the first time they are needed."""
        while len(self._jobs) < threads:
            jobs: SimpleQueue[Sequence[Task] | None] = SimpleQueue()
            name = f"bpnet-worker-{len(self._jobs) + 1}"
            threading.Thread(target=self._serve, args=(jobs,), name=name, daemon=True).start()
            self._jobs.append(jobs)

    def _serve(self, jobs: SimpleQueue[Sequence[Task] | None]) -> None:
        while (tasks := jobs.get()) is not None:
            self._done.put(run_all(tasks))


def run_all(tasks: Sequence[Task]) -> BaseException | None:
    """Run tasks one after the other under the settings of a worker; return what one raised."""
    previous = np.setbufsize(UFUNC_BUFFER)
    try:
        # A loss that overflows is found and named by the loop; a warning would only repeat it.
        with np.errstate(all="ignore"):
            for task in tasks:
                task()
    except BaseException as error:
        return error
    finally:
        np.setbufsize(previous)
    return None


class Shard:
    """Compute loss and gradient of one part of each batch.

    Args:
        model: the network, shared by all shards.
        samples: the data set's training samples.
        number: place of this shard in the batch.
        max_batch: samples of its largest part.
    """

    def __init__(self, model: Model, samples: Samples, number: int, max_batch: int) -> None:
        self.model = model
        self.samples = samples
        self.number = number
        self.workspace = Workspace(model.network, max_batch, training=True)
        self.loss_sum = 0.0
        self.correct = 0
        self._rows = np.empty((max_batch, *samples.inputs.shape[1:]), samples.inputs.dtype)
        config = model.config
        self._draws = any(layer.draws for layer in model.network.layers)
        self._augment = (
            None
            if config.augment.is_identity
            else Augmenter(config.augment, samples.inputs.shape[1:], config.train.seed)
        )

    def compute(self, index: NDArray[np.int64], batch_size: int, epoch: int, step: int) -> None:
        """Overwrite gradient, loss sum and number of correct answers by those of some samples.

        Args:
            index: numbers of the samples in the data set.
            batch_size: samples of the whole batch, by which the gradient is divided.
            epoch: number of the epoch, and
            step: of the step; with the shard's own they fix all random draws.
        """
        network = self.model.network
        caches = self.workspace.caches(len(index))
        rows = self._rows[: len(index)]
        self.samples.inputs.take(index, axis=0, out=rows, mode="clip")
        if self._augment is not None:
            self._augment(rows, index, epoch, out=rows)
        inputs = to_inputs(rows, self.model.normalization, caches.inputs)
        outputs = network.forward(inputs, caches, self._rng(epoch, step))
        targets = self.samples.targets.take(index, axis=0)
        self.loss_sum = network.loss.forward(outputs, targets, caches.loss)
        self.correct = caches.loss.correct
        network.backward(network.loss.backward(outputs, caches.loss, batch_size), caches)

    @property
    def gradient(self) -> Array:
        """Return this shard's flat gradient, valid until the next `compute`."""
        assert self.workspace.gradients is not None
        return self.workspace.gradients.flat

    def caches(self, batch: int) -> Caches:
        """Return what the last call with `batch` samples left behind."""
        return self.workspace.caches(batch)

    def _rng(self, epoch: int, step: int) -> np.random.Generator | None:
        if not self._draws:
            return None
        return derive_rng(self.model.config.train.seed, "layers", epoch, step, self.number)


class ThreadTeam:
    """Compute the shards of a batch in threads.

    Args:
        shards: what to compute.
        workers: the threads.
    """

    def __init__(self, shards: Sequence[Shard], workers: Workers) -> None:
        self.shards = shards
        self.workers = workers

    def __enter__(self) -> ThreadTeam:
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the threads to whoever made them."""

    def compute(
        self, parts: Sequence[NDArray[np.int64]], batch_size: int, epoch: int, step: int
    ) -> None:
        """Let every shard compute loss and gradient of its part of the batch."""
        pairs = zip(self.shards, parts, strict=False)
        self.workers.run([task_of(shard, part, batch_size, epoch, step) for shard, part in pairs])


def task_of(shard: Shard, part: NDArray[np.int64], batch_size: int, epoch: int, step: int) -> Task:
    """Return the task of computing a shard's part of a batch."""
    return partial(shard.compute, part, batch_size, epoch, step)


def split_batch(index: NDArray[np.int64], shards: int) -> list[NDArray[np.int64]]:
    """Split a batch into parts of nearly equal size, larger ones first; parts may be empty."""
    return np.array_split(index, shards)


def blas_description() -> list[dict[str, Any]]:
    """Return which libraries compute matrix products, and with how many threads."""
    keys = ("internal_api", "version", "architecture", "num_threads")
    return [{key: library.get(key) for key in keys} for library in _blas().info()]
