"""Say in words what stands beside the numbers of a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpnet.nn.facts import number
from bpnet.teach.trace.number_text import LOST
from bpnet.teach.trace.paths import MOST_LISTED, MOST_PATHS, ElementPaths
from bpnet.teach.trace.step_trace import StepTrace
from bpnet.training.optimizers import OPTIMIZERS


def cancelling(step: StepTrace) -> list[str]:
    """Return why a loss needs neither ∂C/∂a nor the slope of the activation that it applies.

    Further sentences tell where these numbers, or their product, have lost digits.
    """
    held = step.loss_activation
    if held is None:
        return []
    text = f"loss and {held.name} cancel: {held.cancels}; so the loss applies the "
    sentences = [f"{text}{held.name} itself and computes {step.loss_formulas.backward} alone"]
    back, known = step.layers[-1].grad_output, np.isfinite(held.grad_input)
    if not known.all():
        sentences.append(
            f"{LOST}: a has been rounded to 0 or 1, or nearly so: ∂C/∂a and the slope have no "
            "digits left"
        )
    if not np.allclose(held.grad_input[known], back[known], rtol=1e-9, atol=0):
        sentences.append(
            "a and y are so close that their difference has fewer digits than the product"
        )
    return sentences


def clipping(step: StepTrace) -> str:
    """Return by what gradients are multiplied; nothing where they are not clipped."""
    if step.gradient_norm is None or step.clipping is None:
        return ""
    return f"‖g‖ = {number(step.gradient_norm)}, so g is multiplied by {number(step.clipping)}"


def memories(step: StepTrace) -> list[str]:
    """Return what the optimiser remembers of each weight, with its letters: `mean m`."""
    letters = {
        name: letter for rule in OPTIMIZERS.values() for name, letter in rule.letters.items()
    }
    names = next(iter(step.parameters.values())).memories if step.parameters else ()
    return [f"{name} {letters[name]}" for name in names]


def counted(elements: Sequence[ElementPaths]) -> str:
    """Describe how many paths lead from the numbers of a parameter to the loss."""
    counts = [element.count for element in elements]
    least, most = min(counts), max(counts)
    if most == 0:
        return "every path has a rate of 0, and so every gradient is 0"
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    limits = f"above {MOST_PATHS}, or {MOST_LISTED} in all"
    return f"{each} paths for each of {len(counts):,} numbers, not listed ({limits})"
