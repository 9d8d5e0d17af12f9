"""Lay out a trace as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bpnet.nn.facts import factor, number
from bpnet.teach.trace.equations import NABLA, Equation
from bpnet.teach.trace.jacobian import ELEMENT, IDENTITY, MIXED
from bpnet.teach.trace.number_table import Cell, NumberTable, Row, paragraph
from bpnet.teach.trace.number_text import (
    MOST_SHOWN,
    parameter,
    samples,
    size,
    told_apart,
    words,
)
from bpnet.teach.trace.paths import ElementPaths
from bpnet.teach.trace.selection import BACKWARD, FORWARD, PATHS, UPDATE, Selection
from bpnet.teach.trace.step_trace import LayerTrace, StepTrace
from bpnet.teach.trace.step_words import cancelling, clipping, counted, memories
from bpnet.teach.trace.ways import Path

ALL = Selection()
Write = Callable[[str], str]
ONE = Cell((("", ("1",)),))


def trace_lines(
    steps: Sequence[StepTrace], width: int, selection: Selection = ALL, write: Write = str
) -> Iterator[str]:
    """Yield the lines of what is selected of all steps, none longer than `width`.

    Args:
        steps: in order.
        width: columns of the page.
        selection: what of them is shown.
        write: returns a text as the page shows it, which may take more columns.
    """
    for place, step in enumerate(steps):
        if place:
            yield ""
        yield from StepText(step, width, selection, write).lines()


class StepText:
    """Lay out one step.

    Args:
        step: its numbers.
        width: columns of the page.
        selection: what of it is shown.
        write: returns a text as the page shows it.
    """

    def __init__(
        self, step: StepTrace, width: int, selection: Selection = ALL, write: Write = str
    ) -> None:
        self.step = step
        self.width = width
        self.selection = selection
        self.write = write
        self.labels = [f"sample {line}" for line in step.samples]

    def lines(self) -> Iterator[str]:
        """Yield heading, forward, backward, parameters, equations and paths."""
        yield from self._heading()
        for part, section in (
            (FORWARD, self._forward),
            (BACKWARD, self._backward),
            (UPDATE, self._parameters),
            (UPDATE, self._running),
            (BACKWARD, self._equations),
            (PATHS, self._paths),
        ):
            lines = list(section()) if part in self.selection.parts else []
            if lines:
                yield from ["", *lines]

    def _paragraph(self, text: str, indent: int = 0, hang: int = 2) -> list[str]:
        """Break a text into lines of the page, each as the page shows it."""
        return paragraph(self.write(text), self.width, indent, hang)

    def _heading(self) -> list[str]:
        step = self.step
        several = "samples" if len(step.samples) > 1 else "sample"
        text = f"step {step.step}, epoch {step.epoch}: "
        text += f"learning rate η = {number(step.learning_rate)}, "
        text += f"{several} {', '.join(map(str, step.samples))}"
        arrays = [step.inputs, *(layer.output for layer in step.layers)]
        arrays += [traced.before for traced in step.parameters.values()]
        lines = self._paragraph(text)
        if any(array.size > MOST_SHOWN for array in arrays):
            note = f"arrays of more than {MOST_SHOWN} numbers are summarised: --json has them all"
            note += ", --set train.batch_size=1 has fewer" if len(step.samples) > 1 else ""
            lines += ["", *self._paragraph(note)]
        return lines

    def _forward(self) -> Iterator[str]:
        step = self.step
        shape = step.inputs.shape[1:]
        rows = [Row(("input", size(shape), ""), (samples(step.inputs, self.labels),))]
        for layer in step.layers:
            cell = samples(layer.output, self.labels)
            rows.append(Row((layer.name, size(layer.shape), layer.formulas.forward), (cell,)))
        if (held := step.loss_activation) is not None:
            title = (f"({held.name})", size(held.shape), f"{held.formulas.forward}, by the loss")
            rows.append(Row(title, (samples(held.output, self.labels),)))
        shape = step.targets.shape[1:]
        rows.append(Row(("target y", size(shape), ""), (samples(step.targets, self.labels),)))
        cell = samples(step.losses[:, None], self.labels)
        rows.append(Row(("loss", "", step.loss_formulas.forward), (cell,)))
        if len(step.losses) > 1:
            rows.append(Row(("total loss", "", "L = Σ_n Cⁿ"), (one(step.total_loss),)))
            rows.append(Row(("mean", "", "C = Σ losses / samples"), (one(step.loss),)))
        yield "forward"
        yield from self._table(("layer", "shape", "formula"), ("output",), rows)

    def _backward(self) -> Iterator[str]:
        step = self.step
        held = step.loss_activation
        formula, gradient = step.loss_formulas.backward, step.layers[-1].grad_output
        if held is not None:
            formula, gradient = held.gradient_formula, held.grad_output
        slope = samples(gradient, self.labels)
        rows = [Row(("loss", formula), (slope, ONE, slope))]
        if held is not None:
            rows.append(self._backward_row(f"({held.name})", held))
        rows += [self._backward_row(layer.name, layer) for layer in reversed(step.layers)]
        heading = "backward: local derivative · δ = product, passed to the layer before"
        yield from self._paragraph(heading)
        headings = ("local derivative", "δ = ∂C/∂output", "product")
        yield from self._lines(NumberTable(("layer", "formula"), headings, tuple(rows)))
        if held is not None:
            for sentence in cancelling(step):
                yield from self._paragraph(sentence, indent=2)

    def _backward_row(self, name: str, layer: LayerTrace) -> Row:
        cells = (
            self._derivative(layer),
            samples(layer.grad_output, self.labels),
            samples(layer.grad_input, self.labels),
        )
        return Row((name, layer.formulas.backward), cells)

    def _derivative(self, layer: LayerTrace) -> Cell:
        """Return a layer's local derivative: a row for each output, a column for each input."""
        local = layer.local_derivative
        if local.form == IDENTITY:
            return ONE
        if local.form == MIXED or local.values is None:
            return words(layer.formulas.derivative)
        if local.form == ELEMENT:
            return samples(local.values, self.labels)
        is_same = bool((local.values == local.values[:1]).all())
        values, labels = (local.values[:1], []) if is_same else (local.values, self.labels)
        if values.size > MOST_SHOWN:
            return words(f"{layer.formulas.derivative} ({size(values.shape[1:])}, see --json)")
        return samples(values, labels)

    def _parameters(self) -> Iterator[str]:
        step = self.step
        if not step.parameters:
            return
        rows = []
        for name, traced in step.parameters.items():
            arrays = [traced.before, traced.grad, *traced.memories.values(), traced.after]
            rows.append(
                Row((name, size(traced.shape), traced.formula), tuple(map(parameter, arrays)))
            )
        if self.selection.has_formulas:
            yield from self._paragraph(f"parameters: {step.update[0]}")
            for rule in step.update[1:]:
                yield from self._paragraph(rule, indent=12)
        else:
            yield "parameters"
        if factor_of_all := clipping(step):
            yield from self._paragraph(factor_of_all, indent=12)
        headings = ("before", "gradient g", *memories(step), "after")
        yield from self._table(("name", "shape", "formula"), headings, rows)

    def _table(
        self, titles: Sequence[str], headings: Sequence[str], rows: Sequence[Row]
    ) -> Iterator[str]:
        """Yield a table whose last title is that of formulas, which may be left out."""
        if not self.selection.has_formulas:
            titles = titles[:-1]
            rows = [Row(row.title[:-1], row.cells) for row in rows]
        yield from self._lines(NumberTable(tuple(titles), tuple(headings), tuple(rows)))

    def _lines(self, table: NumberTable) -> list[str]:
        """Return a table, measured as the page shows it."""
        return table.written(self.write).lines(self.width)

    def _running(self) -> Iterator[str]:
        """Yield what batch normalisation will use in evaluation."""
        rows = [
            Row((name, size(state.before.shape)), (parameter(state.before), parameter(state.after)))
            for name, state in self.step.running.items()
        ]
        if rows:
            yield "running statistics"
            yield from self._lines(NumberTable(("name", "shape"), ("before", "after"), tuple(rows)))

    def _equations(self) -> Iterator[str]:
        if self.step.equations:
            heading = "the four equations: δ is ∂C/∂z of a layer's z, "
            yield from self._paragraph(f"{heading}{NABLA} is ∂C/∂a of the last output a")
        for equation in self.step.equations:
            yield from self._equation(equation)

    def _equation(self, equation: Equation) -> Iterator[str]:
        text = f"{equation.label}  {equation.name} = {equation.formula}"
        is_error = equation.label in ("BP1", "BP2")
        cell = samples(equation.values, self.labels) if is_error else parameter(equation.values)
        lines = cell.written(self.write).within(self.width - 8)
        whole = self.write(f"  {text} = {lines[0].strip()}")
        if len(lines) == 1 and len(whole) <= self.width:
            yield whole
            return
        yield from self._paragraph(f"{text} =", indent=2, hang=5)
        yield from (" " * 8 + line for line in lines)

    def _paths(self) -> Iterator[str]:
        step = self.step
        if step.paths is None:
            yield from self._paragraph(f"paths are not listed: {step.paths_obstacle}")
            return
        if not step.paths:
            return
        heading = "paths to the loss: rates multiply along each, and their sum is the gradient"
        yield from self._paragraph(heading)
        for name, elements in step.paths.items():
            chosen = [one for one in elements if self.selection.weight in (None, one.element)]
            is_whole = len(chosen) == len(elements) > 0
            if is_whole and not any(element.paths for element in elements):
                yield from self._paragraph(f"{name}: {counted(elements)}", indent=2)
                continue
            for element in chosen:
                yield from self._element(element)

    def _element(self, element: ElementPaths) -> Iterator[str]:
        gradient = number(element.gradient)
        if element.paths is None:
            yield f"  {element.element}: {element.count:,} paths, not listed, gradient {gradient}"
            return
        if not element.paths:
            yield f"  {element.element}: no path without a rate of 0, gradient {gradient}"
            return
        for path in element.paths:
            yield from self._path(path)
        assert element.sum is not None
        if element.agrees:
            yield f"  sum {number(element.sum)} = gradient"
            return
        total, gradient = told_apart(element.sum, element.gradient)
        yield f"  sum {total} ≠ gradient {gradient}"

    def _path(self, path: Path) -> Iterator[str]:
        sample = f"sample {path.sample}: " if len(self.labels) > 1 else ""
        yield from self._paragraph(sample + " → ".join(path.through), indent=2, hang=6)
        product = f"{' · '.join(map(factor, path.rates))} = {number(path.product)}"
        yield from self._paragraph(product, indent=6)


def one(value: float) -> Cell:
    """Return a cell for a single number."""
    return samples(np.array([[value]]), [])
