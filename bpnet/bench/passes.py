"""Time one shard's passes layer by layer, and the matrix products within them."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bpnet.bench.flops import measure_peak, training_flops
from bpnet.bench.work import bare, batches, repeat, samples_for, typical
from bpnet.config import Config
from bpnet.data.dataset import Samples
from bpnet.model import Model, to_inputs
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.training.parallel import blas_threads, run_all
from bpnet.training.run import prepare_model


def measure_passes(config: Config, seconds: float) -> dict[str, Any]:
    """Return how long each layer of one shard takes, and what the matrix products take.

    Args:
        config: whose first and largest shard is computed, in this process alone.
        seconds: about how long to take.
    """
    config = bare(config)
    dataset = samples_for(config)
    model = prepare_model(config, dataset)
    size = -(-min(config.train.batch_size, len(dataset.train)) // config.train.shards)
    with blas_threads(config.train.blas_threads):
        shard = ShardPass(model, dataset.train, size)
        result = {
            "gemm_gflops": measure_peak(seconds * 0.2),
            "flops_per_sample": sum(training_flops(model.network)),
            "shard_samples": size,
            "layers": time_layers(shard, seconds * 0.4),
        }
        return result | time_products(shard, seconds * 0.4)


class Inputs:
    """Gather the samples of a batch and turn them into a network's inputs.

    Args:
        model: the network.
        samples: what to choose from.
        workspace: where the inputs go.
    """

    def __init__(self, model: Model, samples: Samples, workspace: Workspace) -> None:
        self.model = model
        self.samples = samples
        self.workspace = workspace
        shape = (workspace.max_batch, *samples.inputs.shape[1:])
        self._rows = np.empty(shape, samples.inputs.dtype)

    def forward(self, index: NDArray[np.int64]) -> Array:
        """Return the inputs (*input_shape, batch) of the samples with these numbers."""
        rows = self.samples.inputs.take(index, axis=0, out=self._rows, mode="clip")
        return to_inputs(rows, self.model.normalization, self.workspace.caches(len(index)).inputs)


class ShardPass:
    """Send one part of a batch forward and backward, as a worker does.

    Args:
        model: the network.
        samples: where batches are gathered.
        size: samples of one pass.
    """

    def __init__(self, model: Model, samples: Samples, size: int) -> None:
        self.network = model.network
        self.samples = samples
        self.workspace = Workspace(model.network, size, training=True)
        self.inputs = Inputs(model, samples, self.workspace)
        self._rng = np.random.default_rng(2)

    def run(self, index: NDArray[np.int64]) -> None:
        """Compute loss and gradient of the samples with these numbers."""
        network, caches = self.network, self.workspace.caches(len(index))
        outputs = network.forward(self.inputs.forward(index), caches, self._rng)
        network.loss.forward(outputs, self.samples.targets.take(index, axis=0), caches.loss)
        network.backward(network.loss.backward(outputs, caches.loss, len(index)), caches)

    def repeat(self, action: Callable[[NDArray[np.int64]], object], seconds: float) -> list[float]:
        """Return how long an action on one batch after the other takes under a worker's settings."""
        times: list[float] = []
        indices = batches(len(self.samples), self.workspace.max_batch)
        failure = run_all([lambda: times.extend(repeat(lambda: action(next(indices)), seconds))])
        if failure is not None:
            raise failure
        return times


class Timed:
    """Stand in for a layer or a loss, and note how long its passes take."""

    def __init__(self, part: Any) -> None:
        self._part = part
        self.forward_times: list[float] = []
        self.backward_times: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def forward(self, *arguments: Any) -> Any:
        """Do what the part does, and note the time."""
        start = time.perf_counter()
        output = self._part.forward(*arguments)
        self.forward_times.append(time.perf_counter() - start)
        return output

    def backward(self, *arguments: Any) -> Any:
        """Do what the part does, and note the time."""
        start = time.perf_counter()
        grad_input = self._part.backward(*arguments)
        self.backward_times.append(time.perf_counter() - start)
        return grad_input

    def row(self, name: str, counted: int, flops: int = 0) -> dict[str, Any]:
        """Return what the last `counted` passes took; None for one that is never made."""
        forward = typical(self.forward_times[-counted:])
        backward = typical(self.backward_times[-counted:]) if self.backward_times else None
        return {
            "name": name,
            "forward_seconds": forward,
            "backward_seconds": backward,
            "gflops": flops / (forward + (backward or 0.0)) / 1e9 if flops else None,
        }


def time_layers(shard: ShardPass, seconds: float) -> list[dict[str, Any]]:
    """Return the times of gathering the inputs, of every stage of the network, and of the loss."""
    network, watched = copy.copy(shard.network), copy.copy(shard)
    stages = [Timed(stage.layer) for stage in network.stages]
    inputs, loss = Timed(shard.inputs), Timed(network.loss)
    network.stages = [
        dataclasses.replace(stage, layer=cast(Any, timed))
        for stage, timed in zip(network.stages, stages, strict=True)
    ]
    network.loss = cast(Any, loss)
    watched.network, watched.inputs = network, cast(Any, inputs)
    counted = len(watched.repeat(watched.run, seconds))
    size = shard.workspace.max_batch
    rows = [
        timed.row(timed.name, counted, size * flops)
        for timed, flops in zip(stages, training_flops(shard.network), strict=True)
    ]
    return [inputs.row("input", counted), *rows, loss.row("loss", counted)]


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


def time_products(shard: ShardPass, seconds: float) -> dict[str, float]:
    """Return how long the matrix products of a pass take, and everything else."""
    products: list[float] = []

    def run(index: NDArray[np.int64]) -> None:
        before = clock.seconds
        shard.run(index)
        products.append(clock.seconds - before)

    with matmul_clock() as clock:
        times = shard.repeat(run, seconds)
    products = products[-len(times) :]
    others = [whole - part for whole, part in zip(times, products, strict=True)]
    return {"matmul_seconds": typical(products), "other_seconds": typical(others)}
