"""Time one shard's passes layer by layer."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bpnet.bench.flops import measure_peak, training_flops
from bpnet.bench.products import time_products
from bpnet.bench.speed import open_trainer
from bpnet.bench.work import bare, batches, repeat, samples_for, typical
from bpnet.config.settings import Config
from bpnet.data.dataset import Samples
from bpnet.model.model import Model
from bpnet.model.workers import run_all
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.training.step.feed import Feed

MOST = 1024  # samples of a batch; the first ones of a larger batch


def measure_passes(config: Config, seconds: float) -> dict[str, Any]:
    """Return what the layers, and the matrix products, of one shard take on their own.

    Args:
        config: what to train; all is done in this process and thread, one shard after the other.
        seconds: about how long to take.
    """
    config = bare(config).with_workers("1")
    dataset = samples_for(config)
    batch = min(config.train.batch_size, len(dataset.train), MOST)
    train = dataclasses.replace(config.train, batch_size=batch, accumulate=1)
    config = dataclasses.replace(config, train=train)
    with open_trainer(config, dataset) as trainer:
        shard = ShardPass(trainer.model, dataset.train, -(-batch // config.train.shards))
        return {
            "gemm_gflops": measure_peak(seconds * 0.2),
            "flops_per_sample": sum(training_flops(trainer.model.network)),
            "shard_samples": shard.size,
            "layers": time_layers(shard, seconds * 0.4),
            **time_products(trainer, seconds * 0.4),
        }


class Inputs:
    """Gather samples as training does.

    Args:
        feed: what gathers them.
        workspace: where they go.
    """

    def __init__(self, feed: Feed, workspace: Workspace) -> None:
        self._feed = feed
        self._workspace = workspace

    def forward(self, index: NDArray[np.int64]) -> Array:
        """Return the inputs (*input_shape, batch) of the samples with these numbers."""
        return self._feed.fill(index, 0, self._workspace.caches(len(index)).inputs)


class ShardPass:
    """Send one shard of a batch forward and backward, as a worker does.

    All gradients are computed here, those of large weights too, which training computes for the
    whole batch at once (`training/step/large_weight.py`).

    Args:
        model: the network.
        samples: where batches are gathered.
        size: samples of one pass.
    """

    def __init__(self, model: Model, samples: Samples, size: int) -> None:
        self.network = model.network
        self.size = size
        self.workspace = Workspace(model.network, size, training=True)
        self.feed = Feed(model, samples, size)
        self.inputs = Inputs(self.feed, self.workspace)
        self._indices = batches(len(samples), size)
        self._draws = Draws(seed=2, epoch=0, step=0)

    def run(self) -> None:
        """Compute loss and gradient of the next samples."""
        network, caches = self.network, self.workspace.caches(self.size)
        index, _ = next(self._indices)
        outputs = network.forward(self.inputs.forward(index), caches, self._draws)
        network.loss.forward(outputs, self.feed.targets(index, 0), caches.loss)
        network.backward(network.loss.backward(outputs, caches.loss, self.size), caches)


def repeat_as_worker(action: Callable[[], object], seconds: float) -> list[float]:
    """Return how long an action takes under the settings of a worker, again and again."""
    times: list[float] = []
    failure = run_all([lambda: times.extend(repeat(action, seconds))])
    if failure is not None:
        raise failure
    return times


class Timed:
    """Stand in for a layer or a loss, and record how long its passes take."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self.forward_times: list[float] = []
        self.backward_times: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def forward(self, *arguments: Any) -> Any:
        """Do what the original does, and record the time."""
        start = time.perf_counter()
        output = self._original.forward(*arguments)
        self.forward_times.append(time.perf_counter() - start)
        return output

    def backward(self, *arguments: Any) -> Any:
        """Do what the original does, and record the time."""
        start = time.perf_counter()
        grad_input = self._original.backward(*arguments)
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
    counted = len(repeat_as_worker(watched.run, seconds))
    rows = [
        timed.row(timed.name, counted, shard.size * flops)
        for timed, flops in zip(stages, training_flops(shard.network), strict=True)
    ]
    return [inputs.row("input", counted), *rows, loss.row("loss", counted)]
