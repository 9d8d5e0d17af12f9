"""Find out where numbers stopped being numbers."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import DivergedError
from bpnet.model import Model
from bpnet.training.parallel import Shard


def diverged(
    model: Model,
    epoch: int,
    step: int,
    shards: Sequence[Shard],
    parts: Sequence[NDArray[np.int64]],
) -> DivergedError:
    """Return the error that names epoch, step and the first layer with a number that is none.

    Args:
        model: the network as it is now.
        epoch: its number, from 1.
        step: its number, from 1.
        shards: those of this step; their inputs are sent through the network once more.
        parts: the samples of each.
    """
    return DivergedError(
        "training diverged: a loss or weight is no longer a finite number",
        where=f"epoch {epoch}, step {step}, layer {_first_bad_layer(model, shards, parts)}",
        expected="finite numbers",
        hint="--set optimizer.learning_rate with a smaller value, or --set train.grad_clip=1; "
        "last.npz holds the last good state",
    )


def demand_finite(value: float, checkpoint: Path) -> None:
    """Raise where the weights of a checkpoint are so large that it answers with no number.

    Args:
        value: a loss, or a sum of outputs.
        checkpoint: where it came from.

    Raises:
        DivergedError: the value is not finite.
    """
    if not math.isfinite(value):
        raise DivergedError(
            "the checkpoint's weights have diverged: they give no finite numbers",
            where=checkpoint,
            hint="train again with a smaller optimizer.learning_rate, or with train.grad_clip=1",
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
