"""Derive the forward pass and the loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bpnet.teach.trace.latex.derived_step import MOST_WORKED, DerivedStep, Equation
from bpnet.teach.trace.latex.formula import definitions, latex_formula, right_side
from bpnet.teach.trace.latex.matrix import (
    columns,
    fits,
    latex_factor,
    latex_matrix,
    latex_matrix_of,
    latex_number,
    product,
)
from bpnet.teach.trace.worked.forward import forward_numbers
from bpnet.teach.trace.worked.layer_step import LayerStep
from bpnet.teach.trace.worked.losses import loss_numbers, mean_numbers
from bpnet.teach.trace.worked.terms import sum_of_numbers


def forward_equations(derived: DerivedStep) -> Iterator[Equation]:
    """Yield the input, and the output of every layer."""
    names = derived.names
    yield [names.outputs[0], latex_matrix(columns(derived.step.inputs))]
    for number, layer in enumerate(derived.layers, start=1):
        output = latex_matrix(columns(layer.trace.output))
        _, known = definitions(layer.trace.formulas.forward)
        given = "".join(rf",\quad {names.in_layer(number, one)}" for one in known)
        yield [names.outputs[number], *_sides(derived, number, layer), output + given]


def _sides(derived: DerivedStep, number: int, layer: LayerStep) -> list[str]:
    """Return a layer's formula in symbols, and with its numbers."""
    if layer.layer.kind == "linear":
        return _linear(derived, number, layer)
    formula, _ = definitions(layer.trace.formulas.forward)
    symbols = derived.names.in_layer(number, right_side(formula))
    if _is_single_filter(layer):
        bias = layer.bias(0)
        kernel, x = latex_matrix(layer.weights("weight")), latex_matrix(layer.x)
        return [symbols, rf"{kernel} \star {x}" + (f" + {latex_factor(bias)}" if bias else "")]
    output = layer.trace.output
    if output.size > MOST_WORKED or layer.layer.scope == "identity":
        return [symbols]
    rows = [
        [_worked(layer, sample, place) for sample in range(layer.samples)]
        for place in range(output[0].size)
    ]
    return [symbols, latex_matrix_of(rows)]


def _linear(derived: DerivedStep, number: int, layer: LayerStep) -> list[str]:
    names = derived.names
    symbols = f"{names.parameter(number, 'weight')} {names.outputs[number - 1]}"
    numbers = product(layer.weights("weight"), columns(layer.x))
    if "bias" not in layer.parameters:
        return [symbols, numbers]
    symbols += f" + {names.parameter(number, 'bias')}"
    bias = layer.weights("bias")[:, None]
    if layer.samples > 1:
        return [
            rf"{symbols} \mathbf{{1}}^{{\top}}",
            f"{numbers} + {product(bias, np.ones((1, layer.samples)))}",
        ]
    written = latex_factor(bias.item()) if bias.size == 1 else latex_matrix(bias)
    return [symbols, f"{numbers} + {written}"]


def _is_single_filter(layer: LayerStep) -> bool:
    """Return whether one picture is convolved with one filter, both small enough to be read."""
    if layer.layer.kind != "conv" or layer.samples > 1:
        return False
    weights = layer.weights("weight")
    return weights.shape[:2] == (1, 1) and fits(weights) and fits(layer.x)


def _worked(layer: LayerStep, sample: int, place: int) -> str:
    index = tuple(map(int, np.unravel_index(place, layer.layer.output_shape)))
    return latex_formula(forward_numbers(layer, (sample, *index)).rpartition(" = ")[2])


def loss_equations(derived: DerivedStep) -> Iterator[Equation]:
    """Yield the targets, the loss of every sample, their sum and their mean."""
    step, names, kind = derived.step, derived.names, derived.config.train.loss
    held = step.loss_activation
    if held is not None:
        symbols = names.in_loss(right_side(held.formulas.forward), "a")
        yield ["a", symbols, latex_matrix(columns(held.output))]
    yield ["y", latex_matrix(columns(step.targets))]
    symbols = names.in_loss(right_side(step.loss_formulas.forward))
    for sample, loss in enumerate(step.losses):
        name = "C" if len(step.losses) == 1 else f"C_{{{step.samples[sample]}}}"
        numbers = latex_formula(loss_numbers(kind, step, sample))
        short = [numbers] if step.targets.shape[1] <= MOST_WORKED else []
        yield [name, symbols, *short, latex_number(float(loss))]
    if len(step.losses) > 1:
        are_few = len(step.losses) <= MOST_WORKED
        total = [latex_formula(sum_of_numbers(step.losses))] if are_few else []
        yield ["L", r"\sum_{n} C_{n}", *total, latex_number(step.total_loss)]
        mean = [latex_formula(mean_numbers(step))] if are_few else []
        yield ["C", rf"L / {len(step.losses)}", *mean, latex_number(step.loss)]
