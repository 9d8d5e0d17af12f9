"""Derive a step in LaTeX: forward, loss, backward, gradients, updates, each with its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.nn.layer import Array
from bpnet.teach.trace.jacobian import ELEMENT, IDENTITY
from bpnet.teach.trace.latex.formula import (
    fits,
    latex_formula,
    latex_matrix,
    latex_matrix_of,
    latex_number,
)
from bpnet.teach.trace.page.arrays import arrays_of
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.worked.forward import forward_numbers
from bpnet.teach.trace.worked.layer_step import LayerStep, layer_steps
from bpnet.teach.trace.worked.losses import loss_numbers, mean_numbers
from bpnet.teach.trace.worked.update import update_numbers

LONGEST = 90  # characters of a line of an equation
MOST_WORKED = 4  # numbers of an array that are worked out one by one


def latex_lines(config: Config, steps: Sequence[StepTrace]) -> list[str]:
    """Return a derivation of some steps; it needs amsmath.

    Args:
        config: of the run.
        steps: that were traced.
    """
    layers = build_layers(config, steps[0].inputs.shape[1:], None, [])
    lines = [
        r"% \usepackage{amsmath}",
        r"% columns are samples; \delta^{(l)} is \partial C / \partial (output of layer l)",
        r"\allowdisplaybreaks",
    ]
    for step in steps:
        lines += Derivation(config, step, layer_steps(step, layers)).lines()
    return lines


def leaves_out(steps: Sequence[StepTrace]) -> bool:
    """Return whether some array is too large to be written out."""
    return not all(fits(one) for step in steps for array in arrays_of(step) for one in array)


class Derivation:
    """Derive one step.

    Args:
        config: of the run.
        step: that was traced.
        layers: of it.
    """

    def __init__(self, config: Config, step: StepTrace, layers: Sequence[LayerStep]) -> None:
        self.config = config
        self.step = step
        self.layers = layers
        letters = [layer.trace.formulas.forward[0] for layer in layers]
        self.names = ["a^{(0)}", *(f"{one}^{{({n})}}" for n, one in enumerate(letters, start=1))]

    def lines(self) -> list[str]:
        """Return the paragraphs of the derivation."""
        step = self.step
        samples = ", ".join(map(str, step.samples))
        rate = latex_number(step.learning_rate)
        heading = f"Step {step.step}, samples {samples}, $\\eta = {rate}$."
        return [
            "",
            rf"\paragraph{{{heading}}}",
            *aligned("Forward", [*self._forward(), *self._loss()]),
            *aligned("Backward", list(self._backward())),
            *aligned("The four equations", list(self._equations())),
            *aligned("Update", list(self._update())),
        ]

    def _forward(self) -> Iterator[list[str]]:
        yield [self.names[0], latex_matrix(columns(self.step.inputs))]
        for number, layer in enumerate(self.layers, start=1):
            output = latex_matrix(columns(layer.trace.output))
            _, _, given = layer.trace.formulas.forward.partition(", ")
            known = rf",\quad {latex_formula(given)}" if given else ""
            yield [self.names[number], *self._layer(number, layer), output + known]

    def _layer(self, number: int, layer: LayerStep) -> list[str]:
        """Return a layer's formula in symbols, and with its numbers."""
        before, x = self.names[number - 1], latex_matrix(columns(layer.x))
        if layer.layer.kind == "linear":
            symbols, numbers = f"W^{{({number})}} {before}", product(layer.weights("weight"), x)
            if "bias" in layer.parameters:
                ones = np.ones((1, layer.samples))
                bias = product(layer.weights("bias")[:, None], latex_matrix(ones))
                if layer.samples == 1:
                    bias = latex_matrix(layer.weights("bias")[:, None])
                repeated = r"\mathbf{1}^{\top}" if layer.samples > 1 else ""
                return [f"{symbols} + b^{{({number})}}{repeated}", f"{numbers} + {bias}"]
            return [symbols, numbers]
        _, _, symbols = layer.trace.formulas.forward.partition(", ")[0].partition(" = ")
        formula = latex_formula(symbols)
        if layer.layer.kind == "conv" and layer.weights("weight").shape[:2] == (1, 1):
            bias = latex_number(layer.bias(0) or 0.0)
            kernel = latex_matrix(layer.weights("weight"))
            return [formula, f"{kernel} \\star {x}" + (f" + {bias}" if layer.bias(0) else "")]
        output = layer.trace.output
        if output.size > MOST_WORKED or layer.layer.scope == "identity" or not fits(output[0]):
            return [formula]
        flat = output.reshape(layer.samples, -1)
        rows = [
            [self._worked(layer, sample, place) for sample in range(layer.samples)]
            for place in range(flat.shape[1])
        ]
        return [formula, latex_matrix_of(rows)]

    def _worked(self, layer: LayerStep, sample: int, place: int) -> str:
        index = tuple(map(int, np.unravel_index(place, layer.layer.output_shape)))
        return latex_formula(forward_numbers(layer, (sample, *index)).rpartition(" = ")[2])

    def _loss(self) -> Iterator[list[str]]:
        step, kind = self.step, self.config.train.loss
        _, _, symbols = step.loss_formulas.forward.partition(" = ")
        yield ["y", latex_matrix(columns(step.targets))]
        for sample, loss in enumerate(step.losses):
            name = "C" if len(step.losses) == 1 else f"C_{{{step.samples[sample]}}}"
            numbers = latex_formula(loss_numbers(kind, step, sample))
            short = [numbers] if step.targets.shape[1] <= MOST_WORKED else []
            yield [name, latex_formula(symbols), *short, latex_number(float(loss))]
        if 1 < len(step.losses) <= MOST_WORKED:
            yield ["C", latex_formula(mean_numbers(step)), latex_number(step.loss)]

    def _backward(self) -> Iterator[list[str]]:
        last = len(self.layers)
        _, _, symbols = self.step.loss_formulas.backward.partition(" = ")
        gradient = latex_matrix(columns(self.layers[-1].trace.grad_output))
        slope = rf"\frac{{\partial C}}{{\partial {self.names[last]}}}"
        yield [delta(last), slope, latex_formula(symbols), gradient]
        for number, layer in reversed(list(enumerate(self.layers, start=1))):
            passed = latex_matrix(columns(layer.trace.grad_input))
            yield [delta(number - 1), *self._passed(number, layer), passed]
            yield from self._gradients(number, layer)

    def _passed(self, number: int, layer: LayerStep) -> list[str]:
        """Return what a layer passes back, in symbols and with its numbers."""
        arriving = latex_matrix(columns(layer.trace.grad_output))
        local = layer.trace.local_derivative
        if layer.layer.kind == "linear":
            transposed = product(layer.weights("weight").T, arriving)
            return [f"{{W^{{({number})}}}}^{{\\top}} {delta(number)}", transposed]
        _, _, symbols = layer.trace.formulas.backward.partition(" = ")
        formula = latex_formula(symbols)
        if local.form == ELEMENT and local.values is not None:
            slopes = latex_matrix(columns(local.values))
            times = r"\odot" if r"\begin" in arriving else r"\cdot"
            return [formula, f"{bracketed(slopes)} {times} {bracketed(arriving)}"]
        if local.form == IDENTITY and layer.grad_past is not None:
            return [formula, f"{arriving} + {latex_matrix(columns(layer.grad_past))}"]
        return [formula]

    def _gradients(self, number: int, layer: LayerStep) -> Iterator[list[str]]:
        arriving = latex_matrix(columns(layer.trace.grad_output))
        for role, traced in layer.parameters.items():
            name = rf"\frac{{\partial C}}{{\partial {symbol(number, role)}}}"
            _, _, symbols = traced.formula.partition(" = ")
            parts, grad = [latex_formula(symbols)], latex_matrix(as_matrix(traced.grad))
            if layer.layer.kind == "linear" and role == "weight":
                a = layer.x.reshape(layer.samples, -1)
                parts = [f"{delta(number)} {{{self.names[number - 1]}}}^{{\\top}}"]
                parts.append(product(columns(layer.trace.grad_output), latex_matrix(a)))
            elif layer.layer.kind == "linear" and layer.samples > 1:
                parts = [rf"{delta(number)} \mathbf{{1}}"]
                parts.append(f"{arriving} {latex_matrix(np.ones((layer.samples, 1)))}")
            elif layer.layer.kind == "linear":
                parts = [delta(number)]
            yield [name, *parts, grad]

    def _equations(self) -> Iterator[list[str]]:
        for equation in self.step.equations:
            is_error = equation.label in ("BP1", "BP2")
            values = columns(equation.values) if is_error else as_matrix(equation.values)
            name = self._named(equation.name)
            text = rf"\text{{{equation.label}:}}\quad {name}"
            yield [text, self._named(equation.formula), latex_matrix(values)]

    def _named(self, formula: str) -> str:
        """Return one of the four equations with letters for the names of layers and weights."""
        kept: list[str] = []

        def keep(letters: str) -> str:
            kept.append(letters)
            return f"⟨{len(kept) - 1}⟩"

        patterns = (
            (r"∂C/∂(\d+)\.(\w+)", lambda m: gradient_symbol(int(m[1]), m[2])),
            (r"δ of (\d+)\.\w+", lambda m: delta(int(m[1]))),
            (r"∂a/∂z of (\d+)\.\w+", lambda m: rf"\frac{{\partial a}}{{\partial z}}^{{({m[1]})}}"),
            (r"input of (\d+)\.\w+", lambda m: self.names[int(m[1]) - 1]),
            (r"(\d+)\.(weight|bias)", lambda m: symbol(int(m[1]), m[2])),
            (r"(\d+)\.\w+", lambda m: self.names[int(m[1])]),
            (r"\binput\b", lambda m: self.names[0]),
        )
        for pattern, letters in patterns:
            formula = re.sub(pattern, lambda m, letters=letters: keep(letters(m)), formula)  # type: ignore[misc]
        written = latex_formula(formula)
        return re.sub(r"⟨(\d+)⟩", lambda found: kept[int(found[1])], written)

    def _update(self) -> Iterator[list[str]]:
        step = self.step
        for rule in step.update:
            yield ["& " + latex_formula(rule).replace(", ", r",\quad ")]
        for name, traced in step.parameters.items():
            number, _, role = name.partition(".")
            numbers = []
            if traced.after.size == 1:
                place = (0,) * traced.after.ndim
                moved = update_numbers(self.config.optimizer, step, traced, place)
                numbers = [latex_formula(moved)]
            yield [f"{symbol(int(number), role)}", *numbers, latex_matrix(as_matrix(traced.after))]


