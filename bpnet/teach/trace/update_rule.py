"""Write down how an optimiser moves the weights in one step."""

from __future__ import annotations

from bpnet.nn.facts import number
from bpnet.nn.sequential import Sequential
from bpnet.training.optimizer import Optimizer


def update_rule(
    network: Sequential, optimizer: Optimizer, learning_rate: float, step: int
) -> tuple[str, ...]:
    """Return how the optimiser moves a weight w along its gradient g, a line per rule.

    Args:
        network: whose weights move.
        optimizer: what moves them, clipping included.
        learning_rate: η of the step.
        step: its number t, from 1.
    """
    lines = []
    if optimizer.grad_clip:
        clip = number(optimizer.grad_clip)
        lines.append(f"g ← g · min(1, c / ‖g‖), c = {clip}, ‖g‖ over all parameters")
    if optimizer.config.weight_decay:
        normalises = any(
            len(shape) == 1 for name, shape in network.parameters.shapes.items() if "weight" in name
        )
        spared = "biases, γ and β" if normalises else "biases"
        decay = f"λ = {number(optimizer.config.weight_decay)}, not for {spared}"
        lines.append(f"{optimizer.decay_formula()}, {decay}")
    return (*lines, *optimizer.formulas(learning_rate, step))
