"""Hold every gradient of a network against central differences, and say which one is wrong.

The gradients by each layer's input and by each parameter are checked on their own, with the rest
of the network behind them. So a wrong layer spoils its own rows and those of the layers before it,
and the last wrong row names the culprit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.block import ConvBlock
from bpnet.nn.layer import Array
from bpnet.teach.probe import Passes, Pattern, Probe, same_side
from bpnet.teach.projection import (
    TOLERANCE,
    Comparison,
    Objective,
    compare,
    direction_along,
)

# h of the central differences, the first at which a direction crosses no kink. Rounding costs about
# 1e-15 / h and curvature h²: the presets' losses are seen best at 1e-5, slopes near 0 before that.
WIDE_STEP = 1e-4
STEPS = (1e-5, 1e-6)
SMALL_SLOPE = 1e-3
DRAWS = 4  # directions tried with each step


class KinkError(ArithmeticError):
    """Report a point where every direction crosses a kink: there is no slope to be compared."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """Hold one gradient that is to be checked.

    Args:
        layer: name of the layer, the fast path or the loss that it belongs to.
        parameter: name of the parameter; `input` for what comes into the layer.
        shape: of the parameter, or of one sample.
        at: where it is taken.
        values: the gradient, of the same shape as `at`.
        loss: the network's loss, of the current content of `at`.
        pattern: on which side of every kink the last loss was.
    """

    layer: str
    parameter: str
    shape: tuple[int, ...]
    at: Array
    values: NDArray[np.floating]
    loss: Objective
    pattern: Callable[[], Pattern]

    @property
    def is_parameter(self) -> bool:
        """Tell whether this is the gradient of a parameter."""
        return "." in self.parameter


@dataclass(frozen=True)
class Check:
    """Hold what was found about one gradient.

    Args:
        layer: name of the layer, the fast path, the loss, or the way of training.
        parameter: name of the parameter; `input` for what comes into the layer.
        shape: of the parameter, or of one sample.
        relative_error: of the slope along a direction, or the largest one of all elements.
        comparison: the slopes, where a direction was taken.
        kinks: directions that crossed a kink and were drawn anew, or elements left out for that.
        held: numbers that were left alone because they are 0, where a kink lies.
        elements: how many were compared one by one; None for a direction.
    """

    layer: str
    parameter: str
    shape: tuple[int, ...]
    relative_error: float
    comparison: Comparison | None = None
    kinks: int = 0
    held: int = 0
    elements: int | None = None

    @property
    def passed(self) -> bool:
        """Tell whether the gradient agrees to 10⁻⁶."""
        return self.relative_error <= TOLERANCE


class Checker:
    """Check the gradients of a network at one point.

    Args:
        plain: every layer by itself, as the textbook has it; its kinks are watched.
        fast: the same network as training computes it.
        rng: draws directions.
    """

    def __init__(self, plain: Probe, fast: Probe, rng: np.random.Generator) -> None:
        self.plain = plain
        self.fast = fast
        self.passes = plain.passes()
        self._rng = rng

    def of_loss(self) -> Gradient:
        """Return the gradient of the loss by the network's outputs."""
        last = len(self.plain.network.stages)
        outputs, loss = self.passes.inputs[last], self.plain.network.loss
        return Gradient(
            *(loss.kind, "outputs", outputs.shape[:-1], outputs, self.passes.gradients[last]),
            loss=lambda: self.plain.loss(outputs, last),
            pattern=list,
        )

    def of_layers(self) -> Iterator[Gradient]:
        """Yield the gradients by each layer's input and parameters, in forward order."""
        for number in range(len(self.plain.network.stages)):
            yield from self._of_stage(self.plain, self.passes, number)

    def of_fast_paths(self) -> Iterator[Gradient]:
        """Yield those of every stage of the fast network that is not the textbook's layer."""
        self._follow()
        passes = self.fast.passes()
        for number, stage in enumerate(self.fast.network.stages):
            if isinstance(stage.layer, ConvBlock):
                yield from self._of_stage(self.fast, passes, number)

    def along_direction(self, gradient: Gradient) -> Check:
        """Compare slopes along random directions, until one crosses no kink.

        Numbers that are exactly 0 may stand at a kink, as they do behind ReLU and before maximum
        pooling: every direction that moves them crosses it. Then they are left alone.

        Raises:
            KinkError: no direction is free of kinks.
        """
        for kinks, (direction, step, held) in enumerate(self._trials(gradient)):
            found = _compare(gradient, direction, step)
            if found is not None:
                return Check(
                    *(gradient.layer, gradient.parameter, gradient.shape, found.relative_error),
                    comparison=found,
                    kinks=kinks,
                    held=held,
                )
        raise KinkError(f"{gradient.layer}, {gradient.parameter}")

    def element_by_element(self, gradient: Gradient, done: Callable[[], None]) -> Check:
        """Compare slopes along every axis; those that cross a kink are counted and left out.

        Args:
            gradient: to be checked.
            done: called after each element.
        """
        worst, kinks = 0.0, 0
        for place in np.ndindex(gradient.at.shape):
            axis = np.zeros(gradient.at.shape)
            axis[place] = 1
            steps = (WIDE_STEP, *STEPS) if _is_flat(gradient, axis) else STEPS
            tried = (_compare(gradient, axis, step) for step in steps)
            found = next((comparison for comparison in tried if comparison is not None), None)
            kinks += found is None
            worst = max(worst, found.relative_error if found else 0.0)
            done()
        return Check(
            *(gradient.layer, gradient.parameter, gradient.shape, worst),
            kinks=kinks,
            elements=gradient.at.size - kinks,
        )

    def _trials(self, gradient: Gradient) -> Iterator[tuple[NDArray[np.float64], float, int]]:
        """Yield directions with a step and how many numbers they leave alone, the best first."""
        for held in (np.zeros_like(gradient.at, dtype=bool), gradient.at == 0):
            for step in (WIDE_STEP, *STEPS):
                for _ in range(DRAWS):
                    direction = direction_along(gradient.values, self._rng)
                    direction[held] = 0
                    if direction.any() and (step < WIDE_STEP or _is_flat(gradient, direction)):
                        yield direction, step, int(held.sum())

    def _of_stage(self, probe: Probe, passes: Passes, number: int) -> Iterator[Gradient]:
        """Yield the gradients by the input and the parameters of one stage of either network."""
        stage = probe.network.stages[number]
        layer, position, x = stage.layer, stage.position, passes.inputs[number]
        is_block = isinstance(layer, ConvBlock)
        title = f"{type(layer).__name__}: {layer.name}" if is_block else layer.name

        def loss() -> float:
            plain = self.plain.loss(x, position)  # for its kinks, too
            if probe is self.plain:
                return plain
            self._follow()
            return self.fast.loss(x, number)

        def pattern() -> Pattern:
            return self.plain.pattern(position)

        yield Gradient(
            *(title, "input", layer.input_shape, x, passes.gradients[number], loss, pattern)
        )
        for role, shape in layer.parameter_shapes.items():
            name = f"{position + 1}.{role}"
            at = self.plain.network.parameters.views[name]
            values = passes.parameters.views[name]
            yield Gradient(title, name, shape, at, values, loss, pattern)

    def _follow(self) -> None:
        """Give the fast network the parameters of the plain one."""
        self.fast.network.parameters.flat[...] = self.plain.network.parameters.flat


def _is_flat(gradient: Gradient, direction: NDArray[np.float64]) -> bool:
    """Tell whether the slope along a direction is so small that rounding would be seen."""
    return abs(float(np.vdot(direction, gradient.values))) < SMALL_SLOPE


def _compare(gradient: Gradient, direction: NDArray[np.float64], step: float) -> Comparison | None:
    """Compare both slopes along a direction; None where it crosses a kink."""
    gradient.loss()
    here = gradient.pattern()
    crossed = False

    def watched() -> float:
        nonlocal crossed
        value = gradient.loss()
        crossed = crossed or not same_side(here, gradient.pattern())
        return value

    comparison = compare(watched, gradient.at, gradient.values, direction, step)
    return None if crossed else comparison