def aligned(title: str, equations: Sequence[Sequence[str]]) -> list[str]:
    """Return equations below a title; an equation is a chain of equal parts, broken where long."""
    if not equations:
        return []
    lines = []
    for first, *others in equations:
        line, shown = first + (" &" if others else ""), []
        for part in others:
            if len(line) + len(part) > LONGEST and not line.endswith("&"):
                shown.append(line)
                line = "  &"
            line += f"= {part}" if line.endswith("&") else f" = {part}"
        lines += [*shown, line]
    body = [rf"  {line} \\" for line in lines[:-1]] + [f"  {lines[-1]}"]
    return [f"{title}:", r"\begin{align*}", *body, r"\end{align*}"]


def columns(values: Array) -> Array:
    """Return an array (samples, *shape) as people write it: vectors as columns, pictures each."""
    return values if values.ndim > 2 else values.T


def as_matrix(values: Array) -> Array:
    """Return a parameter as a matrix: a bias as a column."""
    return values[:, None] if values.ndim == 1 else values


def product(left: Array, right: str) -> str:
    """Return a matrix times what follows; two numbers need a dot between them."""
    written = latex_matrix(left)
    if r"\begin" in written or r"\begin" in right:
        return f"{written} {right}"
    return rf"{bracketed(written)} \cdot {bracketed(right)}"


def bracketed(written: str) -> str:
    """Return a negative number in brackets."""
    return f"({written})" if written.startswith("-") else written


def delta(number: int) -> str:
    """Return ∂C/∂output of a layer."""
    return rf"\delta^{{({number})}}"


def symbol(number: int, role: str) -> str:
    """Return the letter of a parameter."""
    return rf"{'W' if role == 'weight' else 'b'}^{{({number})}}"


def gradient_symbol(number: int, role: str) -> str:
    """Return the gradient of a parameter."""
    return rf"\frac{{\partial C}}{{\partial {symbol(number, role)}}}"
