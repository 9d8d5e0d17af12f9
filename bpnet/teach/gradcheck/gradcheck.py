"""Check all gradients of the network that a config describes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bpnet.config.network import known_outputs
from bpnet.config.settings import Config
from bpnet.errors import DivergedError
from bpnet.machine import blas_threads
from bpnet.model.build import build_model
from bpnet.model.inputs import Normalization
from bpnet.model.model import Model
from bpnet.model.workers import Workers
from bpnet.nn.facts import Mistake
from bpnet.nn.sequential import Sequential
from bpnet.seeding import derive_rng
from bpnet.teach.gradcheck.checker import Check, check_elements, check_gradient
from bpnet.teach.gradcheck.cost import Cost, measure_cost
from bpnet.teach.gradcheck.mistakes import plant_mistake
from bpnet.teach.gradcheck.network_gradients import PARTS, NetworkGradients
from bpnet.teach.gradcheck.probe import Probe
from bpnet.teach.gradcheck.samples import SAMPLES, CheckSamples, suitable_samples
from bpnet.teach.gradcheck.special_values import leave_degenerate, leave_starts
from bpnet.teach.gradcheck.training_gradient import TrainingStep, bare_descent
from bpnet.training.step.sample_shard import micro_batch_size

JITTERS = (0.0, 1e-3, 1e-2, 1e-1)  # by which a point is moved, until it lies at no kink

Rng = np.random.Generator


@dataclass(frozen=True)
class Report:
    """Hold what a check of all gradients found.

    Args:
        checks: one per gradient: layers in forward order, loss, fast paths, training step.
        samples: at how many samples slopes were compared.
        drawn: the parameters that were drawn away from their starts, and values of layers that were
            moved.
        moved: by how much the point was moved away from kinks.
        mistake: what was planted, if anything was.
        cost: of passes in the config's own element type.
    """

    checks: list[Check]
    samples: int
    drawn: list[str]
    moved: float
    mistake: Mistake | None
    cost: Cost

    @property
    def passed(self) -> bool:
        """Return whether all gradients agree."""
        return all(check.passed for check in self.checks)

    @property
    def culprit(self) -> Check | None:
        """Return a wrong gradient that does not suffer from others.

        It is the last in forward order: of the layers, if any of theirs is wrong.
        """
        wrong = [check for check in self.checks if not check.passed]
        of_parts = ([c for c in wrong if c.gradient.part == part] for part in PARTS)
        return next((checks[-1] for checks in of_parts if checks), None)


class CheckObserver:
    """Watch a check: it calls these methods; by default they do nothing."""

    def started(self, total: int) -> None:
        """Note that `total` comparisons begin."""

    def done(self) -> None:
        """Note that one is done."""


def run_gradcheck(
    config: Config,
    sabotage: str | None = None,
    *,
    elements: bool = False,
    seconds: float = 1.0,
    observer: CheckObserver | None = None,
) -> Report:
    """Check every gradient of a config's network in float64, and measure what they cost.

    The point is that of the starting weights, with γ, β and biases drawn anew, and values such as
    the factor of `scale 1` moved: at 1 and 0, a factor or a term that backward forgets would not be
    missed. If kinks leave no way through the point, it is moved a little, and the report says so.
    Where a mistake is planted, fast paths and training, which would not run it, are left out.

    Args:
        config: network, loss and starting weights are used; of its data only a table.
        sabotage: layer or loss in which to plant a mistake, with its number where it is not the
            first.
        elements: whether parameters are checked element by element, too.
        seconds: about how long to time passes.
        observer: is told how it goes on.

    Raises:
        ConfigError: the network does not fit its data, or there is no such layer or mistake.
        DataError: only the data tell the shape of the pictures, and they cannot be read.
        DivergedError: the loss is not finite.
    """
    rng = derive_rng(config.train.seed, "gradcheck")
    samples = suitable_samples(config, rng)
    general, moved = leave_degenerate(config)
    model = build(general, samples, "float64")
    network = model.plain().network
    mistake = plant_mistake(network, sabotage) if sabotage is not None else None
    few = samples.first(SAMPLES)
    drawn = leave_starts(network.parameters, general, rng)
    with blas_threads(1), np.errstate(all="ignore"):
        for distance in JITTERS:
            few = few.moved(distance, rng)
            network.parameters.flat += distance * rng.normal(size=network.parameters.flat.size)
            point = gradients_at(network, model.network, few)
            found = _checks(point, elements, mistake is None, rng, observer or CheckObserver())
            checks = list(_until_kink(found) if distance < JITTERS[-1] else found)
            if all(check.relative_error is not None for check in checks):
                break
        if mistake is None:
            checks += training_checks(general, samples, rng, distance)
        costs = cost(config, samples, seconds)
        return Report(checks, len(few), drawn + moved, distance, mistake, costs)


def gradients_at(plain: Sequential, fast: Sequential, samples: CheckSamples) -> NetworkGradients:
    """Return the gradients at these samples.

    Raises:
        DivergedError: the loss is not finite.
    """
    probes = [Probe(net, samples.columns(), samples.targets) for net in (plain, fast)]
    loss = probes[0].loss(probes[0].inputs)
    if not math.isfinite(loss):
        raise DivergedError(
            "the loss has no slope that could be compared",
            where="the point of the check",
            expected="a finite loss",
            found=loss,
            hint="smaller inputs, targets or weights",
        )
    return NetworkGradients(*probes)


def _checks(
    point: NetworkGradients, elements: bool, is_whole: bool, rng: Rng, observer: CheckObserver
) -> Iterator[Check]:
    """Yield the checks of layers and loss, and of fast paths where all is checked."""
    gradients = [*point.of_layers(), point.of_loss()]
    names = point.plain.network.parameters.views
    one_by_one = [one for one in gradients if elements and one.parameter in names]
    if is_whole:
        gradients += point.of_fast_paths()
    observer.started(len(gradients) + sum(gradient.at.size for gradient in one_by_one))
    for gradient in gradients:
        yield check_gradient(gradient, rng)
        observer.done()
        if gradient in one_by_one:
            yield check_elements(gradient, observer.done)


def _until_kink(checks: Iterator[Check]) -> Iterator[Check]:
    """Yield checks up to the first that could compare nothing."""
    for check in checks:
        yield check
        if check.relative_error is None:
            return


def build(config: Config, samples: CheckSamples, dtype: str) -> Model:
    """Return the model of a config in this element type, made bare of all that training adds."""
    targets = samples.targets
    outputs = known_outputs(config) or int(targets.max()) + 1
    config = bare_descent(config, len(samples))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, dtype=dtype))
    names = tuple(map(str, range(outputs))) if targets.ndim == 1 else ()
    return build_model(config, samples.inputs.shape[1:], outputs, Normalization(), names)


def training_checks(
    config: Config, samples: CheckSamples, rng: Rng, distance: float
) -> list[Check]:
    """Check the gradient that a whole training step follows.

    Its shards are not equally large, and in micro-batches where the config's are.

    Args:
        config: what is trained.
        samples: the first of them make the step's batch.
        rng: draws directions.
        distance: from the starting weights, apart from what is drawn anew, and the samples.
    """
    shards = config.train.shards
    model = build(config, samples, "float64")
    micro_batch = micro_batch_size(model.network, len(samples), len(samples))
    takes_some = micro_batch * shards < len(samples) and micro_batch < len(samples)
    few = samples.first(shards * (micro_batch + 2 if takes_some else SAMPLES) - 1)
    few = few.moved(distance, rng)
    leave_starts(model.network.parameters, config, rng)
    model.network.parameters.flat += distance * rng.normal(size=model.network.parameters.flat.size)
    with Workers(shards, "threads") as workers:
        step = TrainingStep(model, few.inputs, few.targets, workers)
        with step.trainer.engine:
            return [check_gradient(gradient, rng) for gradient in step.gradients()]


def cost(config: Config, samples: CheckSamples, seconds: float) -> Cost:
    """Return what passes cost in the config's element type, with one shard's samples."""
    model = build(config, samples, config.model.dtype)
    shards = 1 if config.train.split == "units" else config.train.shards
    shard = samples.first(-(-min(config.train.batch_size, len(samples)) // shards))
    inputs = shard.columns().astype(model.network.dtype)
    return measure_cost(model.network, inputs, shard.targets, seconds)
