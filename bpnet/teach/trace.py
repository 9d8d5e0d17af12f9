"""Trace the first steps of a run, if they are few enough numbers for a reader."""

from __future__ import annotations

import math

from bpnet.config import Config
from bpnet.errors import ConfigError
from bpnet.model import build_layers, known_input_shape, known_outputs
from bpnet.presets import example_paths
from bpnet.teach.step_trace import StepTrace
from bpnet.teach.traced_run import TracedRun

MOST_NUMBERS = 20_000  # in one trace: some hundred pages


def trace(config: Config, steps: int) -> list[StepTrace]:
    """Record the first steps of a run in float64, on one shard, with plain layers.

    Raises:
        ConfigError: the run has fewer steps, or it is none that could be shown.
        DivergedError: a number is no longer finite.
        DataError: validation would leave nothing to train on.
    """
    check_size(config, steps)
    run = TracedRun(config)
    check_length(run, steps)
    return [run.step() for _ in range(steps)]


def check_size(config: Config, steps: int) -> None:
    """Refuse what is too large to be read.

    Raises:
        ConfigError: the data are no table, or there would be too many numbers.
    """
    data = config.data
    if data.dataset != "table":
        raise ConfigError(
            "trace shows small networks, whose samples stand in the config itself",
            where=config.given.get("data.dataset", "[data] dataset"),
            expected="dataset = table",
            found=f"dataset = {data.dataset}",
            hint=f"one of the worked examples: {', '.join(example_paths())}",
        )
    shape = known_input_shape(config)
    assert shape is not None, "a table tells the shape of its samples"
    layers = build_layers(config, shape, known_outputs(config), [])
    sizes = [math.prod(layer.output_shape) for layer in layers]
    weights = sum(math.prod(s) for layer in layers for s in layer.parameter_shapes.values())
    batch = min(config.train.batch_size, len(data.inputs))
    numbers = steps * (batch * (math.prod(shape) + 2 * sum(sizes)) + 3 * weights)
    if numbers > MOST_NUMBERS:
        raise ConfigError(
            "there are too many numbers to show",
            where=f"{weights:,} parameters, {batch} samples in a step, {steps} steps",
            expected=f"up to {MOST_NUMBERS:,} activations, parameters and gradients in all",
            found=f"{numbers:,}",
            hint="fewer --steps, --set train.batch_size=1, or a smaller network",
        )


def check_length(run: TracedRun, steps: int) -> None:
    """Make sure that a run has so many steps.

    Raises:
        ConfigError: it has fewer.
    """
    epochs, each = run.config.train.epochs, run.steps_per_epoch
    if steps > epochs * each:
        raise ConfigError(
            "the run has fewer steps",
            where="--steps",
            expected=f"at most {epochs * each} (epochs = {epochs}, steps in an epoch: {each})",
            found=steps,
            hint=f"--set train.epochs={-(-steps // each)}",
        )
