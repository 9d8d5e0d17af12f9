"""Check all gradients of the network that a config describes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet.config import Config
from bpnet.data.load import load_dataset
from bpnet.errors import CheckFailedError
from bpnet.model import (
    Model,
    Normalization,
    build_layers,
    build_model,
    known_input_shape,
    known_outputs,
    to_inputs,
)
from bpnet.nn.layer import Array
from bpnet.nn.sequential import Sequential
from bpnet.seeding import derive_rng
from bpnet.teach.checker import Check, Checker, KinkError
from bpnet.teach.cost import Cost, measure_cost
from bpnet.teach.mistakes import Mistake, plant_mistake
from bpnet.teach.probe import Probe
from bpnet.teach.projection import SMALLEST
from bpnet.teach.training_gradient import bare_descent, followed_gradient, plain_gradient
from bpnet.training.parallel import blas_threads

SAMPLES = 8  # at which slopes are compared
MOST = 128  # samples of the training step, or the config's batch where that is smaller
JITTER = 1e-3  # by which a point is moved that lies at kinks
ATTEMPTS = 4  # to find a point

Rng = np.random.Generator


@dataclass(frozen=True)
class Samples:
    """Hold random samples that suit a network, or a table's own.

    Args:
        inputs: sample first (samples, *input_shape), float64.
        targets: class numbers (samples,) or numbers (samples, outputs).
    """

    inputs: NDArray[np.float64]
    targets: NDArray[Any]

    def first(self, count: int) -> Samples:
        """Return the first so many samples."""
        return Samples(self.inputs[:count], self.targets[:count])

    def columns(self) -> Array:
        """Return network inputs (*input_shape, samples)."""
        shape = (*self.inputs.shape[1:], len(self.inputs))
        return to_inputs(self.inputs, Normalization(), np.empty(shape))


@dataclass(frozen=True)
class Report:
    """Hold what a check of all gradients found.

    Args:
        checks: one per gradient, in forward order.
        samples: at how many samples slopes were compared.
        moved: how often the point had to be moved away from kinks.
        mistake: what was planted, if anything was.
        cost: of passes in the config's own element type.
    """

    checks: list[Check]
    samples: int
    moved: int
    mistake: Mistake | None
    cost: Cost

    @property
    def passed(self) -> bool:
        """Tell whether all gradients agree."""
        return all(check.passed for check in self.checks)

    @property
    def culprit(self) -> Check | None:
        """Return the last wrong gradient in forward order: it does not suffer from others."""
        wrong = [check for check in self.checks if not check.passed]
        return wrong[-1] if wrong else None


class Observer:
    """Be told how a check goes on; by itself it does nothing."""

    def started(self, total: int) -> None:
        """Hear that so many comparisons begin."""

    def done(self) -> None:
        """Hear that one is done."""


def run_gradcheck(
    config: Config,
    sabotage: str | None = None,
    *,
    elements: bool = False,
    seconds: float = 1.0,
    observer: Observer | None = None,
) -> Report:
    """Check every gradient of a config's network in float64, and measure what they cost.

    The point is that of the starting weights. If kinks leave no way through it, it is moved a
    little, and the report says so. Where a mistake is planted, fast paths and training, which
    would not run it, are left out.

    Args:
        config: network, loss and starting weights are used; of its data only a table.
        sabotage: layer in which to plant a mistake.
        elements: whether parameters are checked element by element, too.
        seconds: about how long to time passes.
        observer: is told how it goes on.

    Raises:
        ConfigError: the network does not fit its data, or there is no such layer.
        DataError: only the data tell the shape of the pictures, and they cannot be read.
        CheckFailedError: every direction crosses a kink, beside the point as well.
    """
    rng = derive_rng(config.train.seed, "gradcheck")
    samples = suitable_samples(config, rng)
    model = build(config, samples, "float64")
    network = plain_network(model)
    mistake = plant_mistake(network, sabotage) if sabotage is not None else None
    few = samples.first(SAMPLES)
    for moved in range(ATTEMPTS):
        plain, fast = (Probe(net, few.columns(), few.targets) for net in (network, model.network))
        checker = Checker(plain, fast, rng)
        try:
            checks = list(_checks(checker, elements, mistake is None, observer or Observer()))
            break
        except KinkError as error:
            if moved + 1 == ATTEMPTS:
                raise CheckFailedError(
                    "no point was found through which a direction leads without crossing a kink",
                    where=error,
                    hint="give other starting weights, or another [train] seed",
                ) from error
            network.parameters.flat += JITTER * rng.normal(size=network.parameters.flat.size)
            few = Samples(few.inputs + JITTER * rng.normal(size=few.inputs.shape), few.targets)
    if mistake is None:
        checks += training_checks(config, samples)
    return Report(checks, len(few.inputs), moved, mistake, cost(config, samples, seconds))


def _checks(
    checker: Checker, elements: bool, is_whole: bool, observer: Observer
) -> Iterator[Check]:
    """Yield the checks of layers and loss, and of fast paths where all is checked."""
    gradients = [*checker.of_layers(), checker.of_loss()]
    one_by_one = [gradient for gradient in gradients if elements and gradient.is_parameter]
    if is_whole:
        gradients += checker.of_fast_paths()
    observer.started(len(gradients) + sum(gradient.at.size for gradient in one_by_one))
    for gradient in gradients:
        yield checker.along_direction(gradient)
        observer.done()
        if gradient in one_by_one:
            yield checker.element_by_element(gradient, observer.done)


def suitable_samples(config: Config, rng: Rng) -> Samples:
    """Return a table's own samples, or random ones of the shape that the network takes.

    Random numbers stand beside each other in no ties, as the blank parts of real pictures do.
    """
    shape, outputs = known_input_shape(config), known_outputs(config)
    if config.data.dataset == "table" or shape is None or outputs is None:
        dataset = load_dataset(config)
        stored, targets = dataset.train.inputs, dataset.train.targets
        if config.data.dataset == "table":
            everything = np.arange(len(stored))
            normal = Normalization.of(config.data.normalize, stored, everything)
            count = min(config.train.batch_size, len(stored))
            return Samples(normal.scale * stored + normal.offset, targets).first(count)
        shape, outputs = dataset.input_shape, len(dataset.class_names)
    count = max(SAMPLES, min(config.train.batch_size, MOST))
    return Samples(rng.normal(size=(count, *shape)), rng.integers(0, outputs, count))


def build(config: Config, samples: Samples, dtype: str) -> Model:
    """Return the model of a config in this element type, made bare of all that training adds."""
    config = dataclasses.replace(
        bare_descent(config), model=dataclasses.replace(config.model, dtype=dtype)
    )
    targets = samples.targets
    outputs = known_outputs(config) or int(targets.max()) + 1
    names = tuple(map(str, range(outputs))) if targets.ndim == 1 else ()
    return build_model(config, samples.inputs.shape[1:], outputs, Normalization(), names)


def plain_network(model: Model) -> Sequential:
    """Return the same network with every layer by itself, and parameters of its own."""
    network = model.network
    layers = build_layers(model.config, network.input_shape, None, [])
    plain = Sequential(layers, network.loss, network.dtype, fast=False)
    plain.parameters.flat[...] = network.parameters.flat
    plain.state.flat[...] = network.state.flat
    return plain


def training_checks(config: Config, samples: Samples) -> Iterator[Check]:
    """Yield how far the gradient that a training step follows is from the textbook's."""
    model = build(config, samples, "float64")
    plain = plain_network(model)
    wanted = plain_gradient(plain, model.config, samples.columns(), samples.targets)
    found = followed_gradient(model, samples.inputs, samples.targets)
    for name, values in wanted.views.items():
        largest = max(np.abs(values).max(), np.abs(found.views[name]).max(), SMALLEST)
        error = float(np.abs(found.views[name] - values).max() / largest)
        yield Check("training step", name, values.shape, error)


def cost(config: Config, samples: Samples, seconds: float) -> Cost:
    """Return what passes cost in the config's element type, with one shard's samples."""
    model = build(config, samples, config.model.dtype)
    shards = 1 if config.train.split == "units" else config.train.shards
    shard = samples.first(-(-len(samples.inputs) // shards))
    inputs = shard.columns().astype(model.network.dtype)
    with blas_threads(1):
        return measure_cost(model.network, inputs, shard.targets, seconds)
