"""Say in words what one neuron receives and passes on, forward and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpnet.nn.facts import factor, number
from bpnet.nn.layer import Array, Shape
from bpnet.teach.trace.jacobian import ELEMENT, MATRIX
from bpnet.teach.trace.worked.forward import Place, forward_numbers
from bpnet.teach.trace.worked.layer_step import LayerStep
from bpnet.teach.trace.worked.terms import product, sum_of_numbers

MOST_SHARES = 4  # numbers passed back that a sentence lists
LOSS = "the loss"


def neuron_name(layer: str, index: Sequence[int], shape: Shape) -> str:
    """Return what a sentence calls an output of a layer: `2.linear neuron 2`."""
    places = [place + 1 for place in index]
    if len(shape) == 3:
        channel, row, column = places
        which = f"channel {channel}, " if shape[0] > 1 else ""
        return f"{layer} {which}row {row}, column {column}"
    return f"{layer} neuron {places[0]}" if len(places) == 1 else f"{layer} {places}"


def forward_sentence(step: LayerStep, before: str, after: str, place: Place) -> str:
    """Return what an output receives and passes on.

    Args:
        step: of its layer.
        before: what the layer takes its input from.
        after: what takes its output.
        place: of the output (sample, *index).
    """
    name = neuron_name(step.trace.name, place[1:], step.layer.output_shape)
    value = number(float(step.trace.output[place]))
    numbers = forward_numbers(step, place)
    if step.layer.scope == "element" and step.past is None:
        z = number(float(step.x[place]))
        return f"{name} receives {z} from {before} and passes {numbers} = {value} on to {after}."
    whole = value if numbers == value else f"{numbers} = {value}"
    source = before if step.past is None else f"{before} and past F"
    return f"{name} receives {whole} from {source} and passes it on to {after}."


def backward_sentence(step: LayerStep, before: str, after: str, place: Place) -> str:
    """Return what an output receives on the way back and passes to the layer before."""
    delta = float(step.trace.grad_output[place])
    text = f"On the way back it receives δ = {number(delta)} from {after}"
    if step.grad_past is not None:
        past = float(step.grad_past[place])
        passed = f"{sum_of_numbers([delta, past])} = {number(delta + past)}"
        return f"{text} and {number(past)} past F, and passes both, {passed}, to {before}."
    local = step.trace.local_derivative
    if local.form == ELEMENT and local.values is not None:
        slope = float(local.values[place])
        passed = number(slope * delta)
        times = f"δ times its slope, {product(slope, delta)} = {passed}"
        return f"{text} and passes {times}, to {before}."
    rates = _rates(step, place)
    if rates is None:
        return f"{text} and passes it on to {before} by {step.trace.formulas.backward}."
    if not rates.size:
        return f"{text} and passes nothing to {before}: its slopes are 0."
    shares = [
        f"{factor(float(rate))} · δ = {number(float(rate) * delta)}" for rate in rates[:MOST_SHARES]
    ]
    more = f" and {rates.size - MOST_SHARES} more" if rates.size > MOST_SHARES else ""
    kept = " Its weights keep δ times what they met." if "weight" in step.parameters else ""
    return f"{text} and passes {', '.join(shares)}{more} to {before}.{kept}"


def _rates(step: LayerStep, place: Place) -> Array | None:
    """Return how an output changes with those inputs that it depends on."""
    sample, *index = place
    local = step.trace.local_derivative
    if step.layer.kind == "linear":
        weights: Array = step.weights("weight")[index[0]]
        return weights
    if step.layer.scope == "identity":
        return np.ones(1)
    if local.form != MATRIX or local.values is None:
        return None
    rates: Array = local.values[sample][int(np.ravel_multi_index(index, step.layer.output_shape))]
    return rates[np.flatnonzero(rates)]
