"""Lay a step out as tables that need no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bpnet.nn.facts import factor, number
from bpnet.nn.layer import Array, Layer
from bpnet.teach.trace.jacobian import ELEMENT, IDENTITY, MIXED
from bpnet.teach.trace.number_text import parameter, samples, size, told_apart
from bpnet.teach.trace.paths import ElementPaths
from bpnet.teach.trace.step_trace import LayerTrace, StepTrace
from bpnet.teach.trace.step_words import cancelling, clipping, counted, memories


@dataclass(frozen=True)
class Field:
    """Hold what stands in one field of a table.

    Args:
        text: a few words or numbers; of several lines where rows of numbers are aligned.
        is_numbers: whether they are numbers.
    """

    text: str
    is_numbers: bool = True


@dataclass(frozen=True)
class PageTable:
    """Hold a table.

    Args:
        caption: above it.
        headings: of its columns.
        rows: of fields; the first of each is its heading.
        note: a sentence below it, or nothing.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]
    note: str = ""


def words(text: str) -> Field:
    """Return a field of words or a formula."""
    return Field(text, is_numbers=False)


def step_tables(step: StepTrace, layers: Sequence[Layer[Any]]) -> list[PageTable]:
    """Return forward pass, backward pass, update, the four equations and paths of a step.

    Args:
        step: that was traced.
        layers: of the network.
    """
    found = [
        _forward(step),
        _backward(step, [layer.kind for layer in layers]),
        _update(step),
        _running(step),
        _equations(step),
        _paths(step),
    ]
    return [table for table in found if table.rows]


def _labels(step: StepTrace) -> list[str]:
    return [f"sample {line}" for line in step.samples]


def _samples(values: Array, labels: Sequence[str]) -> Field:
    return Field("\n".join(samples(values, labels).lines()))


def _parameter(values: Array) -> Field:
    return Field("\n".join(parameter(values).lines()))


def _forward(step: StepTrace) -> PageTable:
    labels = _labels(step)

    def row(name: str, shape: str, formula: str, values: Array) -> tuple[Field, ...]:
        return words(name), words(shape), words(formula), _samples(values, labels)

    rows = [row("input", size(step.inputs.shape[1:]), "", step.inputs)]
    rows += [
        row(layer.name, size(layer.shape), layer.formulas.forward, layer.output)
        for layer in step.layers
    ]
    if (held := step.loss_activation) is not None:
        formula = f"{held.formulas.forward}, by the loss"
        rows.append(row(f"({held.name})", size(held.shape), formula, held.output))
    rows.append(row("target y", size(step.targets.shape[1:]), "", step.targets))
    rows.append(row("loss", "", step.loss_formulas.forward, step.losses[:, None]))
    if len(step.losses) > 1:
        for name, formula, value in (
            ("total loss", "L = Σ_n Cⁿ", step.total_loss),
            ("mean", "C = Σ losses / samples", step.loss),
        ):
            rows.append((words(name), words(""), words(formula), Field(number(value))))
    headings = ("layer", "shape", "formula", "output")
    return PageTable("Forward: from the input to the loss", headings, tuple(rows))


