"""Turn trained layers into the steps of a plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bpnet.fast.inference.meaning import Meaning, Numbers, plain
from bpnet.fast.inference.plan import Plan, Step
from bpnet.fast.inference.pointwise import ByChannel, Elementwise, Fork, GlobalMean, Join, Pooling
from bpnet.fast.inference.product import Convolution, Product
from bpnet.nn.layer import Layer
from bpnet.nn.pool import MaxPool

MOST_NUMBERS = 2**22  # that a step writes for one sample: with more, there is nothing to gain
MOST_WEIGHTS = 2**24  # a program has copies of them, laid out for its products
ORDERLY = ("dropout", "linear")  # what may follow `flatten`, besides functions of one element


class Program:
    """Hold the steps of a network with its weights, as they are at this moment.

    Args:
        layers: of a trained network, for which `can_plan` holds.
        dtype: element type of weights and activations.
        scale: inputs are `scale · samples + offset`.
        offset: likewise.
    """

    def __init__(
        self,
        layers: Sequence[Layer[Any]],
        dtype: DTypeLike,
        scale: float = 1.0,
        offset: float = 0.0,
    ) -> None:
        self.input_shape = self._shape = layers[0].input_shape
        self.dtype = np.dtype(dtype)
        self.steps: list[Step] = []
        self._past: list[Meaning] = []
        self._meaning = Meaning(np.full(self._shape[0], offset), scale)
        if not self._meaning.is_safe:
            self._settle()
        with np.errstate(all="ignore"):  # what is too large for the dtype is refused as an answer
            waiting = list(layers)
            while waiting:
                del waiting[: self._take(waiting)]
            self._settle()

    @property
    def numbers(self) -> int:
        """Return how many numbers a plan writes for one sample, the inputs included."""
        return math.prod(self.input_shape) + sum(step.numbers for step in self.steps)

    def plan(self, batch: int) -> Plan:
        """Return the calls for this number of samples."""
        return Plan(self.steps, self.input_shape, batch, self.dtype)

    def _take(self, layers: Sequence[Layer[Any]]) -> int:
        """Add steps for the first of these layers; return how many layers they do the work of."""
        layer: Any = layers[0]
        match layer.kind:
            case "conv":
                return self._convolve(layers)
            case "linear":
                product = Product(layer, self._shape, self._meaning, self.dtype)
                self._add(product, Meaning(product.bias))
            case "relu":
                self._by_channel(np.maximum, self._meaning.zero)
            case "maxpool":
                self._add(Pooling(np.maximum, layer), self._meaning)
            case "avgpool":
                if layer.padding:
                    self._settle()
                self._add(Pooling(np.add, layer), self._meaning)
            case "globalavgpool":
                self._add(GlobalMean(layer), self._meaning)
            case "batchnorm":
                factor = layer.weight / np.sqrt(layer.running_variance.astype("f8") + layer.epsilon)
                self._by_channel(np.multiply, factor * self._meaning.scale)
                moved = factor * (self._meaning.offset - layer.running_mean) + layer.bias
                self._meaning = Meaning(moved)
            case "residual":
                if self._meaning.scale != 1:
                    self._settle()
                self._past.append(self._meaning)
                self._add(Fork(), self._meaning)
            case "end":
                both = self._meaning.offset + self._past.pop().offset
                self._add(Join(layer), Meaning(both))
            case "flatten" | "dropout":
                return 1  # neither moves a number; a linear layer still sees the picture
            case _:
                self._settle()
                self._add(Elementwise(layer), self._meaning)
        if layer.scope != "element":  # a function leaves a picture one, even after `flatten`
            self._shape = layer.output_shape
        return 1

    def _convolve(self, layers: Sequence[Layer[Any]]) -> int:
        """Add a convolution with the pooling after it, and the ReLU before or after that."""
        conv: Any = layers[0]
        pool, relu, count = 1, False, 1
        for following in layers[1:3]:
            layer: Any = following
            if layer.kind == "relu" and not relu:
                relu = True
            elif type(layer) is MaxPool and pool == 1:
                pool = layer.kernel_size
            else:
                break
            count += 1
        convolution = Convolution(conv, pool, self._meaning, self.dtype)
        self._add(convolution, Meaning(convolution.bias))
        self._shape = layers[count - 1].output_shape
        if relu:
            self._by_channel(np.maximum, self._meaning.zero)
        return count

    def _by_channel(self, function: np.ufunc, values: Numbers) -> None:
        """Combine what is stored with a number for each channel."""
        self._add(ByChannel(function, values, self._shape, self.dtype), self._meaning)

    def _settle(self) -> None:
        """Store activations themselves."""
        if self._meaning.scale != 1:
            scale = np.full(len(self._meaning.offset), self._meaning.scale)
            self._by_channel(np.multiply, scale)
        if self._meaning.offset.any():
            self._by_channel(np.add, self._meaning.offset)
        self._meaning = plain(len(self._meaning.offset))

    def _add(self, step: Step, meaning: Meaning) -> None:
        self.steps.append(step)
        self._meaning = meaning


def can_plan(layers: Sequence[Layer[Any]]) -> bool:
    """Return whether a program can compute these layers, and is worth its memory."""
    weights = sum(math.prod(shape) for layer in layers for shape in layer.parameter_shapes.values())
    if weights > MOST_WEIGHTS or max(layer.activations() for layer in layers) > MOST_NUMBERS:
        return False
    is_flat = False  # a picture read as a vector, whose features lie in another order
    for layer in layers:
        is_function = layer.scope == "element" and not layer.parameter_shapes
        if is_flat and not (is_function or layer.kind in ORDERLY):
            return False
        if not is_function and layer.kind not in KINDS:
            return False
        if layer.kind == "flatten":
            is_flat = len(layer.input_shape) > 1
        elif layer.kind == "linear":
            is_flat = False
    return not is_flat


KINDS = (
    *("conv", "linear", "relu", "maxpool", "avgpool", "globalavgpool"),
    *("batchnorm", "flatten", "dropout", "residual", "end"),
)
