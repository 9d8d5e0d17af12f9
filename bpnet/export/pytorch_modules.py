"""Write the lines of Python that build a network from PyTorch's modules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bpnet.model.model import Model
from bpnet.nn.layer import Layer

RESIDUAL = """
class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)
"""
SCALE = """
class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor
    def forward(self, x):
        return self.factor * x
"""


def loading_code(model: Model, file: str) -> str:
    """Return the lines that load a safetensors file of a network's weights into modules."""
    layers, normalization = model.network.layers, model.normalization
    kinds = {layer.kind for layer in layers}
    classes = RESIDUAL * ("residual" in kinds) + SCALE * ("scale" in kinds)
    double = ".double()" if model.network.dtype == "float64" else ""
    lines = [
        "from safetensors.torch import load_file",
        "from torch import nn",
        *classes.splitlines(),
        *([""] if classes else []),
        "network = nn.Sequential(",
        *_modules(layers),
        f"){double}",
        f"network.load_state_dict(load_file({json.dumps(file, ensure_ascii=False)}))",
        f"network.eval()  # inputs: {normalization.scale!r} * stored + {normalization.offset!r}",
    ]
    if model.temperature is not None:
        lines.append(f"# probabilities: softmax(outputs / {model.temperature!r})")
    return "\n".join(lines)


def _modules(layers: list[Layer[Any]]) -> list[str]:
    """Return a line for each module, those of a residual block further in."""
    lines, depth = [], 1
    for layer in layers:
        if layer.kind == "end":
            depth -= 1
            lines.append("    " * depth + "),")
        elif layer.kind == "residual":
            lines.append("    " * depth + "Residual(")
            depth += 1
        else:
            lines.append("    " * depth + f"{MODULES[layer.kind](layer)},")
    return lines


def _call(name: str, *values: object, **named: object) -> str:
    """Return a call of one of PyTorch's modules; named values that are None are left out."""
    given = [f"{key}={value!r}" for key, value in named.items() if value is not None]
    return f"nn.{name}({', '.join([*map(repr, values), *given])})"


def _unless(value: object, default: object) -> object | None:
    """Return a value, or None where it is PyTorch's default anyway."""
    return None if value == default else value


def _linear(layer: Any) -> str:
    bias = _unless(layer.has_bias, True)
    return _call("Linear", layer.input_shape[0], layer.output_shape[0], bias=bias)


def _conv(layer: Any) -> str:
    return _call(
        "Conv2d",
        layer.input_shape[0],
        layer.output_shape[0],
        layer.kernel_size,
        stride=_unless(layer.stride, 1),
        padding=_unless(layer.padding, 0),
        bias=_unless(layer.has_bias, True),
    )


def _pool(name: str) -> Callable[[Any], str]:
    def write(layer: Any) -> str:
        stride = _unless(getattr(layer, "stride", layer.kernel_size), layer.kernel_size)
        padding = _unless(getattr(layer, "padding", 0), 0)
        return _call(name, layer.kernel_size, stride=stride, padding=padding)

    return write


def _batchnorm(layer: Any) -> str:
    name = "BatchNorm2d" if len(layer.input_shape) == 3 else "BatchNorm1d"
    epsilon, momentum = _unless(layer.epsilon, 1e-5), _unless(layer.momentum, 0.1)
    return _call(name, layer.input_shape[0], eps=epsilon, momentum=momentum)


def _plain(name: str, **named: object) -> Callable[[Any], str]:
    return lambda layer: _call(name, **named)


MODULES: dict[str, Callable[[Any], str]] = {
    "linear": _linear,
    "conv": _conv,
    "maxpool": _pool("MaxPool2d"),
    "avgpool": _pool("AvgPool2d"),
    "globalavgpool": lambda layer: "nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())",
    "batchnorm": _batchnorm,
    "scale": lambda layer: f"Scale({layer.factor!r})",
    "dropout": lambda layer: _call("Dropout", layer.probability),
    "flatten": _plain("Flatten"),
    "relu": _plain("ReLU"),
    "leaky_relu": lambda layer: _call("LeakyReLU", layer.slope),
    "elu": lambda layer: _call("ELU", layer.alpha),
    "gelu": _plain("GELU", approximate="tanh"),
    "softplus": _plain("Softplus"),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "softmax": _plain("Softmax", dim=1),
}
