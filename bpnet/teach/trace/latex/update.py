"""Derive how the optimiser moves the parameters."""

from __future__ import annotations

from collections.abc import Iterator

from bpnet.teach.trace.latex.derived_step import DerivedStep, Equation
from bpnet.teach.trace.latex.formula import latex_formula, split_outside
from bpnet.teach.trace.latex.matrix import as_matrix, latex_matrix, latex_number
from bpnet.teach.trace.worked.update import update_numbers


def update_equations(derived: DerivedStep) -> Iterator[Equation]:
    """Yield the rule, the norm by which gradients are clipped, and every parameter."""
    step, names = derived.step, derived.names
    for rule in step.update:
        yield ["& " + r",\quad ".join(map(latex_formula, split_outside(rule, ", ")))]
    if step.gradient_norm is not None and step.clipping is not None:
        yield [r"\|g\|", latex_number(step.gradient_norm)]
        yield [r"\min(1, c / \|g\|)", latex_number(step.clipping)]
    for name, traced in step.parameters.items():
        number, _, role = name.partition(".")
        numbers = []
        if traced.after.size == 1:
            place = (0,) * traced.after.ndim
            moved = update_numbers(derived.config.optimizer, step, traced, place)
            numbers = [latex_formula(moved)]
        after = latex_matrix(as_matrix(traced.after))
        yield [names.parameter(int(number), role), *numbers, after]
