"""Find out where numbers stopped being numbers."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.errors import DivergedError
from bpnet.model import Model, to_inputs
from bpnet.nn.sequential import Workspace


def diverged(
    model: Model, epoch: int, step: int, samples: NDArray[Any] | None = None
) -> DivergedError:
    """Return the error that names epoch, step and the first layer with a number that is none.

    Args:
        model: the network as it is now.
        epoch: its number, from 1.
        step: its number, from 1.
        samples: those of this step, which are sent through the network once more.
    """
    return DivergedError(
        "training diverged: a loss or weight is no longer a finite number",
        where=f"epoch {epoch}, step {step}, layer {_first_bad_layer(model, samples)}",
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


def _first_bad_layer(model: Model, samples: NDArray[Any] | None) -> str:
    """Name the first layer with a weight, else with an output, that is not finite."""
    network = model.network
    for layer in network.layers:
        if not all(np.isfinite(getattr(layer, role)).all() for role in layer.parameter_shapes):
            return f"{layer.name} (its weights)"
    if samples is not None:
        caches = Workspace(network, len(samples), training=True).caches(len(samples))
        x = to_inputs(samples, model.normalization, caches.inputs)
        with np.errstate(all="ignore"):
            for stage, cache in zip(network.stages, caches.stages, strict=True):
                if stage.layer.draws:
                    continue  # it makes no number infinite by itself
                x = stage.layer.forward(x, cache)
                if not np.isfinite(x).all():
                    return f"{stage.layer.name} (its output)"
    return f"{model.config.train.loss} (the loss)"
