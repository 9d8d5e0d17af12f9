"""Derive steps in LaTeX: forward, loss, backward, gradients, updates, each with its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from bpnet.config.network import build_layers
from bpnet.config.settings import Config
from bpnet.teach.trace.latex.backward import backward_equations, four_equations
from bpnet.teach.trace.latex.derived_step import DerivedStep
from bpnet.teach.trace.latex.forward import forward_equations, loss_equations
from bpnet.teach.trace.latex.matrix import fits, latex_number
from bpnet.teach.trace.latex.names import Names
from bpnet.teach.trace.latex.update import update_equations
from bpnet.teach.trace.step_arrays import arrays_of
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.teach.trace.worked.layer_step import layer_steps

LONGEST = 90  # characters of a line of an equation


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
        traced = layer_steps(step, layers)
        lines += derivation(DerivedStep(config, step, traced, Names(traced)))
    return lines


def leaves_out(steps: Sequence[StepTrace]) -> bool:
    """Return whether some array is too large to be written out."""
    return not all(fits(one) for step in steps for array in arrays_of(step) for one in array)


def derivation(derived: DerivedStep) -> list[str]:
    """Return the paragraphs of one step."""
    step = derived.step
    samples = "sample " if len(step.samples) == 1 else "samples "
    samples += ", ".join(map(str, step.samples))
    heading = f"Step {step.step}, {samples}, $\\eta = {latex_number(step.learning_rate)}$."
    return [
        "",
        rf"\paragraph{{{heading}}}",
        *aligned("Forward", [*forward_equations(derived), *loss_equations(derived)]),
        *aligned("Backward", list(backward_equations(derived))),
        *aligned("The four equations", list(four_equations(derived))),
        *aligned("Update", list(update_equations(derived))),
    ]


def aligned(title: str, equations: Sequence[Sequence[str]]) -> list[str]:
    """Return equations below a title; an equation is a chain of equal sides, broken where long."""
    if not equations:
        return []
    lines = []
    for first, *others in equations:
        line, shown = first + (" &" if others else ""), []
        for side in others:
            if len(line) + len(side) > LONGEST and not line.endswith("&"):
                shown.append(line)
                line = "  &"
            line += f"= {side}" if line.endswith("&") else f" = {side}"
        lines += [*shown, line]
    body = [rf"  {line} \\" for line in lines[:-1]] + [f"  {lines[-1]}"]
    return [f"{title}:", r"\begin{align*}", *body, r"\end{align*}"]
