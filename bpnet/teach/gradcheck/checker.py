"""Hold gradients against central differences.

A step h that is too long sees the curvature of the loss, h², one that is too short its rounding,
10⁻¹⁶ / h. So several are tried: a right gradient agrees at one of them, and a wrong one at none.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bpnet.nn.layer import Array
from bpnet.teach.gradcheck.probe import Pattern, same_side
from bpnet.teach.gradcheck.projection import (
    TOLERANCE,
    Comparison,
    Objective,
    any_direction,
    compare,
    direction_along,
)

Direction = tuple[NDArray[np.float64], int]  # and how many numbers it leaves alone
Draw = Callable[[NDArray[np.floating], np.random.Generator], NDArray[np.float64]]

STEPS = (1e-5, 1e-4, 1e-6, 1e-3, 1e-7)  # h, those that suit most losses first
WIDE_FIRST = (1e-4, 1e-5, 1e-3, 1e-6, 1e-7)  # for slopes near 0, of which rounding hides most
NEAR_0 = 1e-3
LONG = 1e-5
DRAWS = 4  # directions tried as they are, and again with zeros held still


@dataclass(frozen=True, eq=False)
class Gradient:
    """Hold one gradient that is to be checked.

    Args:
        part: what of a network it belongs to: `layer`, `fast path` or `training step`.
        layer: name of the layer, the fast path or the loss; or the part.
        parameter: name of the parameter; `input` for what comes into the layer.
        shape: of the parameter, or of one sample.
        at: where it is taken.
        values: the gradient, of the same shape as `at`.
        loss: the network's loss, of the current content of `at`.
        unit: its size, max(1, |C|).
        pattern: on which side of every kink the last loss was; None where it is not watched.
        alone: gives the same gradient of other numbers: the layer's own outputs, weighted at
            random; None where there is none.
        known: what `here` returns, where another gradient has found it already.
    """

    part: str
    layer: str
    parameter: str
    shape: tuple[int, ...]
    at: Array
    values: NDArray[np.floating]
    loss: Objective
    unit: float
    pattern: Callable[[], Pattern] | None = None
    alone: Callable[[np.random.Generator], Gradient] | None = None
    known: Pattern | None = None

    @cached_property
    def here(self) -> Pattern:
        """Return on which side of every kink the loss is before `at` is moved."""
        if self.known is not None or self.pattern is None:
            return self.known or []
        self.loss()
        return self.pattern()


@dataclass(frozen=True)
class Check:
    """Hold what was found about one gradient.

    Args:
        gradient: which one.
        comparison: the slopes along a direction; None where elements were compared, or nothing.
        relative_error: of these slopes, or the largest one of all elements; None where every
            direction crosses a kink, so that there is nothing to compare.
        kinks: directions that crossed a kink and were drawn anew, or elements left out for that.
        held: numbers that were left alone because they are 0, where a kink lies.
        elements: how many were compared one by one; None for a direction.
        is_alone: whether it was the layer's own, since the rest of the network makes it flat.
    """

    gradient: Gradient
    comparison: Comparison | None
    relative_error: float | None
    kinks: int = 0
    held: int = 0
    elements: int | None = None
    is_alone: bool = False

    @property
    def passed(self) -> bool:
        """Return whether the gradient agrees to 10⁻⁶, as far as it could be compared."""
        return self.relative_error is None or self.relative_error <= TOLERANCE

    @property
    def is_flat(self) -> bool:
        """Return whether the slopes are so small that a wrong gradient would not be seen."""
        return self.comparison is not None and self.comparison.is_flat


def check_gradient(gradient: Gradient, rng: np.random.Generator) -> Check:
    """Compare slopes; where they are flat, compare those of the layer alone.

    What normalises next takes every mean away: the gradient of a bias is 0 then, and so is that
    times any factor.
    """
    check = check_direction(gradient, rng)
    if not (check.passed and check.is_flat and gradient.alone):
        return check
    alone = check_direction(gradient.alone(rng), rng)
    if alone.relative_error is None:
        return check
    return dataclasses.replace(alone, gradient=gradient, is_alone=True)


def check_direction(gradient: Gradient, rng: np.random.Generator) -> Check:
    """Compare slopes along two random directions; return the worse comparison.

    One leans on the gradient, so that no rounding hides what is wrong with all of it. The other
    one does not: in a sum of many terms of one sign, a single wrong element would count little.
    """
    free, zeros = np.zeros_like(gradient.at, dtype=bool), gradient.at == 0
    leaning = check_along(gradient, _directions(gradient, direction_along, (free, zeros), rng))
    if gradient.at.size == 1 or not leaning.passed or leaning.relative_error is None:
        return leaning
    masks = (zeros,) if leaning.held else (free,)
    plain = check_along(gradient, _directions(gradient, any_direction, masks, rng))
    is_worse = (plain.relative_error or 0.0) > (leaning.relative_error or 0.0)
    return dataclasses.replace(plain if is_worse else leaning, kinks=leaning.kinks + plain.kinks)


def check_along(gradient: Gradient, directions: Iterable[Direction]) -> Check:
    """Compare slopes along one direction after the other, until one crosses no kink.

    Where only the shortest steps cross none, rounding is all they see: a disagreement tells
    nothing then.

    Numbers that are exactly 0 may stand at a kink, as they do after ReLU and before maximum
    pooling: every direction that moves them crosses it. Then they are left alone.

    Args:
        gradient: to be checked.
        directions: one after the other.
    """
    best = nothing = Check(gradient, None, None)
    kinks, is_conclusive = 0, False
    for direction, held in directions:
        trial = _try(gradient, direction)
        kinks += trial.crossed
        is_conclusive = is_conclusive or trial.is_conclusive
        if trial.closest is None:
            continue
        error = trial.closest.relative_error
        if best.relative_error is None or error < best.relative_error:
            best = Check(gradient, trial.closest, error, kinks, held)
        if best.passed or (trial.is_conclusive and gradient.pattern is not None):
            return best
    return dataclasses.replace(best if is_conclusive else nothing, kinks=kinks)


def check_elements(gradient: Gradient, done: Callable[[], None]) -> Check:
    """Compare slopes along every axis; those that cross a kink are counted and left out.

    Args:
        gradient: to be checked.
        done: called after each element.
    """
    worst, kinks = None, 0
    for place in np.ndindex(gradient.at.shape):
        axis = np.zeros(gradient.at.shape)
        axis[place] = 1
        trial = _try(gradient, axis)
        error = trial.closest.relative_error if trial.closest else math.inf
        if error > TOLERANCE and not trial.is_conclusive:
            kinks += 1
        else:
            worst = max(worst or 0.0, error)
        done()
    return Check(gradient, None, worst, kinks, elements=gradient.at.size - kinks)


def _directions(
    gradient: Gradient, draw: Draw, masks: Sequence[NDArray[np.bool_]], rng: np.random.Generator
) -> Iterator[Direction]:
    """Yield directions of each mask, which leaves some numbers alone."""
    for held in masks:
        for _ in range(DRAWS):
            direction = draw(gradient.values, rng)
            direction[held] = 0
            if direction.any():
                yield direction, int(held.sum())


@dataclass(frozen=True)
class _Trial:
    """Hold what the steps along one direction showed.

    Args:
        closest: the best agreement of all that cross no kink, if there is one.
        crossed: whether some do.
        is_conclusive: whether one of those that do not is long enough to rise above rounding.
    """

    closest: Comparison | None
    crossed: bool
    is_conclusive: bool


def _try(gradient: Gradient, direction: NDArray[np.float64]) -> _Trial:
    """Compare slopes along a direction, with step after step until they agree.

    Where a step crosses a kink, longer ones cross it, too.
    """
    closest, shortest_crossing, is_conclusive = None, math.inf, False
    slope = abs(float(np.vdot(direction, gradient.values)))
    for step in WIDE_FIRST if slope < NEAR_0 * gradient.unit else STEPS:
        if step > shortest_crossing:
            continue
        found = _compare(gradient, direction, step)
        if found is None:
            shortest_crossing = step
            continue
        is_conclusive = is_conclusive or step >= LONG
        if closest is None or found.relative_error < closest.relative_error:
            closest = found
        if closest.relative_error <= TOLERANCE:
            break
    return _Trial(closest, shortest_crossing < math.inf, is_conclusive)


def _compare(gradient: Gradient, direction: NDArray[np.float64], step: float) -> Comparison | None:
    """Compare both slopes along a direction; None where that leaves this side of a kink."""
    here, watch = gradient.here, gradient.pattern or list
    crossed = False

    def watched() -> float:
        nonlocal crossed
        value = gradient.loss()
        crossed = crossed or not same_side(here, watch())
        return value

    found = compare(watched, gradient.at, gradient.values, direction, step, gradient.unit)
    return None if crossed else found