def _backward(step: StepTrace, kinds: Sequence[str]) -> PageTable:
    labels, held = _labels(step), step.loss_activation

    def row(name: str, layer: LayerTrace, kind: str) -> tuple[Field, ...]:
        return (
            words(name),
            words(layer.formulas.backward),
            _derivative(layer, kind, labels),
            _samples(layer.grad_output, labels),
            _samples(layer.grad_input, labels),
        )

    formula, gradient = step.loss_formulas.backward, step.layers[-1].grad_output
    if held is not None:
        formula, gradient = held.gradient_formula, held.grad_output
    slope = _samples(gradient, labels)
    rows: list[tuple[Field, ...]] = [(words("loss"), words(formula), slope, Field("1"), slope)]
    if held is not None:
        rows.append(row(f"({held.name})", held, held.name))
    pairs = zip(step.layers, kinds, strict=True)
    rows += [row(layer.name, layer, kind) for layer, kind in reversed(list(pairs))]
    headings = ("layer", "formula", "local derivative", "δ = ∂C/∂output", "product, passed back")
    caption = "Backward: from the loss to the input"
    return PageTable(caption, headings, tuple(rows), " ".join(map(_sentence, cancelling(step))))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _derivative(layer: LayerTrace, kind: str, labels: Sequence[str]) -> Field:
    local = layer.local_derivative
    if local.form == IDENTITY:
        return Field("1")
    if local.form == MIXED or local.values is None or kind == "conv":
        return words(layer.formulas.derivative)  # a filter is easier to read than its matrix
    if local.form == ELEMENT:
        return _samples(local.values, labels)
    is_same = bool((local.values == local.values[:1]).all())
    return _samples(local.values[:1], []) if is_same else _samples(local.values, labels)


def _update(step: StepTrace) -> PageTable:
    rows = []
    for name, traced in step.parameters.items():
        arrays = [traced.before, traced.grad, *traced.memories.values(), traced.after]
        fields = (words(name), words(size(traced.shape)), words(traced.formula))
        rows.append((*fields, *map(_parameter, arrays)))
    headings = ("name", "shape", "formula", "before", "gradient g", *memories(step), "after")
    note = f"{clipping(step)}." if clipping(step) else ""
    return PageTable(f"Update: {'; '.join(step.update)}", headings, tuple(rows), note)


def _running(step: StepTrace) -> PageTable:
    """Return what batch normalisation will use in evaluation."""
    rows = tuple(
        (
            words(name),
            words(size(state.before.shape)),
            *map(_parameter, (state.before, state.after)),
        )
        for name, state in step.running.items()
    )
    return PageTable("Running statistics", ("name", "shape", "before", "after"), rows)


def _equations(step: StepTrace) -> PageTable:
    labels = _labels(step)
    rows = []
    for equation in step.equations:
        is_error = equation.label in ("BP1", "BP2")
        values = _samples(equation.values, labels) if is_error else _parameter(equation.values)
        rows.append((words(equation.label), words(equation.name), words(equation.formula), values))
    caption = "The four equations: δ is ∂C/∂z of a layer's z, ∇C is ∂C/∂a of the last output a"
    return PageTable(caption, ("equation", "of", "formula", "value"), tuple(rows))


def _paths(step: StepTrace) -> PageTable:
    several = len(step.samples) > 1
    rows: list[tuple[Field, ...]] = []
    for name, elements in (step.paths or {}).items():
        if elements and not any(element.paths for element in elements):
            rows.append((words(name), words(counted(elements)), Field(""), Field("")))
            continue
        rows += [row for element in elements for row in _element(element, several)]
    caption = "Paths to the loss: rates multiply along each, and their sum is the gradient"
    return PageTable(caption, ("weight", "path", "rates", "product"), tuple(rows))


def _element(element: ElementPaths, several: bool) -> Iterator[tuple[Field, ...]]:
    name, gradient = words(element.element), number(element.gradient)
    if not element.paths:
        text = f"{element.count:,} paths, not listed, gradient"
        if element.paths is not None:
            text = "no path without a rate of 0, gradient"
        yield name, words(f"{text} {gradient}"), Field(""), Field("")
        return
    for path in element.paths:
        sample = f"sample {path.sample}: " if several else ""
        yield (
            name,
            words(sample + " → ".join(path.through[1:])),
            Field(" · ".join(map(factor, path.rates))),
            Field(number(path.product)),
        )
    assert element.sum is not None
    total, sign = number(element.sum), "="
    if not element.agrees:
        sign, (total, gradient) = "≠", told_apart(element.sum, element.gradient)
    yield name, words(f"sum {sign} gradient {gradient}"), Field(""), Field(total)
