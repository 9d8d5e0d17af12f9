"""Find out where numbers stopped being finite."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config.settings import Config, OptimizerConfig
from bpnet.errors import DivergedError
from bpnet.model.inputs import to_inputs
from bpnet.model.model import Model
from bpnet.model.run_files import CONFIG, LAST
from bpnet.nn.draws import Draws
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Workspace
from bpnet.nn.stage import Visitor
from bpnet.training.resume import new_run


def diverged(
    model: Model,
    epoch: int,
    step: int,
    samples: NDArray[Any] | None = None,
    run_dir: Path | None = None,
    *,
    has_improved: bool = True,
) -> DivergedError:
    """Return the error that names epoch, step and the first layer with a number that is not finite.

    Args:
        model: the network as it is now.
        epoch: its number, from 1.
        step: its number, from 1.
        samples: those of this step, which are sent through the network once more.
        run_dir: of the run, if it has one.
        has_improved: whether the weights saved there are better than those at the start.
    """
    command: tuple[str, ...] = ()
    hint = "--set optimizer.learning_rate with a smaller value, or --set train.grad_clip=1"
    rate = (smaller_rate(model.config),)
    if run_dir is not None and has_improved and (run_dir / LAST).is_file():
        hint += "; in a new run from the best weights saved:"
        command = new_run(run_dir, None, rate)
    elif run_dir is not None and (run_dir / CONFIG).is_file():
        hint += "; in a new run from the start:"
        command = new_run(None, str(run_dir / CONFIG), rate)
    return DivergedError(
        "training diverged: a loss or weight is no longer a finite number",
        where=f"epoch {epoch}, step {step}, layer {_first_bad_layer(model, epoch, step, samples)}",
        expected="finite numbers",
        hint=hint,
        command=command,
    )


def smaller_rate(config: Config) -> str:
    """Return the setting of a rate so much smaller that the advice need not be given twice."""
    rate = min(config.optimizer.learning_rate / 100, OptimizerConfig().learning_rate)
    return f"optimizer.learning_rate={rate:g}"


def _first_bad_layer(model: Model, epoch: int, step: int, samples: NDArray[Any] | None) -> str:
    """Name the first layer with a weight, else with an output, that is not finite."""
    network = model.network
    for layer in network.layers:
        if not all(np.isfinite(getattr(layer, role)).all() for role in layer.parameter_shapes):
            return f"{layer.name} (its weights)"
    search = _Search()
    if samples is not None:
        caches = Workspace(network, len(samples), training=True).caches(len(samples))
        inputs = to_inputs(samples, model.normalization, caches.inputs)
        draws = Draws(model.config.train.seed, epoch - 1, step - 1)
        with np.errstate(all="ignore"):
            network.forward(inputs, caches, draws, search)
        if search.stage is not None:
            return f"{network.stages[search.stage].layer.name} (its output)"
    return f"{model.config.train.loss} (the loss)"


class _Search(Visitor):
    """Look for the first stage whose output is not finite."""

    def __init__(self) -> None:
        self.stage: int | None = None

    def output(self, stage: int, output: Array) -> None:
        if self.stage is None and not np.isfinite(output).all():
            self.stage = stage
