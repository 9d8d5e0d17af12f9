"""Compare a gradient with central differences along a random direction.

A gradient of a million numbers is checked by two evaluations: along a unit direction v its
projection ⟨v, ∇f⟩ must be what f really does there.

Source: the adjoint test of inverse problems (Claerbout, 1985); its form for backpropagation stands
in Griewank and Walther, 2008, section 15.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP = 1e-6  # h of the central difference
TOLERANCE = 1e-6  # of the relative error
SMALLEST = 1e-4  # slopes below it count as this large: rounding is all that is seen of them
CANDIDATES = 4  # directions that do not lean on the gradient
SEEN = 1e-3  # an error of this fraction of a slope should be seen

Objective = Callable[[], float]


@dataclass(frozen=True)
class Comparison:
    """Pair a slope that a gradient promises with the one that differences find.

    Args:
        analytic: a.
        numeric: n.
        unit: u, the size of the function: max(1, |f|). The larger f, the more rounding costs.
    """

    analytic: float
    numeric: float
    unit: float = 1.0

    @property
    def relative_error(self) -> float:
        """Return `|a − n| / max(|a|, |n|, 1e-4 u)`; infinite where a slope is not finite."""
        error = abs(self.analytic - self.numeric)
        error /= max(abs(self.analytic), abs(self.numeric), SMALLEST * self.unit)
        return error if np.isfinite(error) else float("inf")

    @property
    def is_flat(self) -> bool:
        """Return whether the slopes are so small that an error of 0.1 % would not be seen."""
        slope = max(abs(self.analytic), abs(self.numeric))
        return SEEN * slope < TOLERANCE * SMALLEST * self.unit


def unit_direction(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a direction of length 1, evenly from all directions."""
    direction = rng.normal(size=shape)
    return direction / np.linalg.norm(direction)


def any_direction(gradient: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw some unit directions, and return the one along which the slope is steepest.

    Signs are as they come: terms of ⟨v, ∇f⟩ may cancel, but seldom nearly all of them.
    """
    drawn = [unit_direction(gradient.shape, rng) for _ in range(CANDIDATES)]
    return max(drawn, key=lambda direction: abs(float(np.vdot(direction, gradient))))


def direction_along(
    gradient: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a unit direction each component of which has the sign of the gradient's.

    So no two terms of ⟨v, ∇f⟩ cancel and leave only rounding; a wrong sign is seen all the more.
    The direction of a single number is +1.
    """
    if gradient.size == 1:
        return np.ones(gradient.shape)
    direction = unit_direction(gradient.shape, rng)
    return np.where(direction * gradient < 0, -direction, direction)


def central_difference(
    objective: Objective,
    at: NDArray[np.floating],
    direction: NDArray[np.floating],
    step: float = STEP,
) -> float:
    """Return `(f(x + h v) − f(x − h v)) / 2h`.

    Args:
        objective: f, of the current content of `at`.
        at: x; moved for the two evaluations, then put back.
        direction: v, of the same shape.
        step: h.
    """
    start = at.copy()
    values = []
    try:
        for side in (step, -step):
            at[...] = start + side * direction
            values.append(objective())
    finally:
        at[...] = start
    return (values[0] - values[1]) / (2 * step)


def compare(
    objective: Objective,
    at: NDArray[np.floating],
    gradient: NDArray[np.floating],
    direction: NDArray[np.floating],
    step: float = STEP,
    unit: float = 1.0,
) -> Comparison:
    """Compare `⟨v, gradient⟩` with the central difference along v."""
    analytic = float(np.vdot(direction, gradient))
    return Comparison(analytic, central_difference(objective, at, direction, step), unit)
