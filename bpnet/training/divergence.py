"""Find out where numbers stopped being numbers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import DivergedError
from bpnet.model import Model
from bpnet.training.parallel import Shard
from bpnet.training.progress import Progress


def diverged(
    model: Model,
    progress: Progress,
    shards: Sequence[Shard],
    parts: Sequence[NDArray[np.int64]],
) -> DivergedError:
    """Return the error that names epoch, step and the first layer with a number that is none.

    Args:
        model: the network as it is now.
        progress: the place of the run.
        shards: those of the last step; their inputs are sent through the network once more.
        parts: the samples of each.
    """
    return DivergedError(
        "training diverged: a loss or weight is no longer a finite number",
        where=f"epoch {progress.epoch + 1}, step {progress.step + 1}, "
        f"layer {_first_bad_layer(model, shards, parts)}",
        expected="finite numbers",
        hint="--set optimizer.learning_rate with a smaller value, or --set train.grad_clip=1; "
        "last.npz holds the last good state",
    )


def _first_bad_layer(
    model: Model, shards: Sequence[Shard], parts: Sequence[NDArray[np.int64]]
) -> str:
    """Name the first layer with a weight, else with an output, that is not finite."""
    for layer in model.network.layers:
        if not all(np.isfinite(getattr(layer, role)).all() for role in layer.parameter_shapes):
            return f"{layer.name} (its weights)"
    for shard, part in zip(shards, parts, strict=True):
        caches = shard.caches(len(part))
        x = caches.inputs
        with np.errstate(all="ignore"):
            for layer, cache in zip(model.network.layers, caches.layers, strict=True):
                if layer.draws:
                    continue  # its mask is spent, and it makes no number infinite by itself
                x = layer.forward(x, cache)
                if not np.isfinite(x).all():
                    return f"{layer.name} (its output)"
    return f"{model.config.train.loss} (the loss)"
