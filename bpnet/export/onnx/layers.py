"""Write every kind of layer as ONNX operations, as it answers after training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bpnet.export.onnx.graph import Graph
from bpnet.nn.gelu import CUBIC, SCALE
from bpnet.nn.layer import Layer

Writer = Callable[[Graph, Any, str], str]  # of a layer whose input has this name: its output's


def add_layers(graph: Graph, layers: Sequence[Layer[Any]], x: str) -> str:
    """Add all layers of a network, and return the name of what the last one gives."""
    past: list[str] = []  # what is led past the residual blocks that are open
    for layer in layers:
        if layer.kind == "residual":
            past.append(x)
        elif layer.kind == "end":
            x = graph.node(layer.name, "Add", x, past.pop())
        else:
            x = WRITERS[layer.kind](graph, layer, x)
    return x


def _linear(graph: Graph, layer: Any, x: str) -> str:
    """Add `x Wᵀ + b`: rows are samples here."""
    return graph.node(layer.name, "Gemm", x, *_parameters(graph, layer), transB=1)


def _conv(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "Conv", x, *_parameters(graph, layer), **_windows(layer))


def _parameters(graph: Graph, layer: Any, *further: str) -> list[str]:
    roles = (*layer.parameter_shapes, *further)
    return [graph.constant(f"{layer.position}.{role}", getattr(layer, role)) for role in roles]


def _windows(layer: Any) -> dict[str, Any]:
    """Return size, stride and padding of the windows of a convolution or a pool."""
    size, stride = layer.kernel_size, getattr(layer, "stride", layer.kernel_size)
    padding = getattr(layer, "padding", 0)
    return {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [padding] * 4}


def _maxpool(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "MaxPool", x, **_windows(layer))


def _avgpool(graph: Graph, layer: Any, x: str) -> str:
    """Add means to which the zeros around the picture count."""
    return graph.node(layer.name, "AveragePool", x, **_windows(layer), count_include_pad=1)


def _globalavgpool(graph: Graph, layer: Any, x: str) -> str:
    means = graph.node(f"{layer.name}.means", "GlobalAveragePool", x)
    return graph.node(layer.name, "Flatten", means)


def _batchnorm(graph: Graph, layer: Any, x: str) -> str:
    """Add a batch normalisation that no layer before it could take in."""
    values = _parameters(graph, layer, "running_mean", "running_variance")
    return graph.node(layer.name, "BatchNormalization", x, *values, epsilon=layer.epsilon)


def _scale(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "Mul", x, graph.constant(f"{layer.name}.c", layer.factor))


def _gelu(graph: Graph, layer: Any, x: str) -> str:
    """Add `z ½ (1 + tanh u)`, `u = z (√(2/π) + √(2/π) 0.044715 z²)`."""
    name = layer.name

    def step(part: str, operation: str, a: str, b: float | str) -> str:
        other = b if isinstance(b, str) else graph.constant(f"{name}.{part}.c", b)
        return graph.node(f"{name}.{part}", operation, a, other)

    square = step("square", "Mul", x, x)
    inner = step("inner", "Add", step("cubic", "Mul", square, SCALE * CUBIC), SCALE)
    tanh = graph.node(f"{name}.tanh", "Tanh", step("u", "Mul", inner, x))
    gate = step("gate", "Mul", step("sum", "Add", tanh, 1.0), 0.5)
    return graph.node(name, "Mul", x, gate)


def _plain(operation: str, **attributes: Any) -> Writer:
    """Return what adds an operation that has no parameters."""
    return lambda graph, layer, x: graph.node(layer.name, operation, x, **attributes)


WRITERS: dict[str, Writer] = {
    "linear": _linear,
    "conv": _conv,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "globalavgpool": _globalavgpool,
    "batchnorm": _batchnorm,
    "scale": _scale,
    "gelu": _gelu,
    "dropout": lambda graph, layer, x: x,  # after training it hands everything on
    "flatten": _plain("Flatten"),
    "relu": _plain("Relu"),
    "leaky_relu": lambda graph, layer, x: graph.node(layer.name, "LeakyRelu", x, alpha=layer.slope),
    "elu": lambda graph, layer, x: graph.node(layer.name, "Elu", x, alpha=layer.alpha),
    "softplus": _plain("Softplus"),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "softmax": _plain("Softmax", axis=1),
}
