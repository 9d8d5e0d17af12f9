"""Trace the first steps of a run, if they are few enough numbers for a document."""

from __future__ import annotations

import math
from collections.abc import Callable

from bpnet.config.network import build_layers, known_input_shape
from bpnet.config.settings import Config
from bpnet.data.dataset import Dataset
from bpnet.data.load import load_dataset
from bpnet.errors import ConfigError
from bpnet.nn.layer import Shape
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.traced_run import TracedRun

MOST_NUMBERS = 1_000_000  # in one trace: some 50 MB of JSON, which programs still read at once
MOST_ON_PAGE = 4_000_000  # of those that are pictures on a page

LARGE_NETWORKS = (
    "a smaller network, by --set model.layers='linear 30, …' or another preset such as tiny; "
    "bpnet report shows what a large one has learned"
)


def trace(
    config: Config,
    steps: int,
    load: Callable[[Config], Dataset] = load_dataset,
    most: int = MOST_NUMBERS,
) -> list[StepTrace]:
    """Record the first steps of a run in float64, on one shard, with plain layers.

    A run that has fewer steps is made longer.

    Args:
        config: of the run.
        steps: how many.
        load: gets the data set, once it is clear that the trace will not be too large.
        most: numbers that are not too many.

    Raises:
        ConfigError: there would be too many numbers.
        DivergedError: a number is no longer finite.
        DataError: the data cannot be had, or validation would leave nothing to train on.
    """
    shape = known_input_shape(config)
    if shape is not None:
        check_size(config, shape, steps, most)
    dataset = load(config)
    if shape is None:
        check_size(config, dataset.input_shape, steps, most)
    run = TracedRun(config, dataset)
    epochs = -(-steps // run.steps_per_epoch)
    if epochs > config.train.epochs:
        run = TracedRun(config.with_epochs(epochs), dataset)
    return [run.step() for _ in range(steps)]


def check_size(config: Config, shape: Shape, steps: int, most: int = MOST_NUMBERS) -> None:
    """Refuse what is too large to be looked through.

    Args:
        config: of the run.
        shape: of a sample.
        steps: how many.
        most: numbers that are not too many.

    Raises:
        ConfigError: there would be too many numbers.
    """
    layers = build_layers(config, shape, None, [])
    weights = sum(math.prod(size) for layer in layers for size in layer.parameter_shapes.values())
    outputs = sum(math.prod(layer.output_shape) for layer in layers)
    batch = config.train.samples_per_step
    if config.data.dataset == "table":
        batch = min(batch, len(config.data.inputs))

    def numbers(steps: int, samples: int) -> int:
        return steps * (samples * (math.prod(shape) + 2 * outputs) + 3 * weights)

    if numbers(steps, batch) <= most:
        return
    hint = LARGE_NETWORKS
    if numbers(1, 1) <= most:
        hint = "--set train.batch_size=1" + (", or fewer --steps" if steps > 1 else "")
    raise ConfigError(
        "there are too many numbers to show",
        where=f"{weights:,} parameters, samples in a step: {batch}, steps: {steps}",
        expected=f"up to {most:,} activations, parameters and gradients in all",
        found=f"{numbers(steps, batch):,}",
        hint=hint,
    )
