"""Take the gradients of a network one by one, each through the rest of the network.

A wrong layer spoils its own gradients and those of the layers before it; so the last wrong one
names the culprit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial

import numpy as np

from bpnet.nn.layer import Array
from bpnet.teach.gradcheck.checker import Gradient
from bpnet.teach.gradcheck.probe import Passes, Pattern, Probe
from bpnet.teach.gradcheck.projection import unit_direction

LAYER, FAST_PATH, TRAINING_STEP = PARTS = ("layer", "fast path", "training step")


class NetworkGradients:
    """Hold the gradients of a network at one point.

    Args:
        plain: each layer on its own, as the textbook has it; its kinks are watched.
        fast: the same network as training computes it.
    """

    def __init__(self, plain: Probe, fast: Probe) -> None:
        self.plain = plain
        self.fast = fast
        self.passes = plain.passes()
        self.unit = max(1.0, abs(plain.loss(plain.inputs)))

    def of_layers(self) -> Iterator[Gradient]:
        """Yield the gradients by each layer's input and parameters, in forward order."""
        for number in range(len(self.plain.network.stages)):
            yield from self._of_stage(self.plain, self.passes, number)

    def of_loss(self) -> Gradient:
        """Return the gradient of the loss by the network's outputs."""
        last = len(self.plain.network.stages)
        outputs, loss = self.passes.inputs[last], self.plain.network.loss
        return Gradient(
            *(LAYER, loss.kind, "outputs", outputs.shape[:-1]),
            at=outputs,
            values=self.passes.gradients[last],
            loss=lambda: self.plain.loss(outputs, last),
            unit=self.unit,
            pattern=list,
        )

    def of_fast_paths(self) -> Iterator[Gradient]:
        """Yield those of every stage of the fast network that is not the textbook's layer."""
        self._follow()
        passes = self.fast.passes()
        for number, stage in enumerate(self.fast.network.stages):
            if stage.layer is not self.fast.network.layers[stage.position]:
                yield from self._of_stage(self.fast, passes, number)

    def _of_stage(self, probe: Probe, passes: Passes, number: int) -> Iterator[Gradient]:
        """Yield the gradients by the input and the parameters of one stage of either network."""
        stage = probe.network.stages[number]
        layer, position, x = stage.layer, stage.position, passes.inputs[number]
        is_fast = probe is self.fast
        part = FAST_PATH if is_fast else LAYER
        title = f"{type(layer).__name__}: {layer.name}" if is_fast else layer.name

        def loss() -> float:
            plain = self.plain.loss(x, position)  # for its kinks, too
            if probe is self.plain:
                return plain
            self._follow()
            return self.fast.loss(x, number)

        def pattern() -> Pattern:
            return self.plain.pattern(position)

        by_input = Gradient(
            *(part, title, "input", layer.input_shape, x, passes.gradients[number]),
            *(loss, self.unit, pattern),
        )
        yield by_input
        for role, shape in layer.parameter_shapes.items():
            name = f"{position + 1}.{role}"
            at, values = self.plain.network.parameters.views[name], passes.parameters.views[name]
            found = Gradient(part, title, name, shape, at, values, loss, self.unit, pattern)
            alone = partial(self._alone, probe, number, x, found)
            yield dataclasses.replace(found, alone=alone, known=by_input.here)

    def _alone(
        self, probe: Probe, number: int, x: Array, gradient: Gradient, rng: np.random.Generator
    ) -> Gradient:
        """Return that of `⟨u, y⟩` by the same parameter, with y the stage's output and u random."""
        layer, cache = probe.stage(number)
        weights = unit_direction((*layer.output_shape, x.shape[-1]), rng)

        def value() -> float:
            self._follow()
            return float(np.vdot(weights, layer.forward(x, cache)))

        for _ in range(2):  # the second must overwrite what the first leaves
            unit = max(1.0, abs(value()))
            layer.backward(weights.copy(), cache)
        role = gradient.parameter.partition(".")[2]
        return dataclasses.replace(
            gradient,
            values=cache.gradients[role].copy(),
            loss=value,
            unit=unit,
            pattern=lambda: [flags.copy() for flags in layer.kinks(cache)],
            alone=None,
        )

    def _follow(self) -> None:
        """Give the fast network the parameters of the plain one."""
        self.fast.network.parameters.flat[...] = self.plain.network.parameters.flat
