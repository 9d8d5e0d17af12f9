"""Derive the backward pass, the gradients, and the four equations."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from bpnet.teach.trace.jacobian import ELEMENT, IDENTITY
from bpnet.teach.trace.latex.derived_step import DerivedStep, Equation
from bpnet.teach.trace.latex.formula import right_side, split_outside
from bpnet.teach.trace.latex.matrix import (
    as_matrix,
    columns,
    element_product,
    latex_matrix,
    product,
)
from bpnet.teach.trace.latex.names import Names
from bpnet.teach.trace.step_trace import LossActivation
from bpnet.teach.trace.worked.layer_step import LayerStep


def backward_equations(derived: DerivedStep) -> Iterator[Equation]:
    """Yield the gradient of the loss; layer by layer what it passes back, and its gradients."""
    names, last = derived.names, derived.layers[-1].trace
    held = derived.step.loss_activation
    if held is not None:
        yield from _cancelling(names, held)
    symbols = names.in_loss(right_side(derived.step.loss_formulas.backward))
    slope = rf"\frac{{\partial C}}{{\partial {names.outputs[-1]}}}"
    numbers = latex_matrix(columns(last.grad_output))
    yield [names.delta(len(derived.layers)), slope, symbols, numbers]
    for number, layer in reversed(list(enumerate(derived.layers, start=1))):
        passed = latex_matrix(columns(layer.trace.grad_input))
        yield [names.delta(number - 1), *_passed(names, number, layer), passed]
        yield from _gradients(names, number, layer)


def _cancelling(names: Names, held: LossActivation) -> Iterator[Equation]:
    """Yield ∂C/∂a, the slope of the activation that the loss applies, and that they cancel."""
    z = names.outputs[-1]
    symbols = names.in_loss(right_side(held.gradient_formula), "a")
    gradient = columns(held.grad_output)
    yield [r"\frac{\partial C}{\partial a}", symbols, latex_matrix(gradient)]
    derivative, slopes = held.formulas.derivative, held.local_derivative.values
    side = names.in_loss(right_side(derivative), "a")
    name = rf"\frac{{\partial a}}{{\partial {z}}}"
    if held.local_derivative.form == ELEMENT and slopes is not None:
        yield [name, side, latex_matrix(columns(slopes))]
        numbers = [element_product(gradient, columns(slopes))]
        times = rf"\frac{{\partial C}}{{\partial a}} \odot {name}"
    else:
        indexed = rf"\frac{{\partial a_{{i}}}}{{\partial {z}_{{j}}}}"
        yield [indexed, side, *([] if slopes is None else [latex_matrix(slopes)])]
        numbers, times = [], rf"{name}^{{\top}} \frac{{\partial C}}{{\partial a}}"
    passed = latex_matrix(columns(held.grad_input))
    yield [rf"\frac{{\partial C}}{{\partial {z}}}", times, *numbers, passed]
    left, right = split_outside(held.cancels, " = ")
    name = rf"\text{{loss and {held.name} cancel:}}\quad {names.in_loss(left, 'a')}"
    yield [name, names.in_loss(right, "a")]


def _passed(names: Names, number: int, layer: LayerStep) -> list[str]:
    """Return what a layer passes back, in symbols and with its numbers."""
    arriving, local = columns(layer.trace.grad_output), layer.trace.local_derivative
    symbols = names.in_layer(number, right_side(layer.trace.formulas.backward))
    if layer.layer.kind == "linear":
        return [symbols, product(layer.weights("weight").T, arriving)]
    if local.form == ELEMENT and local.values is not None:
        return [symbols, element_product(columns(local.values), arriving)]
    if local.form == IDENTITY and layer.grad_past is not None:
        past = latex_matrix(columns(layer.grad_past))
        return [symbols, f"{latex_matrix(arriving)} + {past}"]
    return [symbols]


def _gradients(names: Names, number: int, layer: LayerStep) -> Iterator[Equation]:
    arriving = columns(layer.trace.grad_output)
    delta = names.delta(number)
    for role, traced in layer.parameters.items():
        grad = latex_matrix(as_matrix(traced.grad))
        symbols = right_side(traced.formula)
        sides = [names.in_layer(number, symbols)]
        if symbols == "δ 1":
            is_sum = layer.samples > 1 or arriving.ndim > 2
            sides = [rf"{delta} \mathbf{{1}}" if is_sum else delta]
        if layer.layer.kind == "linear" and role == "weight":
            sides.append(product(arriving, layer.x.reshape(layer.samples, -1)))
        elif layer.layer.kind == "linear" and layer.samples > 1:
            sides.append(product(arriving, np.ones((layer.samples, 1))))
        yield [names.gradient(number, role), *sides, grad]


def four_equations(derived: DerivedStep) -> Iterator[Equation]:
    """Yield the four equations of a fully connected network."""
    names = derived.names
    for equation in derived.step.equations:
        found = re.search(r"(\d+)\.", equation.name)
        assert found
        number = int(found[1])
        is_error = equation.label in ("BP1", "BP2")
        values = columns(equation.values) if is_error else as_matrix(equation.values)
        text = rf"\text{{{equation.label}:}}\quad {names.in_equation(number, equation.name)}"
        yield [text, names.in_equation(number, equation.formula), latex_matrix(values)]
