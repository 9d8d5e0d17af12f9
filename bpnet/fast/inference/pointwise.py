"""Compute what is no product: thresholds, pools, other activations, sums of two ways."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bpnet.fast.inference.meaning import Numbers
from bpnet.fast.inference.plan import Plan
from bpnet.fast.inference.product import Border
from bpnet.nn.layer import Array, Layer, Shape
from bpnet.nn.memory import Memory, Room
from bpnet.nn.sliding_pool import SlidingPool


class ByChannel:
    """Combine every activation with a number of its channel, in place: `y = f(x, v)`.

    Args:
        function: f, a ufunc of two arguments.
        values: v (channels,).
        shape: of a sample, channels last.
        dtype: element type.
    """

    def __init__(self, function: np.ufunc, values: Numbers, shape: Shape, dtype: DTypeLike) -> None:
        self.function = function
        self.numbers = math.prod(shape)
        self.values = np.tile(values.astype(dtype), self.numbers // len(values))  # long rows

    def write(self, x: Array, plan: Plan) -> Array:
        """Add one call."""
        y = plan.writable(x)
        flat = (plan.batch, self.numbers)
        plan.call(self.function, x.reshape(flat), self.values, out=y.reshape(flat))
        return y


class Pooling:
    """Combine the places of every window: `y = f(x_1, …, x_{K²})`, divided by K² for a mean.

    Args:
        function: `np.maximum` or `np.add`.
        layer: a pooling layer.
    """

    def __init__(self, function: np.ufunc, layer: Any) -> None:
        self.function = function
        slides = isinstance(layer, SlidingPool)  # else windows lie side by side
        self.kernel = layer.kernel_size
        self.stride = layer.stride if slides else self.kernel
        channels, *sides = layer.output_shape
        self.output_shape = (*sides, channels)
        self.border = Border(layer.padding, layer.border) if slides else Border(0, 0.0)
        self.numbers = math.prod(self.output_shape) + self.border.numbers(layer.input_shape)

    def write(self, x: Array, plan: Plan) -> Array:
        """Add one call for every place after the first."""
        x = self.border.write(x, plan)
        y = plan.array(*self.output_shape)
        down, across = (self.stride * (side - 1) + 1 for side in self.output_shape[:2])
        places = [
            x[:, row : row + down : self.stride, column : column + across : self.stride]
            for row in range(self.kernel)
            for column in range(self.kernel)
        ]
        plan.call(np.copyto, y, places[0])
        for place in places[1:]:
            plan.call(self.function, y, place, out=y)
        if self.function is np.add:
            plan.call(np.multiply, y, x.dtype.type(1 / len(places)), y)
        return y


class GlobalMean:
    """Keep the mean of every channel.

    Args:
        layer: whose shapes are taken.
    """

    def __init__(self, layer: Layer[Any]) -> None:
        (self.numbers,) = layer.output_shape

    def write(self, x: Array, plan: Plan) -> Array:
        """Add a sum and a division."""
        y = plan.array(self.numbers)
        pixels = x.reshape(plan.batch, -1, self.numbers)
        plan.call(np.add.reduce, pixels, 1, None, y)
        plan.call(np.divide, y, x.dtype.type(pixels.shape[1]), y)
        return y


class Elementwise:
    """Let a layer whose outputs each depend on one input compute them, however they lie.

    Args:
        layer: of scope "element", without parameters.
    """

    def __init__(self, layer: Layer[Any]) -> None:
        self.layer = layer
        self.numbers = layer.activations()

    def write(self, x: Array, plan: Plan) -> Array:
        """Add the layer's own forward."""
        layer = copy.copy(self.layer)
        layer.input_shape = layer.output_shape = (plan.batch,)
        rows = x.reshape(plan.batch, -1)
        memory = Memory(plan.dtype, training=False)
        cache = layer.allocate(Room(rows.shape[1], memory))
        y = np.empty_like(x)
        plan.call(lambda: np.copyto(y.reshape(rows.shape), layer.forward(rows, cache)))
        return y


class Fork:
    """Hold what comes in, and go on with it: the beginning of `y = x + F(x)`."""

    numbers = 0

    def write(self, x: Array, plan: Plan) -> Array:
        """Add nothing."""
        plan.held.append(x)
        return x


class Join:
    """End `y = x + F(x)`: add what the last fork holds.

    Args:
        layer: whose shape is taken.
    """

    def __init__(self, layer: Layer[Any]) -> None:
        self.numbers = layer.activations()

    def write(self, x: Array, plan: Plan) -> Array:
        """Add one sum."""
        past = plan.held.pop()
        y = plan.array(*x.shape[1:])
        plan.call(np.add, x, past, y)
        return y
