"""Lay a step out as tables that need no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bpnet.nn.facts import factor, number
from bpnet.nn.layer import Array
from bpnet.teach.trace.jacobian import ELEMENT, IDENTITY, MIXED
from bpnet.teach.trace.layout import parameter, samples, size
from bpnet.teach.trace.paths import ElementPaths
from bpnet.teach.trace.step_trace import LayerTrace, StepTrace


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
    """Hold a table with its caption; the first field of a row is its heading."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]


def words(text: str) -> Field:
    """Return a field of words or a formula."""
    return Field(text, is_numbers=False)


def step_tables(step: StepTrace) -> list[PageTable]:
    """Return forward pass, backward pass, update, the four equations and paths of a step."""
    found = [_forward(step), _backward(step), _update(step), _equations(step), _paths(step)]
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
    rows.append(row("target y", size(step.targets.shape[1:]), "", step.targets))
    rows.append(row("loss", "", step.loss_formulas.forward, step.losses[:, None]))
    if len(step.losses) > 1:
        mean = Field(number(step.loss))
        rows.append((words("mean"), words(""), words("C = Σ losses / samples"), mean))
    headings = ("layer", "shape", "formula", "output")
    return PageTable("Forward: from the input to the loss", headings, tuple(rows))


def _backward(step: StepTrace) -> PageTable:
    labels = _labels(step)
    slope = _samples(step.layers[-1].grad_output, labels)
    rows = [(words("loss"), words(step.loss_formulas.backward), slope, Field("1"), slope)]
    for layer in reversed(step.layers):
        rows.append(
            (
                words(layer.name),
                words(layer.formulas.backward),
                _derivative(layer, labels),
                _samples(layer.grad_output, labels),
                _samples(layer.grad_input, labels),
            )
        )
    headings = ("layer", "formula", "local derivative", "δ = ∂C/∂output", "product, passed back")
    return PageTable("Backward: from the loss to the input", headings, tuple(rows))


def _derivative(layer: LayerTrace, labels: Sequence[str]) -> Field:
    local = layer.local_derivative
    if local.form == IDENTITY:
        return Field("1")
    if local.form == MIXED or local.values is None or layer.formulas.derivative.startswith("∂z_o"):
        return words(layer.formulas.derivative)  # a filter is easier to read than its matrix
    if local.form == ELEMENT:
        return _samples(local.values, labels)
    is_same = bool((local.values == local.values[:1]).all())
    return _samples(local.values[:1], []) if is_same else _samples(local.values, labels)


def _update(step: StepTrace) -> PageTable:
    memories = next(iter(step.parameters.values())).memories if step.parameters else {}
    rows = []
    for name, traced in step.parameters.items():
        arrays = [traced.before, traced.grad, *traced.memories.values(), traced.after]
        rows.append((words(name), words(traced.formula), *map(_parameter, arrays)))
    headings = ("name", "formula", "before", "gradient g", *memories, "after the step")
    return PageTable(f"Update: {'; '.join(step.update)}", headings, tuple(rows))


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
    listed = [
        element for elements in (step.paths or {}).values() for element in elements if element.paths
    ]
    rows = [row for element in listed for row in _element(element, several)]
    caption = "Paths to the loss: rates multiply along each, and their sum is the gradient"
    return PageTable(caption, ("weight", "path", "rates", "product"), tuple(rows))


def _element(element: ElementPaths, several: bool) -> Iterator[tuple[Field, ...]]:
    for path in element.paths or ():
        sample = f"sample {path.sample}: " if several else ""
        yield (
            words(element.element),
            words(sample + " → ".join(path.through[1:])),
            Field(" · ".join(map(factor, path.rates))),
            Field(number(path.product)),
        )
    assert element.sum is not None
    sign = "=" if element.agrees else "≠"
    total = f"sum {sign} gradient {number(element.gradient)}"
    yield words(element.element), words(total), Field(""), Field(number(element.sum))
