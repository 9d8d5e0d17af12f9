"""Write as ONNX operations what a network's outputs stand for: probabilities, or numbers."""

from __future__ import annotations

import numpy as np

from bpnet.export.onnx.graph import Graph
from bpnet.model.model import LEAST, Model
from bpnet.nn.facts import SIGMOID, SOFTMAX

PROBABILITIES, NUMBERS = "probabilities", "outputs"
TINY = float(np.finfo(np.float32).tiny)


def add_answer(graph: Graph, model: Model, outputs: str) -> str:
    """Add what turns outputs into answers, as `Model.class_probabilities`; return their name.

    Args:
        graph: that computes the outputs.
        model: whose they are.
        outputs: their name.
    """
    applies = model.network.loss.applies
    if not model.class_names:
        return _numbers(graph, model, outputs)
    if model.temperature is not None:
        temperature = graph.constant("temperature", model.temperature)
        outputs = graph.node("z / T", "Div", outputs, temperature)
    elif applies is SIGMOID:
        return _shares_of_chances(graph, outputs)
    elif applies is not SOFTMAX:
        return _shares_of_positive(graph, outputs)
    return graph.node(PROBABILITIES, "Softmax", outputs, axis=1)


def _numbers(graph: Graph, model: Model, outputs: str) -> str:
    """Add what outputs say where targets are numbers; of logits, the probabilities."""
    applies = model.network.loss.applies
    if applies is SOFTMAX:
        return graph.node(PROBABILITIES, "Softmax", outputs, axis=1)
    if applies is SIGMOID:
        return graph.node(PROBABILITIES, "Sigmoid", outputs)
    return graph.node(NUMBERS, "Identity", outputs)


def _shares_of_chances(graph: Graph, z: str) -> str:
    """Add `σ(z)` over their sum, as `softmax(log σ(z))` with `log σ(z) = −softplus(−z)`."""
    softplus = graph.node("softplus(−z)", "Softplus", graph.node("−z", "Neg", z))
    return graph.node(PROBABILITIES, "Softmax", graph.node("log σ(z)", "Neg", softplus), axis=1)


def _shares_of_positive(graph: Graph, a: str) -> str:
    """Add outputs over their sum, the negative ones set to 0; see `Loss.probabilities`."""
    positive = graph.node("max(a, 0)", "Relu", a)
    positive = graph.node("positive", "Add", positive, graph.constant("tiny", TINY))
    share = graph.node("shares", "Div", positive, _sum(graph, "sum", positive))
    share = graph.node("shares > 0", "Max", share, graph.constant("least", LEAST))
    return graph.node(PROBABILITIES, "Div", share, _sum(graph, "sum of shares", share))


def _sum(graph: Graph, name: str, x: str) -> str:
    return graph.node(name, "ReduceSum", x, graph.integers(f"{name}.axis", [1]), keepdims=1)
